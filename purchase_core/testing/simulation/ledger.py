"""The ledger of a history: what was asked of credits and quotas, against what was booked of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import attrs
import msgspec

from purchase_core.instants import SECOND
from purchase_core.records.movement import DEBT, GRANTED, HELD, LAPSE, LOT, SPENT, USED, Movement
from purchase_core.testing.simulation.asking import DONE, Spend
from purchase_core.testing.simulation.oracle.ledger import Gift, Ledger, Taking, Used
from purchase_core.testing.simulation.process import SKEW_SECONDS_MAX

TAKING = ("consume", "reserve", "adjust")
BY_ITSELF = ("facts", "lapse", "moved_in", "moved_out")  # kinds of movements that nobody asked for


class Journal:
    """The journal of one customer, as far as it was read."""

    def __init__(self) -> None:
        self.movements: dict[str, Movement] = {}
        self._balances: Counter[tuple[str, str]] = Counter()

    def read(self, one: Movement) -> Iterator[str]:
        """The next movement; what is wrong with it at the moment at which it was booked."""
        self.movements[one.key] = one
        if sum(leg.amount for leg in one.legs):
            yield f"{one.key} has sides that do not agree"
        for leg in one.legs:
            self._balances[leg.lot, leg.account] += leg.amount
        for leg in one.legs:
            balance = self._balances[leg.lot, leg.account]
            if leg.account in (LOT, HELD, SPENT) and balance < 0:
                yield f"{one.key} leaves {balance} of {leg.lot} as {leg.account}"
            if leg.account == DEBT and one.kind in TAKING and leg.amount < 0:
                yield f"{one.key} takes more of {leg.lot} than there is"
            if one.kind == "use" and leg.account == USED and balance > (limit := _told(one)["limit"]):
                yield f"{one.key} comes to {balance} of {limit}"


def _told(one: Movement) -> dict[str, int]:
    told: dict[str, int] = msgspec.json.decode(one.answer)
    return told


def ledger_of(
    spends: list[Spend], journals: Mapping[str, Journal], person: Callable[[str], str], now: int
) -> Ledger:
    """What was acknowledged, with the lots that it is about. `person`: who a customer is by `now`."""
    done = {_key(one): one for one in spends if one.ask.state == DONE}
    ends = {one.reservation: one for one in done.values() if one.kind in ("settle", "release")}
    gifts, takings, uses = [], [], []
    for where, journal in journals.items():
        for key, movement in journal.movements.items():
            one = done.get(key)
            if one is None:
                continue
            if one.kind == "use":
                told = _told(movement)
                until = told.get("until")
                uses.append(
                    Used(person(where), where, one.unit, one.amount, told["since"], until, told["limit"])
                )
            elif one.kind == "grant" or (one.kind == "adjust" and one.amount > 0):
                (lot,) = {leg.lot for leg in movement.legs if leg.account == GRANTED}
                gifts.append(
                    Gift(lot, person(one.customer), one.unit, one.amount, movement.at, one.expires_at)
                )
            elif one.kind in TAKING:
                taking = _taking(person(one.customer), one, movement, ends.get(key))
                takings.append(_lapsed(taking, now) if f"{LAPSE}:{key}" in journal.movements else taking)
    return Ledger(gifts, takings, uses)


def _lapsed(one: Taking, now: int) -> Taking:
    """A reservation whose end is booked: a little early, where the clock of a machine is ahead."""
    early = one.until is not None and 0 < one.until - now <= SKEW_SECONDS_MAX * SECOND
    return attrs.evolve(one, until=now) if early else one


def _taking(customer: str, one: Spend, movement: Movement, end: Spend | None) -> Taking:
    parts = tuple((leg.lot, leg.amount) for leg in movement.legs if leg.account in (SPENT, HELD))
    until = _told(movement)["until"] if one.kind == "reserve" else None
    spent = None if end is None else end.amount
    return Taking(customer, one.unit, parts, movement.at, until, spent)


def unbooked(spends: list[Spend], journals: Mapping[str, Journal]) -> Iterator[str]:
    """What was asked for and is not booked as it was asked for; what is booked, and nobody asked for it."""
    wanted = {_key(one): one for one in spends if one.ask.state == DONE}
    booked = {
        key: movement
        for journal in journals.values()
        for key, movement in journal.movements.items()
        if movement.kind not in BY_ITSELF
    }
    for key, one in wanted.items():
        movement = booked.pop(key, None)
        if movement is None:
            yield f"{key} was done, and is not booked"
        elif (amount := _moved(one.kind, movement)) != abs(one.amount):
            yield f"{key} was asked for {one.amount}, and {amount} are booked"
    for key in booked:
        yield f"{key} is booked, and nobody was told that it was done"


def _moved(kind: str, movement: Movement) -> int:
    accounts = {"grant": (GRANTED,), "adjust": (GRANTED, SPENT), "reserve": (HELD,), "use": (USED,)}
    wanted = accounts.get(kind, (SPENT,))
    return abs(sum(leg.amount for leg in movement.legs if leg.account in wanted))


def _key(one: Spend) -> str:
    return f"{one.kind}:{one.key}"
