"""A snapshot shows one version of its customer, although it is read table by table."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import pytest

from purchase_core.access.live import EMPTY, encode_live, exchange
from purchase_core.access.policy import AccessPolicy
from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.features import feature
from purchase_core.catalog.products import one_time, plan
from purchase_core.errors import LaneConflict
from purchase_core.facts.rows import PurchaseRow
from purchase_core.identifiers import SeededIds
from purchase_core.instants import Instant
from purchase_core.money import Money
from purchase_core.ports.batch import Batch
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.store import TableRow
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.reads.customers import Customers
from purchase_core.records.lane import LaneStep
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.memory_store import MemoryStore

R = TypeVar("R", bound=TableRow)

NOW = Instant(1_790_000_000_000_000)
LANE = "customer:ana"
CATALOG = Catalog(
    one_time("app", plans=[plan("once", price=Money("9.00", "EUR"), includes=[feature("export")()])])
)


class Interrupted(MemoryStore):
    """A store in which something is bought each time that a table is read, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def rows(
        self, row_type: type[R], *, lane: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[R]:
        found = await super().rows(row_type, lane=lane, after_key=after_key, limit=limit)
        if self.times:
            self.times -= 1
            await self.buy()
        return found

    async def buy(self) -> None:
        version = (await self.lane(LANE)).version
        offer = CATALOG.offers["app:once"]
        row = PurchaseRow(
            f"purchase:own:{version}", LANE, "root", "acme", "i", "one_time", offer.hash, 1, "EUR", 900, 900,
            0, 0, 0, NOW,
        )  # fmt: skip
        document = encode_live(exchange(EMPTY, (), (row,), now=NOW))
        await self.commit(
            Batch(f"batch_{version}", NOW, lanes=(LaneStep(LANE, version, document),), rows=(row,))
        )


def customers(store: MemoryStore) -> Customers:
    """Reads over a store."""
    clock, offers = ManualClock(NOW), OfferShelf(store, CATALOG.offers.values())
    recorder = Recorder(store, offers, clock, SeededIds(1), lambda _: None)
    return Customers(store, recorder, offers, Catalog(), AccessPolicy(), clock, max_stale_seconds=0)


def test_a_change_between_two_reads_is_noticed() -> None:
    snapshot = asyncio.run(customers(Interrupted(2)).snapshot("ana"))
    assert (snapshot.version, len(snapshot.purchases)) == (2, 2)
    assert snapshot.rights.has("export")


def test_a_customer_who_never_stands_still_is_told_apart() -> None:
    with pytest.raises(LaneConflict, match="kept moving"):
        asyncio.run(customers(Interrupted(10_000)).snapshot("ana"))
