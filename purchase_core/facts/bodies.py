"""The bodies of facts: what was seen at a provider, and what we decided ourselves.

Every body is absolute ("object X looked like S"), never a step. Amounts are integer minor units of
`currency`, before tax and discount where they say *unit*; instants are microseconds since the epoch.
Identifiers are the provider's own, except `intent` and `attempt`, which are ours and travel in the
provider's metadata. Bodies carry no personal data.
"""

from __future__ import annotations

from typing import TypeAlias

from purchase_core.instants import Instant
from purchase_core.values import Value


class Seen(Value, frozen=True, omit_defaults=True):
    """The base of bodies. Defaults are not stored, so a field that is added later changes no known digest."""


class Item(Seen, frozen=True):
    """One item of a subscription. `version` is the offer version that `price` was made for ("" = unknown)."""

    price: str
    quantity: int
    unit_amount: int
    currency: str
    version: str = ""


class InvoiceLine(Seen, frozen=True):
    """One line of an invoice. `amount` is what the line adds to the total, after discounts, before tax."""

    price: str
    quantity: int
    unit_amount: int
    amount: int
    currency: str
    period_start: Instant | None = None
    period_end: Instant | None = None
    proration: bool = False
    trial: bool = False
    version: str = ""


class CountryAmount(Seen, frozen=True):
    """What one unit costs those who live in a country, instead of what the intent says."""

    country: str
    unit_amount: int
    currency: str


class IntentPlaced(Seen, frozen=True):
    """A customer set out to buy `quantity` of an offer at this price. Ours; never changes.

    `customer` is "" for a guest. `countries`: what it costs in some countries instead. `replaces`: the key of
    a subscription whose place this one is to take.
    """

    id: str
    customer: str
    offer: str
    version: str
    product: str  # subscription | one_time | credit_pack
    quantity: int
    unit_amount: int
    currency: str
    trial_days: int
    discounts: bool = False  # whether the checkout was allowed to take promotion codes
    countries: tuple[CountryAmount, ...] = ()
    replaces: str = ""


class AttemptMade(Seen, frozen=True):
    """One try to have an intent paid on one connection. `status`: current | withdrawn | refused.

    `price`, `customer` and `session` are the provider's ids that the checkout was opened with.
    """

    id: str
    intent: str
    status: str
    connection: str
    price: str
    customer: str
    session: str


class RefundAsked(Seen, frozen=True):
    """We decided to pay back an amount of an invoice, and asked the provider. Ours.

    `id` is our command's, `connection` and `invoice` say whose bill it is. `status`: asked | refused. Once a
    refund that carries our command is seen, what was seen counts.
    """

    id: str
    connection: str
    invoice: str
    amount: int
    currency: str
    status: str


class CaseDecided(Seen, frozen=True):
    """We decided that a case, as it was then, needs nothing more. Ours. `status`: resolved | reopened.

    `id` is the case's key, `about` that of the object it is about; `detail` and `amount` are what was known
    of it: a case that says something else, or of more money, is open again. `command` is the receipt that
    tells who decided so, and why.
    """

    id: str
    about: str
    detail: str
    amount: int
    status: str
    command: str


class CreditsGranted(Seen, frozen=True):
    """We gave a customer credits of a unit. Ours; never changes."""

    id: str
    customer: str
    unit: str
    amount: int
    expires_at: Instant | None = None


class SessionSeen(Seen, frozen=True):
    """A checkout session. `status`: open | complete | expired. `payment`: unpaid | paid | none_due."""

    id: str
    status: str
    payment: str
    customer: str
    intent: str = ""
    subscription: str = ""
    invoice: str = ""


class SubscriptionSeen(Seen, frozen=True):
    """A subscription.

    `status`: incomplete | incomplete_expired | trialing | active | past_due | unpaid | paused | canceled.
    `cancel_at` is a cancellation that is scheduled; `ended_at` is one that happened. `resumes_at`: when a
    pause ends by itself. `collecting`: whether its invoices are charged. `next_items` replace `items` at
    `next_items_at`, if a change is scheduled.
    """

    id: str
    status: str
    customer: str
    items: tuple[Item, ...]
    period_start: Instant
    period_end: Instant
    started_at: Instant
    trial_end: Instant | None = None
    cancel_at: Instant | None = None
    ended_at: Instant | None = None
    intent: str = ""
    resumes_at: Instant | None = None
    collecting: bool = True
    next_items: tuple[Item, ...] = ()
    next_items_at: Instant | None = None


class InvoiceSeen(Seen, frozen=True):
    """A bill and what was paid of it. `status`: draft | open | paid | void | uncollectible.

    `reason`: first (the checkout's own) | renewal | change | manual. Only a first invoice answers an intent,
    or a manual one that was paid on its checkout page.
    `due_at`: when its money was first asked for. `action`: what the customer must do for it to be paid:
    pay | authenticate | update_card; "" for nothing.
    """

    id: str
    status: str
    reason: str
    customer: str
    currency: str
    total: int
    paid: int
    lines: tuple[InvoiceLine, ...]
    paid_at: Instant | None = None
    subscription: str = ""
    intent: str = ""
    due_at: Instant | None = None
    action: str = ""


class RefundSeen(Seen, frozen=True):
    """Money that goes back for an invoice. `status`: pending | succeeded | rejected | failed | canceled.

    `rejected`: the provider refused it. `failed`: it did not arrive, or was reversed, and is ours again.
    `command` is ours, if it was we who asked for it.
    """

    id: str
    invoice: str
    amount: int
    currency: str
    status: str
    command: str = ""


class DisputeSeen(Seen, frozen=True):
    """Money that a bank holds back for an invoice. `status`: inquiry | open | won | lost.

    `inquiry`: a bank asks, and holds nothing back yet. `won` and `lost` can be opened again by an appeal.
    """

    id: str
    invoice: str
    amount: int
    currency: str
    status: str


Body: TypeAlias = (
    IntentPlaced
    | AttemptMade
    | RefundAsked
    | CaseDecided
    | CreditsGranted
    | SessionSeen
    | SubscriptionSeen
    | InvoiceSeen
    | RefundSeen
    | DisputeSeen
)

KINDS: dict[str, type[Body]] = {
    "intent": IntentPlaced,
    "attempt": AttemptMade,
    "refund_request": RefundAsked,
    "case_decision": CaseDecided,
    "grant": CreditsGranted,
    "session": SessionSeen,
    "subscription": SubscriptionSeen,
    "invoice": InvoiceSeen,
    "refund": RefundSeen,
    "dispute": DisputeSeen,
}
KIND_OF: dict[type[Body], str] = {body: kind for kind, body in KINDS.items()}

# Which of two states of one instant is the later one, where the provider's clock cannot tell.
STATE_RANK: dict[str, tuple[str, ...]] = {
    "intent": (),
    "attempt": ("current", "refused", "withdrawn"),
    "refund_request": ("asked", "refused"),
    "case_decision": ("resolved", "reopened"),
    "grant": (),
    "session": ("open", "complete", "expired"),
    "subscription": (
        "incomplete", "trialing", "active", "past_due", "paused", "unpaid", "incomplete_expired", "canceled",
    ),
    "invoice": ("draft", "open", "uncollectible", "paid", "void"),
    "refund": ("pending", "succeeded", "canceled", "rejected", "failed"),
    "dispute": ("inquiry", "open", "won", "lost"),
}  # fmt: skip
