"""The purse: what a customer has of credits, as far as it can still be spent, owed or given back. Pure.

What can still change by itself has an entry of its own: lots that expire, and reservations. Of those that
never expire the next few to be spent are named, and the rest is a sum; they are named when their turn comes.
So it is as long as what a customer has at one time.

What is owed is a sum as well: `debts` of lots of which refunds ask back more than is left. Of a lot that is
no more although something was spent of it, all that was spent is owed; `orphans` remembers it, should the
lot come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from purchase_core.facts.rows import LotRow
from purchase_core.instants import SECOND, Instant
from purchase_core.records.movement import Figures, Leg, legs_between
from purchase_core.values import Value

EXPIRED_LOTS_KEPT_SECONDS = 30 * 86_400
NAMED_LOTS_MAX = 16  # of those that never expire, for each unit

NONE_DRAWN: Mapping[str, int] = {}
NONE_GIVEN_BACK: Mapping[str, int] = {}


class LiveLot(Value, frozen=True):
    """Credits of one payment or grant: how many, less what refunds ask back; `drawn` of them were taken.

    `held` of what was taken is reserved, and may come back.
    """

    unit: str
    credits: int
    expires_at: Instant | None
    granted_at: Instant
    drawn: int = 0
    held: int = 0

    @property
    def left(self) -> int:
        """What can be taken; below zero: what is owed."""
        return self.credits - self.drawn


class Hold(Value, frozen=True):
    """A reservation: so many credits of these lots, until then. Afterwards it holds nothing."""

    unit: str
    until: Instant
    parts: tuple[tuple[str, int], ...]


class Purse(Value, frozen=True):
    """All units of a customer. `lots` and `orphans` are by lot, `holds` by movement, the rest by unit."""

    lots: dict[str, LiveLot] = msgspec.field(default_factory=dict)
    credits: dict[str, int] = msgspec.field(default_factory=dict)
    debts: dict[str, int] = msgspec.field(default_factory=dict)
    orphans: dict[str, int] = msgspec.field(default_factory=dict)
    holds: dict[str, Hold] = msgspec.field(default_factory=dict)

    def copy(self, now: Instant) -> Purse:
        """One of its own, to be changed; without what has long expired."""
        return Purse(
            {key: lot for key, lot in self.lots.items() if lot.held or not _long_expired(lot, now)},
            dict(self.credits),
            dict(self.debts),
            dict(self.orphans),
            dict(self.holds),
        )

    def units(self) -> set[str]:
        """Every unit that is in it."""
        return {*self.credits, *self.debts, *(lot.unit for lot in self.lots.values())}

    def spendable(self, unit: str, at: Instant) -> int:
        """What can be spent at an instant: live lots less debt, and never below zero."""
        return max(0, self.live(unit, at) - self.debt(unit, at))

    def live(self, unit: str, at: Instant) -> int:
        """What is left of lots that have not expired."""
        given_back = self.given_back(at)
        named = (
            max(0, lot.left + given_back.get(key, 0))
            for key, lot in self.lots.items()
            if lot.unit == unit and is_live(lot, at)
        )
        return sum(named) + self.credits.get(unit, 0)

    def debt(self, unit: str, at: Instant) -> int:
        """What refunds ask back beyond what is left. Credits that expire never settle it."""
        given_back = self.given_back(at)
        owed = (
            max(0, -lot.left - given_back.get(key, 0)) for key, lot in self.lots.items() if lot.unit == unit
        )
        return sum(owed) + self.debts.get(unit, 0)

    def held(self, unit: str, at: Instant) -> int:
        """What is reserved at an instant."""
        holding = (one for one in self.holds.values() if one.unit == unit and at < one.until)
        return sum(part for one in holding for _, part in one.parts)

    def given_back(self, at: Instant) -> Mapping[str, int]:
        """What reservations that have ended by themselves no longer hold, by lot."""
        if not self.holds:
            return NONE_GIVEN_BACK
        found: dict[str, int] = {}
        for one in self.holds.values():
            if one.until <= at:
                for lot, part in one.parts:
                    found[lot] = found.get(lot, 0) + part
        return found

    def put(self, key: str, lot: LiveLot, now: Instant) -> None:
        """Put in a lot that is not in it: named, or as part of a sum, or as a debt."""
        if lot.held:
            self.lots[key] = lot
        elif lot.left < 0:
            _add(self.debts, lot.unit, -lot.left)
        elif lot.left > 0 and lot.expires_at is None:
            self._name(key, lot)
        elif lot.left > 0 and not _long_expired(lot, now):
            self.lots[key] = lot

    def _name(self, key: str, lot: LiveLot) -> None:
        named = {
            (one.granted_at, other): other
            for other, one in self.lots.items()
            if one.unit == lot.unit and one.expires_at is None
        }
        place = (lot.granted_at, key)
        if self.credits.get(lot.unit) and (not named or place > max(named)):
            _add(self.credits, lot.unit, lot.left)  # its turn comes after those that are a sum already
            return
        self.lots[key] = lot
        named[place] = key
        if len(named) > NAMED_LOTS_MAX:
            free = [place for place, other in named.items() if not self.lots[other].held]
            last = self.lots.pop(named[max(free)]) if free else None
            if last is not None:
                _add(self.credits, lot.unit, last.left)

    def exchange(
        self,
        row: LotRow,
        before: LotRow | None,
        after: LotRow | None,
        *,
        drawn: int,
        now: Instant,
    ) -> tuple[Figures, Figures]:
        """Put in a lot as facts have it now for what it was, and return what was known of it and is now.

        `row` is either of them. `drawn` is what was taken of it, where the purse does not know.
        """
        known = self.lots.pop(row.key, None)
        orphaned = self.orphans.pop(row.key, 0)
        held = known.held if known else 0
        taken = known.drawn if known else orphaned or drawn
        if known is None:
            self._take_out(row.unit, before, orphaned, taken)
        if after is None and taken:
            self.orphans[row.key] = taken
        self.put(row.key, live_lot(row, after, taken, held), now)
        return _figures(before, taken, held), _figures(after, taken, held)

    def _take_out(self, unit: str, before: LotRow | None, orphaned: int, taken: int) -> None:
        left = before.granted - before.clawed - taken if before else -orphaned
        if left < 0:
            _add(self.debts, unit, left)
        elif left > 0 and before is not None and before.expires_at is None:
            _add(self.credits, unit, -left)


def unit_of(lot: str) -> str:
    """The unit of a lot, by its key."""
    return lot.rpartition(":")[2]


def live_lot(row: LotRow, after: LotRow | None, taken: int, held: int) -> LiveLot:
    """The entry of a lot; of one that is no more, only what was taken of it."""
    credits_ = after.granted - after.clawed if after else 0
    return LiveLot(row.unit, credits_, row.expires_at, row.granted_at, taken, held)


def is_live(lot: LiveLot, at: Instant) -> bool:
    """Whether it has not expired."""
    return lot.expires_at is None or at < lot.expires_at


def exchange_lots(
    purse: Purse,
    gone: Iterable[LotRow],
    came: Iterable[LotRow],
    *,
    drawn: Mapping[str, int] = NONE_DRAWN,
    now: Instant,
) -> Iterator[tuple[str, Leg]]:
    """Exchange lots in a purse that is being changed; the units and legs of what that moves."""
    before = {row.key: row for row in gone}
    after = {row.key: row for row in came}
    for key in sorted(before.keys() | after.keys()):
        was, is_now = before.get(key), after.get(key)
        row, taken = after.get(key) or before[key], drawn.get(key, 0)
        old, new = purse.exchange(row, was, is_now, drawn=taken, now=now)
        for leg in legs_between(key, old, new):
            yield row.unit, leg


def settled(purse: Purse, key: str, lot: LiveLot, now: Instant) -> None:
    """Put in what has become of a named lot by spending."""
    purse.lots.pop(key, None)
    if purse.orphans.pop(key, 0) and lot.drawn:
        purse.orphans[key] = lot.drawn
    if lot.held or lot.left > 0:
        purse.lots[key] = lot
    else:
        purse.put(key, lot, now)


def _figures(row: LotRow | None, taken: int, held: int) -> Figures:
    if row is None:
        return Figures(0, 0, taken - held, held)
    return Figures(row.granted, row.clawed, taken - held, held)


def _add(sums: dict[str, int], unit: str, amount: int) -> None:
    left = sums.get(unit, 0) + amount
    if left:
        sums[unit] = left
    else:
        sums.pop(unit, None)


def _long_expired(lot: LiveLot, now: Instant) -> bool:
    # A clock that is set back a little must still find what has just expired.
    return lot.expires_at is not None and lot.expires_at + EXPIRED_LOTS_KEPT_SECONDS * SECOND < now
