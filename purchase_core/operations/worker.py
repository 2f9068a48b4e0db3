"""The worker: works off what waits, as long as it runs. Any number of them, beside any number of endpoints.

Each task has a loop of its own, so that none waits for another: one that found something to do looks again at
once, one that found nothing waits a while, and one that failed waits longer each time. What it is in the
middle of is finished before it stops; whatever is cut short all the same has a lease that runs out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import attrs

from purchase_core.inbox.processing import reason_of

IDLE_SECONDS = 1.0
FAILED_SECONDS_FIRST, FAILED_SECONDS_MAX = 1.0, 60.0

log = logging.getLogger("purchase.worker")


@attrs.frozen
class Task:
    """Something to be done again and again. `work` says how much it has done; 0: there was nothing."""

    name: str
    work: Callable[[], Awaitable[int]]
    idle_seconds: float = IDLE_SECONDS


class Tell(Protocol):
    """Is told what was done, task by task; nothing where nothing was."""

    def __call__(self, task: str, count: int) -> None:
        """So many of this task."""
        ...


class Stop:
    """Tells a worker to finish, and wakes it from waiting."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Finish what is under way, and begin nothing new."""
        self._event.set()

    def __bool__(self) -> bool:
        return self._event.is_set()

    async def wait(self, seconds: float) -> None:
        """Wait so long, or until it is set."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass


class Worker:
    """Runs tasks until it is told to stop."""

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        wait: Callable[[Stop, float], Awaitable[None]] = lambda stop, seconds: stop.wait(seconds),
        jitter: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._tasks = tuple(tasks)
        self._wait = wait
        self._jitter = jitter

    async def once(self, tell: Tell) -> Mapping[str, int]:
        """Do whatever there is to do, until nothing is left; how much of each.

        A task that fails is left, and the others go on: a provider that is down holds up nothing else. In the
        end, raises what the first one that failed has raised.
        """
        done = dict.fromkeys([task.name for task in self._tasks], 0)
        going, failed = list(self._tasks), list[Exception]()
        worked = True
        while worked:
            worked = False
            for task in tuple(going):
                try:
                    count = await task.work()
                except Exception as error:
                    going.remove(task)
                    failed.append(error)
                    log.warning("%s failed (%s)", task.name, reason_of(error))
                    continue
                if count:
                    worked = True
                    done[task.name] += count
                    tell(task.name, count)
        if failed:
            raise failed[0]
        return done

    async def run(self, stop: Stop, tell: Tell) -> None:
        """Do what there is to do, and wait for more, until `stop` is set."""
        async with asyncio.TaskGroup() as group:
            for task in self._tasks:
                group.create_task(self._loop(task, stop, tell), name=f"purchase-{task.name}")

    async def _loop(self, task: Task, stop: Stop, tell: Tell) -> None:
        failures = 0
        while not stop:
            try:
                count = await task.work()
            except Exception as error:
                # A database that restarts, a provider that is down: the others go on, and so will this one.
                failures += 1
                seconds = min(FAILED_SECONDS_FIRST * 2 ** (failures - 1), FAILED_SECONDS_MAX)
                log.warning("%s failed (%s), and waits %.0f s", task.name, reason_of(error), seconds)
                await self._wait(stop, seconds * self._jitter())
                continue
            failures = 0
            if count:
                tell(task.name, count)
            else:
                await self._wait(stop, task.idle_seconds * self._jitter())
