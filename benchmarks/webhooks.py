"""A signed webhook: verified, stored, folded, readable, in one guarded batch; one by one, and 50 at once."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import RATIO_HEAD, ratio_row
from benchmarks.replaying import Recording, replay
from benchmarks.world import World, interleaved, sell, world
from purchase_core.instants import SystemClock
from purchase_sandbox.testing import SandboxHarness, Webhook

CONCURRENT = 50


async def run(*, short: bool) -> None:
    """Print the table."""
    sales, rounds = (100, 3) if short else (400, 7)
    with TemporaryDirectory() as folder:
        base = Path(folder) / "base.db"
        async with SandboxHarness(SystemClock()) as harness:
            async with world(base, harness) as one:
                sent = await sell(one, [f"user_{number}" for number in range(sales)])
            deliveries = interleaved(sent)
            print(f"{len(deliveries)} webhooks of {sales} sales, {rounds} rounds, WAL, synchronous=FULL\n")
            print(RATIO_HEAD)
            for concurrent, goal in ((1, ">= 50 %, hope 1,300/s"), (CONCURRENT, ">= 25 %, hope 4,000/s")):
                ours, raw, groups = await _measure(base, harness, deliveries, concurrent, rounds)
                what = "one after the other" if concurrent == 1 else f"{concurrent} at once"
                print(ratio_row(f"webhooks, {what} ({groups:.1f} a transaction)", ours, raw, "/s", goal))


async def _measure(
    base: Path, harness: SandboxHarness, deliveries: Sequence[Webhook], concurrent: int, rounds: int
) -> tuple[list[float], list[float], float]:
    """Rates of ours and of the replay, round by round, and the size of groups."""
    recording = Recording()
    async with world(_copy(base, "recorded"), harness, recorder=recording) as one:
        recording.on = True
        await receive_all(one, deliveries, concurrent)
        recording.on = False
    ours, raw = [], []
    for _ in range(rounds):
        async with world(_copy(base, "ours"), harness) as one:
            ours.append(len(deliveries) / await receive_all(one, deliveries, concurrent))
        raw.append(len(deliveries) / replay(_copy(base, "raw"), recording.statements))
    return ours, raw, len(deliveries) / recording.transactions()


async def receive_all(one: World, deliveries: Sequence[Webhook], concurrent: int) -> float:
    """Receive everything, so many at a time, and return the seconds that took."""
    waiting = iter(deliveries)
    connection = one.harness.connection.name

    async def worker() -> None:
        for webhook in waiting:
            receipt = await one.billing.webhooks.receive(connection, webhook.body, webhook.headers)
            assert receipt.status in ("done", "ignored"), receipt

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrent)))
    return time.perf_counter() - started


def _copy(base: Path, name: str) -> Path:
    """A fresh copy of a file that nobody has open."""
    path = base.with_name(f"{name}.db")
    for old in base.parent.glob(f"{name}.db*"):
        old.unlink()
    shutil.copy(base, path)
    return path
