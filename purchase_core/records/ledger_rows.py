"""The rows of the ledger: what was decided to be spent. Primary data: no fact leads to them.

Each is absolute and written by its key, so that writing it twice is writing it once, and each is guarded by
the version of its lane. Facts never write them: what a payment granted and what its refunds ask back is in
`lots`, and what was taken of it is here. `*_at` are microseconds since the epoch, UTC.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from purchase_core.instants import Instant
from purchase_core.values import Value


class SpendingRow(Value, frozen=True):
    """What one cause has taken from one lot. `cause` is the key of the movement that began it.

    `kind`: consume | reserve | adjust. `spent` is gone; `held` is reserved, until `held_until`.
    """

    TABLE: ClassVar[str] = "spendings"
    key: str
    lane: str
    unit: str
    lot: str
    cause: str
    kind: str
    spent: int
    held: int
    held_until: Instant | None
    at: Instant


class DrawnRow(Value, frozen=True):
    """How much of a lot (its key) all causes together have taken: the sum of its spendings, as it stands."""

    TABLE: ClassVar[str] = "lots_drawn"
    key: str
    lane: str
    unit: str
    drawn: int


class UsageRow(Value, frozen=True):
    """How much of a quota was used in one window. `window_end` is None where the quota is never reset."""

    TABLE: ClassVar[str] = "usage"
    key: str
    lane: str
    quota: str
    window_start: Instant
    window_end: Instant | None
    used: int


LedgerRow: TypeAlias = SpendingRow | DrawnRow | UsageRow

LEDGER_TYPES: tuple[type[LedgerRow], ...] = (SpendingRow, DrawnRow, UsageRow)


def usage_key(lane: str, counter: str, start: Instant) -> str:
    """The key of a counter's window."""
    return f"usage:{lane}:{counter}:{start}"


def spending_key(cause: str, lot: str) -> str:
    """The key of what a cause has taken from a lot."""
    return f"{cause}|{lot}"
