"""Spending credits: consumed at once, or reserved and then settled, released, or lapsed.

What expires first is spent first; what never expires comes last, the oldest first. A reservation takes its
credits out of their lots. It holds them until its end, and nothing has to run for it to end then: from that
instant on it counts for nothing, and the next decision of the lane writes that down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import attrs
import msgspec
from msgspec.structs import replace

from purchase_core.access.live import Live
from purchase_core.access.purse import Hold, LiveLot, Purse, is_live, settled
from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import ExceedsBalance, WrongState
from purchase_core.instants import SECOND, Instant
from purchase_core.ledger.decision import Answer, Decided, Decision, Request
from purchase_core.records.ledger_rows import DrawnRow, LedgerRow, SpendingRow, spending_key
from purchase_core.records.movement import LAPSE, Figures, Leg, Movement, legs_between

LOTS_OF_A_MOVEMENT_MAX = 1_000
HOLDS_MAX = 1_000

Parts: TypeAlias = tuple[tuple[str, int], ...]
"""(lot, credits), in the order in which they are taken."""


class Book:
    """A purse that is being spent from, and what is to be written of it."""

    def __init__(self, purse: Purse, lane: str, now: Instant) -> None:
        self.purse = purse
        self.rows: dict[tuple[type[LedgerRow], str], LedgerRow] = {}
        self._lane = lane
        self._now = now

    def take(self, request: Request, amount: int, until: Instant | None) -> tuple[Parts, tuple[Leg, ...]]:
        """Take credits for a request: held until then, or (None) spent."""
        parts = parts_of(self.purse, request.unit, amount, self._now)
        legs: list[Leg] = []
        for key, part in parts:
            held = part if until is not None else 0
            legs += self._move(key, part, held)
            self._write(request.key, key, request.kind, part - held, held, until)
        return parts, tuple(legs)

    def end(self, cause: str, hold: Hold, spent: int) -> tuple[Leg, ...]:
        """End a reservation: so much of it is spent, in the order of taking; the rest comes back."""
        legs: list[Leg] = []
        del self.purse.holds[cause]
        for key, part in hold.parts:
            gone = min(part, spent)
            spent -= gone
            legs += self._move(key, gone - part, -part)
            self._write(cause, key, "reserve", gone, 0, None)
        return tuple(legs)

    def lapse(self) -> Iterator[Movement]:
        """Write down the end of reservations that have ended by themselves."""
        over = {key: hold for key, hold in self.purse.holds.items() if hold.until <= self._now}
        for key in sorted(over, key=lambda key: (over[key].until, key)):
            legs = self.end(key, over[key], 0)
            yield Movement(
                f"{LAPSE}:{key}", self._lane, LAPSE, over[key].unit, over[key].until, legs, cause=key
            )

    def _move(self, key: str, drawn: int, held: int) -> Iterable[Leg]:
        lot = self.purse.lots.get(key)
        if lot is None:
            raise WrongState(f"lot {key!r} is not in this customer's wallet any more")
        after = replace(lot, drawn=lot.drawn + drawn, held=lot.held + held)
        settled(self.purse, key, after, self._now)
        self.rows[DrawnRow, key] = DrawnRow(key, self._lane, lot.unit, after.drawn)
        return legs_between(key, _figures(lot), _figures(after))

    def _write(self, cause: str, lot: str, kind: str, spent: int, held: int, until: Instant | None) -> None:
        key = spending_key(cause, lot)
        unit = self.rows[DrawnRow, lot].unit  # type: ignore[union-attr]  # it was moved just now
        self.rows[SpendingRow, key] = SpendingRow(
            key, self._lane, unit, lot, cause, kind, spent, held, until, self._now
        )


def parts_of(purse: Purse, unit: str, amount: int, at: Instant) -> Parts:
    """From which lots an amount is taken. Raises ExceedsBalance."""
    spendable = purse.spendable(unit, at)
    if amount > spendable:
        raise ExceedsBalance(
            f"{amount} {unit} cannot be taken: {spendable} can be spent",
            hint="`billing.credits.wallet` says what there is, and what is owed or reserved.",
        )
    parts = []
    for key, lot in _in_order(purse, unit, at):
        if amount:
            parts.append((key, min(lot.left, amount)))
            amount -= parts[-1][1]
    if amount or len(parts) > LOTS_OF_A_MOVEMENT_MAX:
        raise WrongState(
            f"more than {LOTS_OF_A_MOVEMENT_MAX} lots would be spent at once", hint="Take less at a time."
        )
    return tuple(parts)


def _in_order(purse: Purse, unit: str, at: Instant) -> list[tuple[str, LiveLot]]:
    mine = [
        (key, lot)
        for key, lot in purse.lots.items()
        if lot.unit == unit and lot.left > 0 and is_live(lot, at)
    ]
    if len(mine) > 1:
        mine.sort(key=_precedence)
    return mine


def _precedence(one: tuple[str, LiveLot]) -> tuple[bool, int, int, str]:
    key, lot = one
    return lot.expires_at is None, lot.expires_at or 0, lot.granted_at, key


def _figures(lot: LiveLot) -> Figures:
    return Figures(lot.credits, 0, lot.drawn - lot.held, lot.held)


@attrs.frozen
class Take(Decision):
    """Credits are consumed, or reserved for some seconds."""

    hold_seconds: int | None = None

    def lacks(self, live: Live, now: Instant) -> int:
        """What the named lots do not suffice for. Nothing, where there is not as much: that is refused."""
        purse, unit, amount = live.purse, self.request.unit, self.request.amount
        summed = purse.credits.get(unit, 0)
        if not summed or amount > purse.spendable(unit, now):
            return 0
        return max(0, min(summed, amount - sum(lot.left for _, lot in _in_order(purse, unit, now))))

    def decide(
        self,
        live: Live,
        offers: Mapping[str, OfferVersion],
        moved: tuple[Movement, ...],
        now: Instant,
    ) -> Decided:
        """Take them from their lots."""
        request = self.request
        book = Book(live.purse, request.lane, now)
        lapsed = tuple(book.lapse())
        until = None if self.hold_seconds is None else Instant(now + self.hold_seconds * SECOND)
        parts, legs = book.take(request, request.amount, until)
        if until is not None:
            if len(live.purse.holds) >= HOLDS_MAX:
                raise WrongState(f"{HOLDS_MAX} reservations are open", hint="Settle or release some.")
            live.purse.holds[request.key] = Hold(request.unit, until, parts)
        movement = answered(request, live.purse, legs, now, until=until)
        return Decided(live, tuple(book.rows.values()), (*moved, *lapsed, movement))


@attrs.frozen
class End(Decision):
    """A reservation ends: so much of it was spent (None: all), and the rest comes back."""

    reservation: str
    spent: int | None

    def decide(
        self,
        live: Live,
        offers: Mapping[str, OfferVersion],
        moved: tuple[Movement, ...],
        now: Instant,
    ) -> Decided:
        """End it, if it holds anything."""
        book = Book(live.purse, self.request.lane, now)
        lapsed = tuple(book.lapse())
        hold = live.purse.holds.get(self.reservation)
        if hold is None:
            raise WrongState(
                f"{self.reservation!r} holds nothing (any more)",
                hint="It was settled or released, or its time was over; consume what was used instead.",
            )
        held = sum(part for _, part in hold.parts)
        spent = held if self.spent is None else self.spent
        if spent > held:
            raise ExceedsBalance(f"{spent} cannot be settled: {held} {hold.unit} are reserved")
        legs = book.end(self.reservation, hold, spent)
        request = replace(self.request, unit=hold.unit, amount=spent)
        movement = answered(request, live.purse, legs, now, cause=self.reservation)
        return Decided(live, tuple(book.rows.values()), (*moved, *lapsed, movement))


def answered(
    request: Request,
    purse: Purse,
    legs: tuple[Leg, ...],
    at: Instant,
    *,
    cause: str = "",
    until: Instant | None = None,
) -> Movement:
    """The movement of a request, with what it is told."""
    balance = purse.spendable(request.unit, at)
    answer = Answer(request.key, request.kind, request.unit, request.amount, balance, until)
    return Movement(
        request.key,
        request.lane,
        request.kind,
        request.unit,
        at,
        legs,
        cause,
        request.fingerprint,
        msgspec.json.encode(answer).decode(),
        request.reason,
    )
