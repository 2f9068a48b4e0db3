"""The tick: a look at what has fallen due costs what has, not what there is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec.structs import replace

from benchmarks.figures import median
from purchase_core.access.policy import AccessPolicy
from purchase_core.facts.rows import LotRow, Row, SubscriptionRow
from purchase_core.identifiers import RandomIds
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.outbox.settings import TickSettings
from purchase_core.outbox.tick import Tick
from purchase_core.ports.batch import Batch
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.sales import PERIOD_DAYS, T0, VERSIONS, Sale, price_references
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore

ROWS_AT_ONCE = 2_000
LOOKS = 15
SIZES_SHORT, SIZES = (1_000, 10_000), (1_000, 10_000, 100_000, 1_000_000)
HOUR = 3_600 * SECOND


async def run(*, short: bool) -> None:
    """Print one row for each number of subscriptions: a look where nobody's falls due."""
    print("| subscriptions, each with credits | a first look | one an hour later |")
    print("|---|---|---|")
    with TemporaryDirectory() as folder:
        config = SqliteConfig(str(Path(folder) / "purchase.db"))
        async with await SqliteStore.open(config) as store:
            await store.migrate()
            crowd = _Crowd(store)
            await crowd.begin()
            for size in SIZES_SHORT if short else SIZES:
                await crowd.grow(size)
                first, later = await crowd.look()
                print(f"| {size:,} | {first:.2f} ms | {later:.2f} ms |", flush=True)


class _Crowd:
    """Subscriptions whose periods and credits end at some time of the month to come."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._clock = ManualClock(T0)
        self._ids = RandomIds()
        self._offers = OfferShelf(store, VERSIONS.values())
        self._recorder = Recorder(store, self._offers, self._clock, self._ids, lambda _batch: None)
        self._count = 0

    async def begin(self) -> None:
        """One sale, whose rows are those of all."""
        prices = Batch(self._ids.new("batch"), T0, prices=price_references(), offers=tuple(VERSIONS.values()))
        await self._store.commit(prices)
        sale = Sale()
        facts = (sale.placed(), sale.tried(), sale.session(), sale.invoice(), sale.subscription())
        await self._recorder.record(Work(facts), cause="benchmark", addition=lambda batch: batch)
        (self._held,) = await self._store.rows(SubscriptionRow)
        (self._lot,) = await self._store.rows(LotRow)

    async def grow(self, size: int) -> None:
        """Until there are so many."""
        rows = self._rows(size)
        while page := tuple(islice(rows, ROWS_AT_ONCE)):
            await self._store.commit(Batch(self._ids.new("batch"), T0, rows=page))

    def _rows(self, size: int) -> Iterator[Row]:
        for number in range(self._count, size):
            at = Instant(T0 + 2 * DAY + number % (PERIOD_DAYS - 2) * DAY)
            key, lane = f"crowd:{number:07}", f"customer:crowd_{number:07}"
            yield replace(self._held, key=key, lane=lane, provider_id=key, period_end=at)
            yield replace(self._lot, key=key, lane=lane, expires_at=at)
        self._count = size

    async def look(self) -> tuple[float, float]:
        """Milliseconds on the processor, of all threads: of a process's first look, and of one after it."""
        first, later = [], []
        for _ in range(LOOKS):
            self._clock.set_to(T0)
            tick = Tick(
                self._store,
                self._recorder,
                self._offers,
                AccessPolicy(),
                self._clock,
                TickSettings(seconds=3_600),
            )
            first.append(await _milliseconds(tick))
            self._clock.set_to(Instant(T0 + HOUR))
            later.append(await _milliseconds(tick))
        return median(first), median(later)


async def _milliseconds(tick: Tick) -> float:
    started = time.process_time()
    if await tick.work():
        raise AssertionError("something fell due")
    return (time.process_time() - started) * 1_000
