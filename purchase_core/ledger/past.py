"""What the journal says of an instant that is past: what was spent, reserved and used by then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from purchase_core.access.live import Counter
from purchase_core.access.purse import Hold, LiveLot, Purse
from purchase_core.facts.rows import LotRow
from purchase_core.instants import Instant
from purchase_core.ledger.decision import decode_answer
from purchase_core.records.movement import HELD, MOVED_IN, SPENT, USED, Movement, balances


def purse_as_of(rows: Iterable[LotRow], movements: Sequence[Movement], at: Instant) -> Purse:
    """The purse of these lots after these movements."""
    purse = Purse()
    known = {row.key: row for row in rows}
    if not known and not movements:
        return purse
    moved = balances(movements)
    units = {leg.lot: one.unit for one in movements for leg in one.legs}
    for key in sorted({*known, *(lot for lot, account in moved if account in (SPENT, HELD))}):
        held = moved.get((key, HELD), 0)
        drawn = held + moved.get((key, SPENT), 0)
        row = known.get(key)
        if row is None:
            if drawn:
                purse.orphans[key] = drawn
            purse.put(key, LiveLot(units[key], 0, None, at, drawn, held), at)
        else:
            left = row.granted - row.clawed
            purse.put(key, LiveLot(row.unit, left, row.expires_at, row.granted_at, drawn, held), at)
    purse.holds.update(holds_after(movements))
    return purse


def drawn_after(movements: Iterable[Movement]) -> dict[str, int]:
    """What was taken of each lot: spent, or reserved."""
    found: dict[str, int] = {}
    for (lot, account), amount in balances(movements).items():
        if account in (SPENT, HELD):
            found[lot] = found.get(lot, 0) + amount
    return found


def holds_after(movements: Iterable[Movement]) -> dict[str, Hold]:
    """Reservations that were made, or moved in, and not ended by a decision.

    The journal of whom a customer was merged into comes behind theirs.
    """
    holds: dict[str, Hold] = {}
    for one in movements:
        parts = tuple((leg.lot, leg.amount) for leg in one.legs if leg.account == HELD)
        if parts and one.kind in ("reserve", MOVED_IN):
            name = one.key if one.kind == "reserve" else one.cause
            holds[name] = Hold(one.unit, decode_answer(one).until or one.at, parts)
        elif one.cause in holds:
            del holds[one.cause]
    return holds


def counters_as_of(lane: str, movements: Iterable[Movement]) -> dict[str, Counter]:
    """The counters of quotas of a lane after these movements."""
    counters: dict[str, Counter] = {}
    for one in movements:
        if one.lane == lane and any(leg.account == USED for leg in one.legs):
            place, _, start = one.legs[0].lot.rpartition(":")
            key, begins = place.removeprefix(f"usage:{lane}:"), Instant(int(start))
            known = counters.get(key)
            used = known.used if known is not None and known.start == begins else 0
            counters[key] = Counter(begins, decode_answer(one).until, used + one.legs[1].amount)
    return counters
