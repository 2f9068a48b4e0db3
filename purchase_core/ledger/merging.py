"""Merging: what one customer has of credits, and has used of quotas, becomes another's. Pure.

What is closed in the journal of the one is opened in that of the other, lot by lot and reservation by
reservation: the first ends with nothing on any lot, and the second says all that there is. What was decided
to be spent stays booked where it was; lots and reservations keep their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import attrs
import msgspec
from msgspec.structs import replace

from purchase_core.access.live import Live, quota_of
from purchase_core.access.purse import LiveLot, live_lot, unit_of
from purchase_core.facts.rows import LotRow
from purchase_core.instants import Instant
from purchase_core.ledger.decision import Answer
from purchase_core.records.ledger_rows import UsageRow, usage_key
from purchase_core.records.movement import (
    ALLOWANCE,
    MOVED_IN,
    MOVED_OUT,
    NOTHING,
    USED,
    Figures,
    Leg,
    Movement,
    legs_between,
)

LOTS_OF_A_MOVEMENT_MAX = 1_000


@attrs.frozen
class Moved:
    """What is to be written: movements of both journals, without a place yet, and what was used of quotas."""

    out: tuple[Movement, ...]
    into: tuple[Movement, ...]
    usage: tuple[UsageRow, ...]


class Merge:
    """The wallets of two lanes. `theirs`, the document of the lane that goes on, is changed."""

    def __init__(self, mine: Live, theirs: Live, *, lane: str, into: str, cause: str, now: Instant) -> None:
        self._mine = mine
        self._theirs = theirs
        self._lane = lane
        self._into = into
        self._cause = cause
        self._now = now

    def move(self, lots: Iterable[LotRow], drawn: Mapping[str, int]) -> Moved:
        """Move everything. `lots` are all that were granted; `drawn` is what was taken of those not named."""
        figures = self._lots(lots, drawn)
        came = [*self._opened(figures), *self._reserved(figures)]
        used = list(self._used())
        return Moved(
            tuple(self._closing(one) for one in reversed(came)),
            (*came, *(movement for _, movement in used)),
            tuple(row for row, _ in used),
        )

    def _lots(self, lots: Iterable[LotRow], drawn: Mapping[str, int]) -> dict[str, Figures]:
        """Put every lot into the other purse, and say what is known of each, but for what is reserved."""
        mine, theirs = self._mine.purse, self._theirs.purse
        found = {}
        for row in lots:
            named = mine.lots.get(row.key)
            taken, held = (named.drawn, named.held) if named else (drawn.get(row.key, 0), 0)
            theirs.put(row.key, live_lot(row, row, taken, held), self._now)
            found[row.key] = Figures(row.granted, row.clawed, taken - held)
        for key, taken in mine.orphans.items():
            held = mine.lots[key].held if key in mine.lots else 0
            theirs.orphans[key] = taken
            theirs.put(key, LiveLot(unit_of(key), 0, None, self._now, taken, held), self._now)
            found[key] = Figures(spent=taken - held)
        return found

    def _opened(self, figures: Mapping[str, Figures]) -> Iterator[Movement]:
        by_unit: dict[str, list[str]] = {}
        for key in sorted(figures):
            by_unit.setdefault(unit_of(key), []).append(key)
        for unit, keys in sorted(by_unit.items()):
            for start in range(0, len(keys), LOTS_OF_A_MOVEMENT_MAX):
                some = keys[start : start + LOTS_OF_A_MOVEMENT_MAX]
                legs = [leg for key in some for leg in legs_between(key, NOTHING, figures[key])]
                yield self._opening(unit, legs, self._cause)

    def _reserved(self, figures: Mapping[str, Figures]) -> Iterator[Movement]:
        """Reservations, each under its own name."""
        so_far = dict(figures)
        for key, hold in sorted(self._mine.purse.holds.items()):
            self._theirs.purse.holds[key] = hold
            legs: list[Leg] = []
            for lot, part in hold.parts:
                before = so_far[lot]
                so_far[lot] = replace(before, held=before.held + part)
                legs += legs_between(lot, before, so_far[lot])
            amount = sum(part for _, part in hold.parts)
            yield self._opening(hold.unit, legs, key, Answer(key, MOVED_IN, hold.unit, amount, 0, hold.until))

    def _used(self) -> Iterator[tuple[UsageRow, Movement]]:
        """What was used of quotas goes on counting, in the window in which it was used."""
        for key, one in sorted(self._mine.counters.items()):
            other = self._theirs.counters.get(key)
            if other is None or other.start < one.start:
                other = replace(one, used=0)
            if not one.used or other.start != one.start:
                continue
            self._theirs.counters[key] = counted = replace(other, used=other.used + one.used)
            place, quota = usage_key(self._into, key, one.start), quota_of(key)
            answer = Answer(self._cause, MOVED_IN, quota, one.used, 0, one.end, None, one.start)
            legs = (Leg(place, ALLOWANCE, -one.used), Leg(place, USED, one.used))
            row = UsageRow(place, self._into, quota, one.start, one.end, counted.used)
            yield row, self._opening(quota, legs, self._cause, answer)

    def _opening(self, unit: str, legs: Iterable[Leg], cause: str, answer: Answer | None = None) -> Movement:
        told = msgspec.json.encode(answer).decode() if answer else ""
        return Movement("", self._into, MOVED_IN, unit, self._now, tuple(legs), cause, answer=told)

    def _closing(self, one: Movement) -> Movement:
        back = tuple(replace(leg, amount=-leg.amount) for leg in one.legs)
        return replace(one, lane=self._lane, kind=MOVED_OUT, legs=back, answer="")
