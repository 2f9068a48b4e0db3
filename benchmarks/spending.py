"""Credits consumed and quotas counted, each in one guarded batch: one by one, and 50 at once."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from benchmarks.figures import RATIO_HEAD, ratio_row
from benchmarks.replaying import Recording, replay
from benchmarks.world import World, world
from purchase_core.instants import SystemClock
from purchase_sandbox.testing import SandboxHarness

CONCURRENT = 50
GRANTED = 10_000_000

Spend: TypeAlias = Callable[[World, str, str], Awaitable[object]]
"""(world, customer, idempotency key)"""


async def consume(one: World, customer: str, key: str) -> object:
    """Spend a credit."""
    return await one.billing.credits.consume(customer, "ai_credits", 1, idempotency_key=key)


async def use(one: World, customer: str, key: str) -> object:
    """Count a call. The free plan's hundred would not last: `customers` are many enough."""
    used = await one.billing.usage.try_use("api_calls", customer=customer, idempotency_key=key)
    assert used.allowed, used
    return used


async def run(*, short: bool) -> None:
    """Print the table."""
    calls, rounds = (400, 3) if short else (2_000, 7)
    with TemporaryDirectory() as folder:
        base = Path(folder) / "base.db"
        async with SandboxHarness(SystemClock()) as harness:
            async with world(base, harness) as one:
                for number in range(CONCURRENT):
                    await one.billing.credits.grant(
                        f"user_{number}", "ai_credits", GRANTED, idempotency_key=f"g{number}"
                    )
            print(f"{calls} calls of {CONCURRENT} customers, {rounds} rounds, WAL, synchronous=FULL\n")
            print(RATIO_HEAD)
            for what, spend, customers in (
                ("credits.consume", consume, CONCURRENT),
                ("usage.try_use", use, CONCURRENT),
                ("credits.consume of one customer", consume, 1),
            ):
                for concurrent, goal in ((1, ">= 50 %"), (CONCURRENT, ">= 25 %")):
                    measured = _Measure(base, harness, spend, calls, customers, concurrent)
                    ours, raw, groups = await measured.rates(rounds)
                    how = "one after the other" if concurrent == 1 else f"{concurrent} at once"
                    print(ratio_row(f"{what}, {how} ({groups:.1f} a transaction)", ours, raw, "/s", goal))


class _Measure:
    """One row of the table."""

    def __init__(
        self,
        base: Path,
        harness: SandboxHarness,
        spend: Spend,
        calls: int,
        customers: int,
        concurrent: int,
    ) -> None:
        self._base = base
        self._harness = harness
        self._spend = spend
        self._calls = calls
        self._customers = customers
        self._concurrent = concurrent

    async def rates(self, rounds: int) -> tuple[list[float], list[float], float]:
        """Rates of ours and of the replay, round by round, and the size of groups."""
        recording = Recording()
        async with world(self._copy("recorded"), self._harness, recorder=recording) as one:
            recording.on = True
            await self._all(one)
            recording.on = False
        ours, raw = [], []
        for _ in range(rounds):
            async with world(self._copy("ours"), self._harness) as one:
                ours.append(self._calls / await self._all(one))
            raw.append(self._calls / replay(self._copy("raw"), recording.statements))
        return ours, raw, self._calls / recording.transactions()

    async def _all(self, one: World) -> float:
        """Make all calls, so many at a time, and return the seconds that took."""
        waiting = iter(range(self._calls))

        async def worker() -> None:
            for number in waiting:
                await self._spend(one, f"user_{number % self._customers}", f"k{number}")

        started = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(self._concurrent)))
        return time.perf_counter() - started

    def _copy(self, name: str) -> Path:
        """A fresh copy of a file that nobody has open."""
        path = self._base.with_name(f"{name}.db")
        for old in self._base.parent.glob(f"{name}.db*"):
            old.unlink()
        shutil.copy(self._base, path)
        return path
