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
    print("| facts | lanes | shadow | facts/s (of one core) | changed |")
    print("|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "purchase.db"
        async with SandboxHarness(SystemClock()) as harness:
            async with world(path, harness) as one:
                customers = [f"user_m0_{number}" for number in range(SEED_SALES)]
                await receive_all(one, interleaved(await sell(one, customers)), 50)
            seed = Seed(path)
            for size in (10_000,) if short else (10_000, 1_000_000):
                seed.grow(size)
                async with world(path, harness) as one:
                    facts = lanes = changed = 0
                    started, busy = time.perf_counter(), time.process_time()
                    async for _, done in one.billing.rebuild.shadow(Cursor()):
                        lanes += len(done)
                        facts += sum(each.facts for each in done)
                        changed += sum(each.status == CHANGED for each in done)
                    took, busy = time.perf_counter() - started, time.process_time() - busy
                rates = f"{took:,.1f} s | {facts / took:,.0f} ({facts / busy:,.0f})"
                print(f"| {facts:,} | {lanes:,} | {rates} | {changed:,} |", flush=True)
