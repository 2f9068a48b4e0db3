"""Restoring a live document: what facts make of it anew, and what the journal says was spent and used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from purchase_core.access.live import Live, counters_kept
from purchase_core.access.purse import unit_of
from purchase_core.facts.rows import LotRow
from purchase_core.instants import Instant
from purchase_core.ledger.past import counters_as_of, purse_as_of
from purchase_core.records.lane import customer_of
from purchase_core.records.movement import (
    FACTS,
    GRANTED,
    HELD,
    RETURNED,
    SPENT,
    START,
    Figures,
    Head,
    Leg,
    Movement,
    append,
    balances,
    legs_between,
)


def restored(
    anew: Live, lane: str, lots: Iterable[LotRow], movements: Sequence[Movement], now: Instant
) -> Live:
    """The document that facts make, with all that the lane's journal says. `anew` has nothing of it yet."""
    return replace(
        anew,
        purse=purse_as_of(lots, movements, now),
        counters=counters_kept(counters_as_of(lane, movements), now),
        journal=head_of(movements),
    )


def head_of(movements: Sequence[Movement]) -> Head:
    """How far a journal has come that ends with these movements."""
    return Head(movements[-1].position, movements[-1].hash) if movements else START


def comparable(live: Live, now: Instant) -> Live:
    """The document without what depends on the order in which things came: which lots are named."""
    purse = live.purse.copy(now)
    credits_ = dict(purse.credits)
    for key, lot in list(purse.lots.items()):
        if key in purse.orphans:
            purse.lots[key] = replace(lot, expires_at=None, granted_at=now)
        elif lot.expires_at is None and not lot.held:
            credits_[lot.unit] = credits_.get(lot.unit, 0) + lot.left
            del purse.lots[key]
        elif lot.left <= 0 and not lot.held:
            del purse.lots[key]
    return replace(live, purse=replace(purse, credits={unit: one for unit, one in credits_.items() if one}))


def corrected(
    live: Live,
    lane: str,
    lots: Iterable[LotRow],
    movements: Iterable[Movement],
    *,
    cause: str,
    now: Instant,
) -> tuple[Live, tuple[Movement, ...]]:
    """The document with a journal that knows these lots as they are, and what was added to it for that."""
    if not customer_of(lane):
        return live, ()
    legs: dict[str, tuple[Leg, ...]] = {}
    for unit, leg in _legs(lots, balances(movements)):
        legs[unit] = (*legs.get(unit, ()), leg)
    head = live.journal
    added: list[Movement] = []
    for unit in sorted(legs):
        key = f"{FACTS}:{cause}:{len(added)}"
        head, movement = append(head, Movement(key, lane, FACTS, unit, now, legs[unit], cause))
        added.append(movement)
    return replace(live, journal=head), tuple(added)


def _legs(lots: Iterable[LotRow], told: Mapping[tuple[str, str], int]) -> Iterator[tuple[str, Leg]]:
    rows = {row.key: row for row in lots}
    for key in sorted({*rows, *(lot for lot, account in told if account == GRANTED)}):
        spent, held = told.get((key, SPENT), 0), told.get((key, HELD), 0)
        known = Figures(-told.get((key, GRANTED), 0), told.get((key, RETURNED), 0), spent, held)
        row = rows.get(key)
        true = Figures(row.granted, row.clawed, spent, held) if row else Figures(0, 0, spent, held)
        for leg in legs_between(key, known, true):
            yield unit_of(key), leg
