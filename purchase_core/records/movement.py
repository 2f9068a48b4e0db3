"""The journal: every movement of credits and quotas of a lane, appended in the order in which it was decided.

A movement has two sides: its legs add up to zero, lot by lot. Each carries the hash of the one before it, so
that nothing can be taken out, put in or changed without its showing. The hash is of the order of arrival, and
stands outside the canonical hash, which knows no order.

| account | what it holds of a lot |
|---|---|
| granted | what was ever granted, below zero: the other side of everything |
| returned | what refunds ask back |
| spent | what was consumed |
| held | what is reserved |
| lot | what is left |
| debt | what is owed, below zero: refunds ask back what was spent |

A use of a quota moves from `allowance` to `used`, of a window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from purchase_core.canonical import content_hash
from purchase_core.instants import Instant
from purchase_core.values import Value

GRANTED, RETURNED, SPENT, HELD, LOT, DEBT = "granted", "returned", "spent", "held", "lot", "debt"
ALLOWANCE, USED = "allowance", "used"

FACTS, LAPSE = "facts", "lapse"
"""Kinds that follow: from what was seen at a provider, and from a reservation's end."""

MOVED_OUT, MOVED_IN = "moved_out", "moved_in"
"""Kinds that follow where a customer is merged into another: out of the one journal, into the other's."""


class Leg(Value, frozen=True):
    """One side of a movement: so many more (or fewer) credits on an account of a lot."""

    lot: str
    account: str
    amount: int


class Head(Value, frozen=True):
    """How far the journal of a lane has come: the last movement's position and hash."""

    position: int = 0
    hash: str = ""


START = Head()


class Movement(Value, frozen=True):
    """One movement. Unique by `key`; positions of a lane count from 1, without a gap.

    `unit` is that of the credits, or the quota. `cause` is the delivery, command or reservation that it
    follows from. `fingerprint` identifies the request, and `answer` is the JSON of what it was told: whoever
    asks again under the same key is told the same. `reason` is the operator's.
    """

    key: str
    lane: str
    kind: str
    unit: str
    at: Instant
    legs: tuple[Leg, ...]
    cause: str = ""
    fingerprint: str = ""
    answer: str = ""
    reason: str = ""
    position: int = 0
    hash: str = ""


class Figures(Value, frozen=True):
    """What is known of a lot. All are sums, none is below zero."""

    granted: int = 0
    returned: int = 0
    spent: int = 0
    held: int = 0

    def balances(self) -> dict[str, int]:
        """The balance of each account. They add up to zero."""
        left = self.granted - self.returned - self.spent - self.held
        return {
            GRANTED: -self.granted,
            RETURNED: self.returned,
            SPENT: self.spent,
            HELD: self.held,
            LOT: max(0, left),
            DEBT: min(0, left),
        }


NOTHING = Figures()


def legs_between(lot: str, before: Figures, after: Figures) -> Iterator[Leg]:
    """The legs that lead from some figures of a lot to others."""
    was, now = before.balances(), after.balances()
    for account, balance in now.items():
        if balance != was[account]:
            yield Leg(lot, account, balance - was[account])


def append(head: Head, movement: Movement) -> tuple[Head, Movement]:
    """The movement with its place and hash, and the journal's new head."""
    placed = replace(movement, position=head.position + 1, hash="")
    hashed = content_hash([head.hash, placed])
    return Head(placed.position, hashed), replace(placed, hash=hashed)


def balances(movements: Iterable[Movement]) -> dict[tuple[str, str], int]:
    """The balance of each (lot, account) after these movements; those that are zero are left out."""
    found: dict[tuple[str, str], int] = {}
    for movement in movements:
        for leg in movement.legs:
            place = (leg.lot, leg.account)
            found[place] = found.get(place, 0) + leg.amount
    return {place: amount for place, amount in found.items() if amount}
