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
    """The journal of one lane, read once from its beginning; `problems` says what is wrong with it.

    Journals of lanes that were merged into it are read before it.
    """

    def __init__(self, lane: str) -> None:
        self._lane = lane
        self._heads: dict[str, Head] = {}
        self._movements = 0
        self._balances: dict[str, Counter[tuple[str, str]]] = {}
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
        balances = self._balances.setdefault(one.lane, Counter())
        for leg in one.legs:
            balances[leg.lot, leg.account] += leg.amount
            sides[leg.lot] += leg.amount
        self._say(f"movement {one.key} is off by {off} at {lot}" for lot, off in sides.items() if off)
        if any(leg.account == HELD for leg in one.legs):
            self._holding.append(one)

    def close(
        self,
        lives: Mapping[str, Live],
        lots: Iterable[LotRow],
        rows: Iterable[LedgerRow],
        now: Instant,
    ) -> None:
        """Compare with all that should follow. `lives`, `lots`, `rows`: the lane's, and of those merged."""
        for lane, one in lives.items():
            end = self._heads.get(lane, START)
            if one.journal != end:
                self._say(
                    [f"that of {lane} ends at {end.position}, not at {one.journal.position} as written"]
                )
            if lane != self._lane:
                self._compare_merged(lane)
        rows, lots, live = list(rows), list(lots), lives[self._lane]
        self._compare(_accounts(lots, rows))
        self._compare_purse(live.purse, lots, rows, now)

    def _chain(self, one: Movement) -> None:
        head = self._heads.get(one.lane, START)
        if one.position != head.position + 1:
            self._say([f"between {head.position} and {one.position} something is missing"])
        _, expected = append(Head(one.position - 1, head.hash), replace(one, hash=""))
        if expected.hash != one.hash:
            self._say([f"movement {one.key} at {one.position} is not what was written"])
        self._heads[one.lane] = Head(one.position, one.hash)

    def _compare_merged(self, lane: str) -> None:
        for (lot, account), amount in sorted(self._balances.get(lane, Counter()).items()):
            if amount and account not in (ALLOWANCE, USED):  # what was used stays where it was counted
                self._say([f"{account} of {lot}: {amount} were left in the journal of {lane}"])

    def _compare(self, wanted: Mapping[tuple[str, str], int]) -> None:
        balances: Counter[tuple[str, str]] = Counter()
        for one in self._balances.values():
            balances.update(one)
        for lot, account in sorted({*balances, *wanted}):
            found, told = balances[lot, account], wanted.get((lot, account), 0)
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
