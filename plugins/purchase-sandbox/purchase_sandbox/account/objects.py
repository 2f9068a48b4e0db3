"""What an account holds. Frozen; encoded to JSON as they stand, these are the sandbox's documents.

Instants are integer microseconds since the epoch, amounts integer minor units. `updated` is the stamp of
the state shown: strictly increasing over the whole account, and equal to `created` of the event that tells
of it, so that an answer and its webhook are one observation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from purchase_core.instants import Instant

NEVER = Instant(0)


@attrs.frozen(kw_only=True)
class Customer:
    """Somebody who buys. E-mails are not unique."""

    id: str
    object: str = "customer"
    email: str = attrs.field(default="", repr=False)
    metadata: Mapping[str, str]
    created: Instant = NEVER
    updated: Instant = NEVER


@attrs.frozen(kw_only=True)
class Product:
    """What prices are of. Archived, it is sold no more."""

    id: str
    object: str = "product"
    name: str
    active: bool = True
    metadata: Mapping[str, str]
    created: Instant = NEVER
    updated: Instant = NEVER


@attrs.frozen(kw_only=True)
class Price:
    """An amount for a product: per interval, or once where there is none. The amount never changes.

    Archived, it is sold no more, and paid on by those who have it.
    """

    id: str
    object: str = "price"
    product: str | None = None
    product_name: str
    active: bool = True
    unit_amount: int
    currency: str
    interval: str | None = None
    interval_count: int = 1
    metadata: Mapping[str, str]
    created: Instant = NEVER
    updated: Instant = NEVER


@attrs.frozen(kw_only=True)
class Discount:
    """A share of the price that is let off, once. Whoever knows `code` can have it where codes are taken."""

    id: str
    object: str = "discount"
    percent_off: int
    code: str
    metadata: Mapping[str, str] = {}
    created: Instant = NEVER
    updated: Instant = NEVER


@attrs.frozen(kw_only=True)
class Session:
    """A checkout page. `status`: open | complete | expired. A guest is no `customer` until it is paid.

    `payment_status`: unpaid | paid | no_payment_required.
    """

    id: str
    object: str = "checkout.session"
    url: str
    mode: str
    status: str = "open"
    payment_status: str = "unpaid"
    price: str
    quantity: int
    trial_days: int
    card_required: bool = True
    customer: str | None
    email: str = attrs.field(default="", repr=False)
    discount: str | None = None
    promotion_codes: bool = False
    locale: str | None = None
    subscription: str | None = None
    invoice: str | None = None
    success_url: str
    cancel_url: str
    expires_at: Instant
    last_error: str | None = None
    metadata: Mapping[str, str]
    created: Instant = NEVER
    updated: Instant = NEVER


@attrs.frozen(kw_only=True)
class SubscriptionItem:
    """The item of a subscription, with what its price says."""

    price: str
    quantity: int
    unit_amount: int
    currency: str


@attrs.frozen(kw_only=True)
class Subscription:
    """A subscription. `status`: trialing | active | past_due | paused | canceled.

    Period `index` is counted from `anchor`; during a trial it is -1, and the anchor is the trial's end.
    `balance` is for the next invoice: what is owed of a change or, below zero, what is left over of one.
    """

    id: str
    object: str = "subscription"
    status: str
    customer: str
    items: tuple[SubscriptionItem, ...]
    anchor: Instant
    index: int
    period_start: Instant
    period_end: Instant
    started_at: Instant
    trial_end: Instant | None = None
    cancel_at: Instant | None = None
    ended_at: Instant | None = None
    pause_at: Instant | None = None
    resumes_at: Instant | None = None
    collecting: bool = True
    next_items: tuple[SubscriptionItem, ...] = ()
    next_items_at: Instant | None = None
    balance: int = 0
    payment_method: str
    latest_invoice: str | None = None
    metadata: Mapping[str, str]
    created: Instant = NEVER
    updated: Instant = NEVER


@attrs.frozen(kw_only=True)
class Line:
    """A line of an invoice. `amount` is what it adds to the total; a credit is negative."""

    price: str
    quantity: int
    unit_amount: int
    amount: int
    currency: str
    period_start: Instant | None = None
    period_end: Instant | None = None
    proration: bool = False
    trial: bool = False


@attrs.frozen(kw_only=True)
class Invoice:
    """A bill. `status`: open | paid | void | uncollectible.

    `billing_reason`: purchase | subscription_create | subscription_cycle | subscription_update.
    `due_at`: when its money was first asked for. `action`: what the customer must do; update_card or none.
    """

    id: str
    object: str = "invoice"
    status: str
    billing_reason: str
    customer: str
    subscription: str | None = None
    currency: str
    total: int
    amount_paid: int
    lines: tuple[Line, ...]
    paid_at: Instant | None = None
    due_at: Instant | None = None
    action: str | None = None
    attempts: int = 1
    next_attempt_at: Instant | None = None
    metadata: Mapping[str, str]
    created: Instant = NEVER
    updated: Instant = NEVER


@attrs.frozen(kw_only=True)
class Refund:
    """Money that goes back for an invoice. `status`: pending | succeeded | rejected | failed.

    Pending only where refunds have to be approved. One that failed had succeeded, and has come back.
    """

    id: str
    object: str = "refund"
    invoice: str
    amount: int
    currency: str
    status: str = "succeeded"
    metadata: Mapping[str, str]
    created: Instant = NEVER
    updated: Instant = NEVER


@attrs.frozen(kw_only=True)
class Dispute:
    """Money that a bank holds back for an invoice. `status`: inquiry | open | won | lost."""

    id: str
    object: str = "dispute"
    invoice: str
    amount: int
    currency: str
    status: str
    metadata: Mapping[str, str]
    created: Instant = NEVER
    updated: Instant = NEVER


@attrs.frozen(kw_only=True)
class PortalSession:
    """A page for one customer. `flow`: overview | payment_method | cancel | change."""

    id: str
    object: str = "portal_session"
    url: str
    customer: str
    flow: str
    subscription: str | None
    return_url: str | None
    metadata: Mapping[str, str] = {}
    created: Instant = NEVER
    updated: Instant = NEVER


Thing: TypeAlias = (
    Customer
    | Product
    | Price
    | Discount
    | Session
    | Subscription
    | Invoice
    | Refund
    | Dispute
    | PortalSession
)


def falls_due(thing: Thing) -> Instant | None:
    """When something happens to the object by itself."""
    match thing:
        case Session(status="open"):
            return thing.expires_at
        case Subscription(status="paused"):
            return thing.resumes_at
        case Subscription() if thing.status != "canceled":
            return min(thing.period_end, thing.resumes_at or thing.period_end)
        case Invoice(status="open"):
            return thing.next_attempt_at
        case _:
            return None
