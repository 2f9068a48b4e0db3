"""What may this customer do: from the file, and from the cache; and that history does not matter."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import RATIO_HEAD, median, ratio_row
from benchmarks.webhooks import receive_all
from benchmarks.world import World, interleaved, sell, world
from purchase_core.instants import SystemClock
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.testing import SandboxHarness

CUSTOMERS = 50
PERIODS = (0, 12, 48)


async def run(*, short: bool) -> None:
    """Print the tables."""
    reads, rounds = (2_000, 3) if short else (20_000, 7)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "purchase.db"
        clock = ManualClock(SystemClock().now())
        async with SandboxHarness(clock) as harness, world(path, harness, clock=clock) as one:
            names = [f"user_{number}" for number in range(CUSTOMERS)]
            await receive_all(one, interleaved(await sell(one, names)), 1)
            await _from_file(one, path, names, reads, rounds)
            await _from_cache(one, names, reads, rounds)
            await _along_history(one, names[0], reads, short=short)


async def _from_file(one: World, path: Path, names: list[str], reads: int, rounds: int) -> None:
    ours, raw = [], []
    customers = one.billing.customers
    for _ in range(rounds):
        started = time.perf_counter()
        for number in range(reads):
            customers._cache.clear()
            rights = await customers.entitlements(names[number % CUSTOMERS])
        ours.append(reads / (time.perf_counter() - started))
        assert rights.has("export")
        raw.append(reads / _bare_reads(path, names, reads))
    print(RATIO_HEAD)
    print(ratio_row("entitlements, from the file", ours, raw, "/s", ">= 15 %, hope 30,000/s"))


def _bare_reads(path: Path, names: list[str], reads: int) -> float:
    """A row of the lane by its key, by bare sqlite3."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    text = "SELECT lane, version, document, linked_to FROM lanes WHERE lane = ?"
    started = time.perf_counter()
    for number in range(reads):
        connection.execute(text, (f"customer:{names[number % CUSTOMERS]}",)).fetchall()
    took = time.perf_counter() - started
    connection.close()
    return took


async def _from_cache(one: World, names: list[str], reads: int, rounds: int) -> None:
    customers = one.billing.customers
    for name in names:
        await customers.entitlements(name)
    table = {name: object() for name in names}
    ours, raw = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        for number in range(reads):
            await customers.entitlements(names[number % CUSTOMERS])
        ours.append((time.perf_counter() - started) / reads * 1e6)
        started = time.perf_counter()
        for number in range(reads):
            table[names[number % CUSTOMERS]]
        raw.append((time.perf_counter() - started) / reads * 1e6)
    print(f"\nfrom the cache: {median(ours):.2f} us (goal <= 2), a bare dict look-up {median(raw):.2f} us")


async def _along_history(one: World, name: str, reads: int, *, short: bool) -> None:
    """The same read after more and more renewals of the same customer."""
    print("\n| renewals of the customer | entitlements from the file |\n|---|---|")
    done = 0
    for periods in PERIODS[: 2 if short else None]:
        for _ in range(periods - done):
            one.harness.advance(days=31)
            for webhook in one.harness.webhooks():
                await one.billing.webhooks.receive("sandbox", webhook.body, webhook.headers)
        done = periods
        started = time.perf_counter()
        for _ in range(reads // 4):
            one.billing.customers._cache.clear()
            await one.billing.customers.entitlements(name)
        print(f"| {periods} | {(time.perf_counter() - started) / (reads // 4) * 1e6:.1f} us |")
