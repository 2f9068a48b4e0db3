"""Acknowledging: how long a provider waits for its answer while nothing behind the answer works.

Webhooks come at a fixed rate, whether or not those before them are answered, so that whoever is late makes
the next ones wait too: each is timed from when it was due. Handlers and subscribers never come back. Then
somebody else holds the lock of the file: each answer comes after its commit, or is a refusal within a bound.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from benchmarks.figures import median
from benchmarks.world import World, billing_over, interleaved, sell
from purchase_core.errors import StoreUnavailable
from purchase_core.instants import SystemClock
from purchase_core.operations.worker import Stop
from purchase_core.plugins.descriptors import Subscriber
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.plugins.listeners import Listeners
from purchase_core.plugins.registry import Registry
from purchase_core.records.effect import Effect
from purchase_sandbox.testing import SandboxHarness, Webhook
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore

RATE = 200
ANSWER_SECONDS_GOAL = 0.25
BUSY_SECONDS = 1.0
HELD_SECONDS = 3.0
BOUND_SECONDS = (
    2 * BUSY_SECONDS + 1.0
)  # what was decided together is tried once more, each alone; and a group
HEAD = (
    "| handlers | rate | answered | p50 | p99 | longest | refused | lost | goal |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


class Hanging:
    """A listener that never comes back."""

    @hookimpl
    async def purchase_on_event(self, event: Effect) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()


async def hang(effect: Effect) -> None:
    """A subscriber that never comes back."""
    await asyncio.Event().wait()


@attrs.define
class Answers:
    """How long each answer took, of those that were taken and of those that were refused."""

    taken: list[float] = attrs.field(factory=list)
    refused: list[float] = attrs.field(factory=list)
    events: list[str] = attrs.field(factory=list)


async def run(*, short: bool) -> None:
    """Print both tables' rows."""
    sales = 120 if short else 600
    print(HEAD)
    with TemporaryDirectory() as folder:
        for held in (False, True):
            path = Path(folder) / f"{held}.db"
            async with SandboxHarness(SystemClock()) as harness:
                answers = await _story(path, harness, sales, held=held)
                lost = await _lost(path, harness, answers.events)
            _print(answers, lost, held=held)


async def _story(path: Path, harness: SandboxHarness, sales: int, *, held: bool) -> Answers:
    config = SqliteConfig(str(path), busy_timeout_seconds=BUSY_SECONDS)
    async with await SqliteStore.open(config) as store:
        await store.migrate()
        registry = Registry(listed=())
        registry.register(Hanging(), name="hanging")
        subscriber = Subscriber("hanging", hang, lanes_at_once=50)
        one = billing_over(
            store,
            harness,
            SystemClock(),
            listeners=Listeners(registry),
            subscribers={subscriber.name: subscriber},
        )
        await one.billing.subscribers.register()
        deliveries = interleaved(await sell(one, [f"user_{number}" for number in range(sales)]))
        stop = Stop()
        working = asyncio.create_task(one.billing.worker().run(stop, lambda task, count: None))
        answers = Answers()
        holding = asyncio.create_task(asyncio.to_thread(_hold, path)) if held else None
        await _paced(one, deliveries, answers)
        if holding is not None:
            await holding
        working.cancel()  # it would wait for its subscriber
        await asyncio.gather(working, return_exceptions=True)
        return answers


def _hold(path: Path) -> None:
    """Somebody else writes, and takes their time."""
    with sqlite3.connect(path, isolation_level=None, timeout=60) as other:
        for _ in range(2):
            time.sleep(1)
            other.execute("BEGIN IMMEDIATE")
            time.sleep(HELD_SECONDS)
            other.execute("ROLLBACK")


async def _paced(one: World, deliveries: Sequence[Webhook], answers: Answers) -> None:
    started = time.perf_counter()

    async def take(webhook: Webhook, due: float) -> None:
        try:
            receipt = await one.billing.webhooks.receive("sandbox", webhook.body, webhook.headers)
        except StoreUnavailable:
            answers.refused.append(time.perf_counter() - due)
        else:
            answers.taken.append(time.perf_counter() - due)
            answers.events.append(receipt.event_id)

    tasks = []
    for number, webhook in enumerate(deliveries):
        due = started + number / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(take(webhook, due)))
    await asyncio.gather(*tasks)


async def _lost(path: Path, harness: SandboxHarness, events: Sequence[str]) -> int:
    """How many of those that were acknowledged are not there when the file is opened again."""
    async with await SqliteStore.open(SqliteConfig(str(path))) as store:
        known: set[str] = set()
        for begin in range(0, len(events), 500):
            known |= await store.known_events(harness.connection.name, events[begin : begin + 500])
    return len({*events} - known)


def _print(answers: Answers, lost: int, *, held: bool) -> None:
    taken = sorted(answers.taken)
    longest = max([*answers.taken, *answers.refused])
    goal = (
        f"an answer <= {BOUND_SECONDS:.1f} s, 0 lost"
        if held
        else f"p99 < {1000 * ANSWER_SECONDS_GOAL:.0f} ms"
    )
    what = "hang, and the lock is held by others" if held else "hang"
    refused = f"{len(answers.refused):,}"
    print(
        f"| {what} | {RATE}/s | {len(taken):,} | {1000 * median(taken):.1f} ms "
        f"| {1000 * taken[len(taken) * 99 // 100]:.1f} ms | {1000 * longest:.0f} ms "
        f"| {refused} | {lost} | {goal} |",
        flush=True,
    )
    assert not lost
