"""A customer of many years: what is told and kept of one must not grow with what they have behind them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.figures import median
from purchase_core.billing import Billing, Parts
from purchase_core.facts.fact import Fact
from purchase_core.identifiers import RandomIds
from purchase_core.instants import DAY, Instant, to_datetime
from purchase_core.plugins.listeners import Listeners
from purchase_core.plugins.registry import Registry
from purchase_core.ports.batch import Batch
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.routing.policy import Policy
from purchase_core.routing.router import PolicyRouter
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.sales import CATALOG, T0, VERSIONS, Sale, price_references
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore

CUSTOMER = Sale().customer
AT_ONCE = 20
ROUNDS_PAST = 3
DEEP = 2_000  # facts before a page in the middle: later ones are of centuries that no store tells of
FACTS_SHORT, FACTS = (100, 1_000, 10_000), (100, 1_000, 10_000, 100_000)


async def run(*, short: bool) -> None:
    """Print one row for each length of history."""
    rounds = 15 if short else 51
    print(
        "| facts | explain a feature | explain credits | a page of activity | one in the middle "
        "| entitlements | document | a snapshot | its size | entitlements of the past | a snapshot of it |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        config = SqliteConfig(str(Path(folder) / "purchase.db"))
        async with await SqliteStore.open(config) as store:
            await store.migrate()
            clock = ManualClock(T0)
            billing = _billing(store, clock)
            writing = _Writing(store, clock)
            await writing.begin()
            for facts in FACTS_SHORT if short else FACTS:
                await writing.grow(facts)
                await _row(billing, store, facts, rounds)


async def _row(billing: Billing, store: SqliteStore, facts: int, rounds: int) -> None:
    customers = billing.customers

    async def rights() -> object:
        customers._cache.clear()
        return await customers.entitlements(CUSTOMER)

    middle = (await billing.activity.list(CUSTOMER, limit=min(facts // 2, DEEP)))[-1].position
    cells = [
        await _milliseconds(lambda: customers.explain(CUSTOMER, "export"), rounds),
        await _milliseconds(lambda: customers.explain(CUSTOMER, "ai"), rounds),
        await _milliseconds(lambda: billing.activity.list(CUSTOMER), rounds),
        await _milliseconds(lambda: billing.activity.list(CUSTOMER, after=middle), rounds),
        await _milliseconds(rights, rounds),
    ]
    document = len((await store.lane(f"customer:{CUSTOMER}")).document)
    times = " | ".join(f"{one:.2f} ms" for one in cells)
    snapshot = await _milliseconds(lambda: customers.snapshot(CUSTOMER), rounds)
    size = len(msgspec.json.encode(await customers.snapshot(CUSTOMER)))
    yesterday = to_datetime(Instant(billing.clock.now() - DAY))  # all facts but the last are read and folded
    past = [
        await _milliseconds(lambda: customers.entitlements(CUSTOMER, at=yesterday), ROUNDS_PAST),
        await _milliseconds(lambda: customers.snapshot(CUSTOMER, at=yesterday), ROUNDS_PAST),
    ]
    print(
        f"| {facts:,} | {times} | {document:,} bytes | {snapshot:,.1f} ms | {size:,} bytes "
        f"| {past[0]:,.0f} ms | {past[1]:,.0f} ms |",
        flush=True,
    )


async def _milliseconds(act: Callable[[], Awaitable[object]], rounds: int) -> float:
    """Of all threads, on the processor: nothing here waits for a disk, and a busy machine says nothing."""
    took = []
    for _ in range(rounds):
        started = time.process_time()
        await act()
        took.append((time.process_time() - started) * 1_000)
    return median(took)


def _billing(store: SqliteStore, clock: ManualClock) -> Billing:
    registry = Registry()
    parts = Parts(
        catalog=CATALOG,
        store=store,
        connections={},
        router=PolicyRouter(Policy()),
        listeners=Listeners(registry),
        clock=clock,
        ids=RandomIds(),
    )
    return Billing(parts)


class _Writing:
    """One subscription that is renewed for ever, with credits for each period."""

    def __init__(self, store: SqliteStore, clock: ManualClock) -> None:
        self._store = store
        self._clock = clock
        self._ids = RandomIds()
        self._sale = Sale()
        self._recorder = Recorder(
            store, OfferShelf(store, VERSIONS.values()), clock, self._ids, lambda _batch: None
        )
        self._count = self._period = 0

    async def begin(self) -> None:
        """The sale."""
        prices = Batch(self._ids.new("batch"), T0, prices=price_references(), offers=tuple(VERSIONS.values()))
        await self._store.commit(prices)
        sale = self._sale
        await self._record(sale.placed(), sale.tried(), sale.session(), sale.invoice(), sale.subscription())

    async def grow(self, facts: int) -> None:
        """Renewals until there are so many facts: a bill and the subscription's next period each."""
        while self._count < facts:
            fresh: list[Fact] = []
            while len(fresh) < min(AT_ONCE, facts - self._count):
                self._period += 1
                bill = self._sale.renewal(self._period)
                fresh += [bill, self._sale.subscription(at=bill.order, period=self._period)]
            await self._record(*fresh)

    async def _record(self, *facts: Fact) -> None:
        self._clock.set_to(facts[-1].order)
        await self._recorder.record(Work(facts), cause="benchmark", addition=lambda batch: batch)
        self._count += len(facts)
