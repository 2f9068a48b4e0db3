"""Rebuilding: how many facts a second become rows again, and are held against what is stored."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import years
from benchmarks.growing import SEED_CUSTOMER
from benchmarks.history import SEED_SALES, Seed
from benchmarks.webhooks import receive_all
from benchmarks.world import World, interleaved, sell, world
from purchase_core.instants import SystemClock
from purchase_core.operations.rebuild import CHANGED, Cursor
from purchase_sandbox.testing import SandboxHarness

YEARS = 40  # customers that are copied
SIZES_SHORT, SIZES = (10_000,), (10_000, 100_000, 1_000_000)


async def run(*, short: bool) -> None:
    """Print rates for a file of 10^4 facts, and of up to 10^6 in full, of customers of either kind."""
    print(
        "| each customer | facts | facts a customer | shadow | facts/s (of one core) | doctor's truth "
        "| facts/s (of one core) | wrong |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for kind, written in (("one sale", _sales), ("a year of renewals", _years)):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "purchase.db"
            async with SandboxHarness(SystemClock()) as harness:
                async with world(path, harness) as one:
                    await written(one)
                seed = Seed(path)
                for size in SIZES_SHORT if short else SIZES:
                    seed.grow(size, of="facts")
                    async with world(path, harness) as one:
                        print(f"| {kind} | {await measured(one)} |", flush=True)


async def measured(one: World) -> str:
    """The cells of one file."""
    facts = customers = wrong = 0
    await one.store.lanes(limit=1)  # opens what reads
    await one.store.holdings("", "")
    watch = Watch()
    async for _, done in one.billing.rebuild.shadow(Cursor()):
        facts += sum(each.facts for each in done)
        customers += sum(each.facts > 0 for each in done)
        wrong += sum(each.status == CHANGED for each in done)
    shadow = watch.told(facts)
    watch = Watch()
    async for _, found in one.billing.truth.examine():
        wrong += len(found)
    return f"{facts:,} | {facts / customers:,.0f} | {shadow} | {watch.told(facts)} | {wrong:,}"


async def _sales(one: World) -> None:
    customers = [f"{SEED_CUSTOMER}{number}" for number in range(SEED_SALES)]
    await receive_all(one, interleaved(await sell(one, customers)), 50)


async def _years(one: World) -> None:
    await years.write(one.store, YEARS)


class Watch:
    """How long it took, and how much of one core."""

    def __init__(self) -> None:
        self._started, self._busy = time.perf_counter(), time.process_time()

    def told(self, facts: int) -> str:
        """Two cells: seconds, and facts a second."""
        took, busy = time.perf_counter() - self._started, time.process_time() - self._busy
        return f"{took:,.1f} s | {facts / took:,.0f} ({facts / busy:,.0f})"
