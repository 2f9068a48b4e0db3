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


class Item(Value, frozen=True):
    """One item of a subscription. `version` is the offer version that `price` was made for ("" = unknown)."""

    price: str
    quantity: int
    unit_amount: int
    currency: str
    version: str = ""


class InvoiceLine(Value, frozen=True):
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


class IntentPlaced(Value, frozen=True):
    """A customer set out to buy `quantity` of an offer at this price. Ours; never changes."""

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


class AttemptMade(Value, frozen=True):
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


class SessionSeen(Value, frozen=True):
    """A checkout session. `status`: open | complete | expired. `payment`: unpaid | paid | none_due."""

    id: str
    status: str
    payment: str
    customer: str
    intent: str = ""
    subscription: str = ""
    invoice: str = ""


class SubscriptionSeen(Value, frozen=True):
    """A subscription.

    `status`: incomplete | incomplete_expired | trialing | active | past_due | unpaid | paused | canceled.
    `cancel_at` is a cancellation that is scheduled; `ended_at` is one that happened.
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


class InvoiceSeen(Value, frozen=True):
    """A bill and what was paid of it. `status`: draft | open | paid | void | uncollectible.

    `reason`: first (the checkout's own) | renewal | change | manual. Only a first invoice answers an intent.
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


class RefundSeen(Value, frozen=True):
    """Money that went back for an invoice. `status`: pending | succeeded | failed | canceled."""

    id: str
    invoice: str
    amount: int
    currency: str
    status: str


class DisputeSeen(Value, frozen=True):
    """Money that a bank holds back for an invoice. `status`: open | won | lost."""

    id: str
    invoice: str
    amount: int
    currency: str
    status: str


Body: TypeAlias = (
    IntentPlaced | AttemptMade | SessionSeen | SubscriptionSeen | InvoiceSeen | RefundSeen | DisputeSeen
)

KINDS: dict[str, type[Body]] = {
    "intent": IntentPlaced,
    "attempt": AttemptMade,
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
    "session": ("open", "complete", "expired"),
    "subscription": (
        "incomplete", "trialing", "active", "past_due", "paused", "unpaid", "incomplete_expired", "canceled",
    ),
    "invoice": ("draft", "open", "uncollectible", "paid", "void"),
    "refund": ("pending", "succeeded", "canceled", "failed"),
    "dispute": ("open", "won", "lost"),
}  # fmt: skip
