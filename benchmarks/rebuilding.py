"""Rebuilding: how many facts a second become rows again, and are held against what is stored."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.history import SEED_SALES, Seed
from benchmarks.webhooks import receive_all
from benchmarks.world import interleaved, sell, world
from purchase_core.instants import SystemClock
from purchase_core.operations.rebuild import CHANGED, Cursor
from purchase_sandbox.testing import SandboxHarness


async def run(*, short: bool) -> None:
    """Print rates for a file of 10^4 events, and of 10^6 in full."""
    print(
        "| facts | lanes | shadow | facts/s (of one core) | doctor's truth | facts/s (of one core) | wrong |"
    )
    print("|---|---|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "purchase.db"
        async with SandboxHarness(SystemClock()) as harness:
            async with world(path, harness) as one:
                customers = [f"user_m0_{number}" for number in range(SEED_SALES)]
                await receive_all(one, interleaved(await sell(one, customers)), 50)
            seed = Seed(path)
            for size in (10_000,) if short else (10_000, 100_000, 1_000_000):
                seed.grow(size)
                async with world(path, harness) as one:
                    facts = lanes = wrong = 0
                    watch = Watch()
                    async for _, done in one.billing.rebuild.shadow(Cursor()):
                        lanes += len(done)
                        facts += sum(each.facts for each in done)
                        wrong += sum(each.status == CHANGED for each in done)
                    shadow = watch.told(facts)
                    watch = Watch()
                    async for _, found in one.billing.truth.examine():
                        # A copy has other identifiers in its bodies than its digests were made of.
                        wrong += sum(each.id != "truth.digest" for each in found)
                    truth = watch.told(facts)
                print(f"| {facts:,} | {lanes:,} | {shadow} | {truth} | {wrong:,} |", flush=True)


class Watch:
    """How long it took, and how much of one core."""

    def __init__(self) -> None:
        self._started, self._busy = time.perf_counter(), time.process_time()

    def told(self, facts: int) -> str:
        """Two cells: seconds, and facts a second."""
        took, busy = time.perf_counter() - self._started, time.process_time() - self._busy
        return f"{took:,.1f} s | {facts / took:,.0f} ({facts / busy:,.0f})"
