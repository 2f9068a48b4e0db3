"""Wallets: what a customer can spend of a unit, what is owed, and how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs

from purchase_core.access.live import decode_live
from purchase_core.access.purse import Purse, is_live
from purchase_core.facts.rows import LotRow
from purchase_core.instants import Clock, Instant, instant
from purchase_core.ledger.checking import Check
from purchase_core.ledger.past import purse_as_of
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.paging import every_movement
from purchase_core.ports.store import Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.owner import lane_of, owning_lane
from purchase_core.projection.tables import rows_of_lane
from purchase_core.reads.facts import recorded_movements, rows_as_of
from purchase_core.records.lane import customer_of
from purchase_core.records.ledger_rows import LEDGER_TYPES, LedgerRow
from purchase_core.records.movement import Movement
from purchase_core.text import identifier


@attrs.frozen
class WalletLot:
    """Credits of one payment or grant: `left` can be spent, until they expire."""

    lot: str
    left: int
    expires_at: Instant | None


@attrs.frozen
class Reserved:
    """A reservation that holds credits until then."""

    reservation: str
    amount: int
    until: Instant


@attrs.frozen
class Wallet:
    """Credits of one unit at one instant.

    `spendable` = max(0, `live` - `debt`). `live` is what is left of lots that have not expired; `debt` is
    what refunds ask back beyond that, and credits that expire never settle it. `lots` come in the order in
    which they are spent; those that never expire are named a few at a time, and `unnamed` is the rest.
    """

    customer: str
    unit: str
    at: Instant
    spendable: int
    live: int
    debt: int
    held: int
    lots: tuple[WalletLot, ...]
    unnamed: int
    reservations: tuple[Reserved, ...]


@attrs.frozen
class Verification:
    """Whether a customer's journal holds. `hash` is that of its last movement."""

    customer: str
    movements: int
    hash: str
    problems: tuple[str, ...]


class Wallets:
    """Reads of credits."""

    def __init__(self, store: Store, offers: OfferShelf, clock: Clock) -> None:
        self._store = store
        self._offers = offers
        self._clock = clock

    async def wallet(self, customer: str, unit: str, *, at: datetime | None = None) -> Wallet:
        """The wallet now, as it will be if nothing more happens, or as it was by what is known today."""
        lane = await owning_lane(self._store, customer)
        now = self._clock.now()
        when = now if at is None else instant(at)
        if when >= now:
            purse = decode_live(lane.document).purse
        else:
            lots = await rows_as_of(self._store, self._offers, lane.lane, at=when, known_at=now)
            moved = [one async for one in recorded_movements(self._store, lane.lane) if one.at <= when]
            purse = purse_as_of((row for row in lots if isinstance(row, LotRow)), moved, when)
        return wallet_of(customer, identifier("unit", unit), purse, when)

    async def history(
        self, customer: str, *, unit: str = "", after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Movement]:
        """Movements of the customer's journal behind a position, in order; of one unit, or of all ("")."""
        lane = await lane_of(self._store, customer)
        found: list[Movement] = []
        async for one in every_movement(self._store, lane, after=after):
            if len(found) >= limit:
                break
            if unit in ("", one.unit):
                found.append(one)
        return found

    async def verify(self, customer: str) -> Verification:
        """Read the whole journal, and compare it with its hashes, the tables and the document.

        Those of customers who were merged into this one are read with it.
        """
        lane = await owning_lane(self._store, customer)
        merged = [one for one in await self._store.linked_lanes(lane.lane) if customer_of(one)]
        lives = {one: decode_live((await self._store.lane(one)).document) for one in merged}
        lives[lane.lane] = decode_live(lane.document)
        check = Check(lane.lane)
        rows: list[LedgerRow] = []
        for one in lives:
            async for movement in every_movement(self._store, one):
                check.read(movement)
            for table in LEDGER_TYPES:
                rows += await rows_of_lane(self._store, table, one)
        check.close(lives, await rows_of_lane(self._store, LotRow, lane.lane), rows, self._clock.now())
        head = lives[lane.lane].journal
        return Verification(customer, check.movements, head.hash, tuple(check.problems))


def wallet_of(customer: str, unit: str, purse: Purse, at: Instant) -> Wallet:
    """The wallet of one unit in a purse."""
    given_back = purse.given_back(at)
    lots = [
        (lot.expires_at is None, lot.expires_at or 0, lot.granted_at, key, lot.left + given_back.get(key, 0))
        for key, lot in purse.lots.items()
        if lot.unit == unit and is_live(lot, at)
    ]
    live, debt = purse.live(unit, at), purse.debt(unit, at)
    holding = [(key, hold) for key, hold in purse.holds.items() if hold.unit == unit and at < hold.until]
    return Wallet(
        customer=customer,
        unit=unit,
        at=at,
        spendable=max(0, live - debt),
        live=live,
        debt=debt,
        held=purse.held(unit, at),
        lots=tuple(
            WalletLot(key, left, None if never else Instant(ends))
            for never, ends, _, key, left in sorted(lots)
            if left > 0
        ),
        unnamed=purse.credits.get(unit, 0),
        reservations=tuple(
            Reserved(key, sum(part for _, part in hold.parts), hold.until) for key, hold in sorted(holding)
        ),
    )
