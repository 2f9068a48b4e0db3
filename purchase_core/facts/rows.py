"""The rows of the projection: one class a documented table, one attribute a column.

An application can join these tables and report on them. They hold what happened, free of policy and of
"now"; every row can be rebuilt from facts. `key` is unique in its table; `lane` is the unit of ordering
(`customer:<id>`, or a provider object that is not tied to a customer yet); `root` names the cluster that
the row is derived from. Amounts are minor units of `currency`; `*_at` are microseconds since the epoch, UTC.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from purchase_core.instants import Instant
from purchase_core.values import Value


class IntentRow(Value, frozen=True):
    """What a customer set out to buy. `status`: open | settled | mismatched. `settled_by` names the proof."""

    TABLE: ClassVar[str] = "intents"
    key: str
    lane: str
    root: str
    customer: str
    offer: str
    version: str
    product: str
    quantity: int
    unit_amount: int
    currency: str
    trial_days: int
    status: str
    settled_by: str
    connection: str
    session: str
    placed_at: Instant


class SubscriptionRow(Value, frozen=True):
    """A subscription. `bound`: its first payment (or confirmed trial) matched the intent, or it needs none.

    `items` is a JSON list of [offer version, quantity, price, unit amount]; `next_items`, in the same form,
    replace them at `next_items_at` ("" = no change is scheduled). `collecting`: its invoices are charged;
    `resumes_at`: when a pause ends by itself. `replaces`: the key of that whose place it takes ("" = none).
    `contested`: the provider is asked again because two states claim one instant.
    """

    TABLE: ClassVar[str] = "subscriptions"
    key: str
    lane: str
    root: str
    connection: str
    provider_id: str
    provider_customer: str
    intent: str
    status: str
    bound: bool
    contested: bool
    version: str
    quantity: int
    unit_amount: int
    currency: str
    items: str
    started_at: Instant
    period_start: Instant
    period_end: Instant
    trial_end: Instant | None
    cancel_at: Instant | None
    ended_at: Instant | None
    collecting: bool
    resumes_at: Instant | None
    next_items: str
    next_items_at: Instant | None
    replaces: str
    seen_at: Instant


class InvoiceRow(Value, frozen=True):
    """A bill. `match`: unneeded | matched | mismatched | excess | waiting, against the checkout intent.

    `refunding` is on its way back, `disputed` is held by a bank or lost to one. `due_at`: when its money was
    first asked for; `action`: what the customer must do for it to be paid ("" = nothing).
    """

    TABLE: ClassVar[str] = "invoices"
    key: str
    lane: str
    root: str
    connection: str
    provider_id: str
    provider_customer: str
    subscription: str
    intent: str
    reason: str
    status: str
    match: str
    contested: bool
    currency: str
    total: int
    paid: int
    refunded: int
    refunding: int
    disputed: int
    paid_at: Instant | None
    due_at: Instant | None
    action: str
    seen_at: Instant


class RefundRow(Value, frozen=True):
    """Money that goes back. `status`: asked | refused | pending | succeeded | rejected | failed | canceled.

    `command` is ours, if we asked for it; `provider_id` is "" until the provider has answered.
    """

    TABLE: ClassVar[str] = "refunds"
    key: str
    lane: str
    root: str
    connection: str
    provider_id: str
    invoice: str
    command: str
    status: str
    currency: str
    amount: int
    seen_at: Instant


STUCK_REFUNDS = ("failed", "rejected")
"""Money that should have gone back, and did not."""


class DisputeRow(Value, frozen=True):
    """Money that a bank holds back. `status`: inquiry | open | won | lost."""

    TABLE: ClassVar[str] = "disputes"
    key: str
    lane: str
    root: str
    connection: str
    provider_id: str
    invoice: str
    status: str
    currency: str
    amount: int
    seen_at: Instant


class PurchaseRow(Value, frozen=True):
    """A one-time purchase: what was paid for it and what went back. What that grants is policy."""

    TABLE: ClassVar[str] = "purchases"
    key: str
    lane: str
    root: str
    connection: str
    intent: str
    product: str
    version: str
    quantity: int
    currency: str
    due: int
    paid: int
    refunded: int
    disputed: int
    lost: int
    purchased_at: Instant


class LotRow(Value, frozen=True):
    """Credits from one payment, or given by us (then `version` and `invoice` are "").

    `clawed` is how many the payment's refunds ask back; what was spent is in the ledger (`lots_drawn`).
    """

    TABLE: ClassVar[str] = "lots"
    key: str
    lane: str
    root: str
    unit: str
    version: str
    invoice: str
    granted: int
    clawed: int
    granted_at: Instant
    expires_at: Instant | None


class CaseRow(Value, frozen=True):
    """Something a person should look at.

    `kind`: mismatch | excess | unmapped | unmatched | unordered | unclaimed | overreturned | contested.
    `about` is an
    object key; `detail` says what is wrong, in ids and amounts; `amount` is the money at stake. `status`:
    open, or resolved by somebody who said why (`decision` is that receipt). What is set right has no row any
    more.
    """

    TABLE: ClassVar[str] = "cases"
    key: str
    lane: str
    root: str
    kind: str
    about: str
    detail: str
    provider_customer: str
    amount: int
    currency: str
    opened_at: Instant
    status: str
    decision: str


CASE_STATUSES = ("open", "resolved")


Row: TypeAlias = (
    IntentRow | SubscriptionRow | InvoiceRow | RefundRow | DisputeRow | PurchaseRow | LotRow | CaseRow
)

ROW_TYPES: tuple[type[Row], ...] = (
    IntentRow,
    SubscriptionRow,
    InvoiceRow,
    RefundRow,
    DisputeRow,
    PurchaseRow,
    LotRow,
    CaseRow,
)
