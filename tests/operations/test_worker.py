"""The worker: does what there is to do, waits when there is nothing, and finishes when it is told to."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from purchase_core.errors import OutcomeUnknown, ProviderRefused, StoreUnavailable
from purchase_core.operations.worker import (
    FAILED_SECONDS_FIRST,
    FAILED_SECONDS_MAX,
    IDLE_SECONDS,
    Stop,
    Task,
    Worker,
)
from purchase_core.records.command import CONFIRMED
from purchase_simulators.wire.chaos import Fault
from tests.faults.shop import SESSIONS, Shop, run


class Script:
    """A task that does what it is told, each time; afterwards nothing."""

    def __init__(self, *results: int | Exception) -> None:
        self.results = list(results)
        self.calls = 0

    async def __call__(self) -> int:
        self.calls += 1
        await asyncio.sleep(0)
        result = self.results.pop(0) if self.results else 0
        if isinstance(result, Exception):
            raise result
        return result


class Waits:
    """Instead of waiting: notes how long, and stops after so many."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.seconds: list[float] = []

    async def __call__(self, stop: Stop, seconds: float) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) >= self.most:
            stop.set()
        await asyncio.sleep(0)


def test_it_looks_again_at_once_while_there_is_something_and_then_waits() -> None:
    async def work() -> None:
        script, waits = Script(3, 2), Waits(2)
        found: list[tuple[str, int]] = []
        worker = Worker([Task("things", script)], wait=waits)
        await worker.run(Stop(), lambda task, count: found.append((task, count)))
        assert found == [("things", 3), ("things", 2)]
        assert waits.seconds == [IDLE_SECONDS, IDLE_SECONDS]

    run(work)


def test_a_task_that_fails_waits_longer_each_time_and_keeps_nobody() -> None:
    async def work() -> None:
        down = [StoreUnavailable("down") for _ in range(9)]
        broken, fine, waits = Script(*down, 4), Script(*[1] * 20), Waits(11)
        found: list[tuple[str, int]] = []
        worker = Worker([Task("broken", broken), Task("fine", fine, idle_seconds=0.5)], wait=waits)
        await worker.run(Stop(), lambda task, count: found.append((task, count)))
        failed = [seconds for seconds in waits.seconds if seconds not in (0.5, IDLE_SECONDS)]
        assert failed[:3] == [FAILED_SECONDS_FIRST * 2, FAILED_SECONDS_FIRST * 4, FAILED_SECONDS_FIRST * 8]
        assert max(failed) == FAILED_SECONDS_MAX
        assert found.count(("fine", 1)) == 20

    run(work)


def test_told_to_stop_it_finishes_what_it_is_in_the_middle_of() -> None:
    async def work() -> None:
        stop, ended = Stop(), False

        async def long() -> int:
            nonlocal ended
            stop.set()
            for _ in range(5):
                await asyncio.sleep(0)
            ended = True
            return 1

        found: list[int] = []
        await Worker([Task("long", long)]).run(stop, lambda task, count: found.append(count))
        assert ended
        assert found == [1]

    run(work)


def test_waiting_ends_when_it_is_told_to_stop() -> None:
    async def work() -> None:
        stop = Stop()
        waiting = asyncio.create_task(stop.wait(3_600))
        await asyncio.sleep(0)
        assert not waiting.done()
        stop.set()
        await waiting
        await stop.wait(3_600)

    run(work)


def test_once_is_until_nothing_is_left_and_says_what_failed() -> None:
    async def work() -> None:
        found: list[tuple[str, int]] = []
        worker = Worker([Task("a", Script(2, 0, 0)), Task("b", Script(0, 5))])
        done = await worker.once(lambda task, count: found.append((task, count)))
        assert done == {"a": 2, "b": 5}
        assert found == [("a", 2), ("b", 5)]
        with pytest.raises(StoreUnavailable):
            await Worker([Task("a", Script(StoreUnavailable("down")))]).once(lambda task, count: None)

    run(work)


def test_once_does_all_else_although_a_task_fails_and_then_raises_what_failed_first() -> None:
    async def work() -> None:
        found: list[tuple[str, int]] = []
        tasks = [
            Task("a", Script(1, StoreUnavailable("first"))),
            Task("b", Script(StoreUnavailable("down"))),
            Task("c", Script(2, 3, 4, 0)),
        ]
        with pytest.raises(StoreUnavailable, match="down"):
            await Worker(tasks).once(lambda task, count: found.append((task, count)))
        assert found == [("a", 1), ("c", 2), ("c", 3), ("c", 4)]

    run(work)


def test_a_billings_worker_works_off_deliveries_and_lost_answers() -> None:
    async def work() -> None:
        async with Shop(inbox={"mode": "queue"}) as shop:
            with shop.trouble(SESSIONS, Fault.LOST_ANSWER), suppress(OutcomeUnknown):
                await shop.start("lost")
            await shop.sold()
            assert not (await shop.rights()).has("export")
            shop.advance(seconds=120)
            done = await shop.billing.worker().once(lambda task, count: None)
            assert done["deliveries"] >= 3
            assert (done["checkouts"], done["commands"]) == (1, 0)
            assert (await shop.rights()).has("export")
            assert shop.memory.commands["checkout.start:lost"].state == CONFIRMED

    run(work)


def test_why_a_task_failed_is_logged_in_ids_and_codes(caplog: pytest.LogCaptureFixture) -> None:
    """By its type alone nobody knows what to do; what is no error of ours may say anything."""

    async def work() -> None:
        script = Script(ProviderRefused("the list of events is closed to this key"), ValueError("canary"))
        await Worker([Task("pages", script)], wait=Waits(2)).run(Stop(), lambda *_: None)

    run(work)
    assert [one.getMessage() for one in caplog.records] == [
        "pages failed (provider_refused: the list of events is closed to this key), and waits 1 s",
        "pages failed (ValueError), and waits 2 s",
    ]
