"""Checking a journal: it is whole, both sides of every movement agree, and all else follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from purchase_core.access.live import Live
from purchase_core.access.purse import LiveLot, Purse, live_lot
from purchase_core.facts.rows import LotRow
from purchase_core.instants import Instant
from purchase_core.ledger.past import holds_after
from purchase_core.records.ledger_rows import DrawnRow, LedgerRow, SpendingRow, UsageRow
from purchase_core.records.movement import (
    ALLOWANCE,
    HELD,
    START,
    USED,
    Figures,
    Head,
    Movement,
    append,
)

PROBLEMS_MAX = 100


class Check:
    """The journal of one lane, read once from its beginning; `problems` says what is wrong with it."""

    def __init__(self, lane: str) -> None:
        self._lane = lane
        self._head: Head = START
        self._movements = 0
        self._balances: Counter[tuple[str, str]] = Counter()
        self._holding: list[Movement] = []
        self.problems: list[str] = []

    @property
    def movements(self) -> int:
        """How many were read."""
        return self._movements

    def read(self, one: Movement) -> None:
        """The next movement, in order."""
        self._movements += 1
        self._chain(one)
        sides: Counter[str] = Counter()
        for leg in one.legs:
            self._balances[leg.lot, leg.account] += leg.amount
            sides[leg.lot] += leg.amount
        self._say(f"movement {one.key} is off by {off} at {lot}" for lot, off in sides.items() if off)
        if any(leg.account == HELD for leg in one.legs):
            self._holding.append(one)

    def close(self, live: Live, lots: Iterable[LotRow], rows: Iterable[LedgerRow], now: Instant) -> None:
        """Compare with all that should follow from it. `lots` and `rows` are all of the lane's."""
        if live.journal != self._head:
            self._say([f"it ends at {self._head.position}, not at {live.journal.position} as it was written"])
        rows, lots = list(rows), list(lots)
        self._compare(_accounts(lots, rows))
        self._compare_purse(live.purse, lots, rows, now)

    def _chain(self, one: Movement) -> None:
        if one.position != self._head.position + 1:
            self._say([f"between {self._head.position} and {one.position} something is missing"])
        _, expected = append(Head(one.position - 1, self._head.hash), replace(one, hash=""))
        if expected.hash != one.hash:
            self._say([f"movement {one.key} at {one.position} is not what was written"])
        self._head = Head(one.position, one.hash)

    def _compare(self, wanted: Mapping[tuple[str, str], int]) -> None:
        for lot, account in sorted({*self._balances, *wanted}):
            found, told = self._balances[lot, account], wanted.get((lot, account), 0)
            if found != told:
                self._say([f"{account} of {lot}: the journal says {found}, the tables {told}"])

    def _compare_purse(
        self, purse: Purse, lots: Iterable[LotRow], rows: Iterable[LedgerRow], now: Instant
    ) -> None:
        """What can be spent by the document, against lots and what was drawn of them."""
        anew = Purse(holds=purse.holds)
        drawn = {row.key: row for row in rows if isinstance(row, DrawnRow)}
        known = {row.key: row for row in lots}
        for key in known.keys() | drawn.keys():
            taken, row = drawn[key].drawn if key in drawn else 0, known.get(key)
            held = purse.lots[key].held if key in purse.lots else 0
            if row is None:
                anew.put(key, LiveLot(drawn[key].unit, 0, None, now, taken, held), now)
            else:
                anew.put(key, live_lot(row, row, taken, held), now)
        for unit in sorted(purse.units() | anew.units()):
            said, follows = ((one.live(unit, now), one.debt(unit, now)) for one in (purse, anew))
            if said != follows:
                self._say([f"{unit}: (live, owed) is {said} in the document, {follows} in the tables"])
        if holds_after(self._holding) != purse.holds:
            self._say(["the reservations of the document are not those of the journal"])

    def _say(self, problems: Iterable[str]) -> None:
        for one in problems:
            if len(self.problems) < PROBLEMS_MAX:
                self.problems.append(f"{self._lane}: {one}")


def _accounts(lots: Iterable[LotRow], rows: Iterable[LedgerRow]) -> dict[tuple[str, str], int]:
    """The balance of each account, as the tables have it."""
    spent: Counter[str] = Counter()
    held: Counter[str] = Counter()
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        if isinstance(row, SpendingRow):
            spent[row.lot] += row.spent
            held[row.lot] += row.held
        elif isinstance(row, UsageRow):
            found |= {(row.key, USED): row.used, (row.key, ALLOWANCE): -row.used}
    known = {row.key: row for row in lots}
    for key in {*known, *spent}:
        row_ = known.get(key)
        granted, clawed = (row_.granted, row_.clawed) if row_ else (0, 0)
        figures = Figures(granted, clawed, spent[key], held[key])
        found |= {(key, account): amount for account, amount in figures.balances().items() if amount}
    return found
