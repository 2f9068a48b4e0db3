"""Turns: an event loop in which chance decides who goes on, and time is the simulation's.

Whatever awaits inside an application (a lock, a task of its own, a deadline) works as on any event loop.
Where it would act on the outside (a store, a provider) it waits for its turn, so that one seed gives one
interleaving. Nothing is waited for: `run` ends when everybody has ended, or stands still.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, cast

import attrs

from purchase_core.instants import SECOND, Clock
from purchase_core.testing.simulation.chance import Chance

TURNS_MAX = 100_000


class Crashed(BaseException):
    """The process of this activity has died."""


class Stuck(Exception):  # what is found
    """Activities wait for each other for ever."""


@attrs.define(eq=False)
class Activity:
    """Something that somebody does. `process` dies with a crash; `end` is called with its result or error."""

    process: object
    work: Coroutine[Any, Any, Any]
    end: Callable[[object, BaseException | None], None]


@attrs.define(eq=False)
class Parked:
    """Something that stands still, since an instant."""

    process: object
    since: int
    turn: asyncio.Future[None]


class _Soon:
    """What is called before the next turn. As much of a handle as tasks need: there are very many of them."""

    __slots__ = ("arguments", "callback", "cancelled", "context")

    def __init__(self, callback: Callable[..., object], arguments: tuple[Any, ...], context: Context) -> None:
        self.callback, self.arguments, self.context = callback, arguments, context
        self.cancelled = False

    def cancel(self) -> None:
        """Not after all."""
        self.cancelled = True


class Turns:
    """As much of an event loop as applications need: no selector, and a clock that only others advance."""

    def __init__(self, chance: Chance, clock: Clock) -> None:
        self._loop = cast("asyncio.AbstractEventLoop", self)
        self._chance = chance
        self._clock = clock
        self._soon: deque[_Soon] = deque()
        self._turns: list[asyncio.Future[None]] = []
        self._timers: list[tuple[float, int, object, asyncio.TimerHandle]] = []
        self._owners: dict[asyncio.Task[Any], object] = {}
        self._timed = 0
        self.parked: list[Parked] = []
        self._woken: list[Parked] = []

    @property
    def together(self) -> bool:
        """Whether others could have a turn now: who waits for something else than that cannot."""
        return len(self._owners) > 1 and bool(self._turns or self._soon or self._timers)

    def start(self, activity: Activity) -> None:
        """Have it run with the next `run`."""

        def ended(task: asyncio.Task[Any]) -> None:
            del self._owners[task]
            error = Crashed() if task.cancelled() else task.exception()
            activity.end(None if error else task.result(), error)

        task: asyncio.Task[Any] = asyncio.Task(activity.work, loop=self._loop)
        self._owners[task] = activity.process
        task.add_done_callback(ended)

    def wake(self, number: int) -> None:
        """Have a parked one go on with the next `run`."""
        woken = self.parked.pop(number)
        self._woken.append(woken)
        self._turns.append(woken.turn)

    def still_since(self, moment: int) -> list[object]:
        """Whose activities stand still since before then, also if they are to go on with the next `run`."""
        return [one.process for one in (*self.parked, *self._woken) if one.since < moment]

    def run(self) -> None:
        """Give turns until everybody has ended, or is parked. Raises Stuck."""
        self._woken.clear()
        before = asyncio._get_running_loop()  # noqa: SLF001  # documented for event loops
        asyncio._set_running_loop(self._loop)  # noqa: SLF001
        try:
            soon = self._soon
            for _ in range(TURNS_MAX):
                while soon:
                    one = soon.popleft()
                    if not one.cancelled:
                        one.context.run(one.callback, *one.arguments)
                if not self._next():
                    break
        finally:
            asyncio._set_running_loop(before)  # noqa: SLF001
        if self._owners and not self.parked and not self._timers:
            raise Stuck(f"{len(self._owners)} activities wait for what nobody will do")

    def turn(self) -> asyncio.Future[None]:
        """Wait for this to let others have their turn."""
        turn = asyncio.Future[None](loop=self._loop)
        self._turns.append(turn)
        return turn

    async def park(self) -> None:
        """Stand still until somebody wakes this one."""
        turn = self.create_future()
        self.parked.append(Parked(self._owner(), self._clock.now(), turn))
        await turn

    def kill(self, process: object) -> None:
        """End every task of a process, but the one whose turn it is: that one raises Crashed itself."""
        present = asyncio.current_task(self._loop)
        self.parked = [one for one in self.parked if one.process is not process]
        for task, owner in list(self._owners.items()):
            if owner is process and task is not present:
                task.cancel()

    def _next(self) -> bool:
        """Whether there is somebody to go on: whose deadline is over, or one of those who wait, by chance."""
        if self._timers and self._over():
            return True
        waiting = self._turns
        if waiting:
            self._turns = waiting = [one for one in waiting if not one.done()]
        if waiting:
            waiting.pop(self._chance.below(len(waiting)) if len(waiting) > 1 else 0).set_result(None)
        return bool(waiting or self._soon)

    def _over(self) -> bool:
        """Whether a deadline is over; whose it is goes on. Who stands still notices none."""
        frozen, now = [one.process for one in self.parked], self.time()
        for entry in self._timers:
            when, _, owner, timer = entry
            if when <= now and owner not in frozen:
                self._timers.remove(entry)
                if not timer.cancelled():
                    self.call_soon(timer._run)  # noqa: SLF001  # in the context that it was made with
                return True
        return False

    def _owner(self) -> object:
        present = asyncio.current_task(self._loop)
        return self._owners.get(present) if present else None

    # --- what tasks, futures and deadlines need of a loop ---------------------------------------

    def time(self) -> float:
        """Seconds, of the simulation's clock."""
        return self._clock.now() / SECOND

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self._loop)

    def create_task(
        self,
        work: Coroutine[Any, Any, Any],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[Any]:
        """A task: of the same process as the one that makes it."""
        task = asyncio.Task(work, loop=self._loop, name=name, context=context)
        self._owners[task] = self._owner()
        task.add_done_callback(self._owners.pop)
        return task

    def call_soon(
        self, callback: Callable[..., object], *arguments: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Call it before the next turn."""
        # An empty context is a context, and false.
        handle = _Soon(callback, arguments, copy_context() if context is None else context)
        self._soon.append(handle)
        return cast("asyncio.Handle", handle)

    def call_later(
        self, seconds: float, callback: Callable[..., object], *arguments: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call it after so many seconds of the simulation."""
        return self.call_at(self.time() + seconds, callback, *arguments, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *arguments: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call it at an instant of the simulation."""
        timer = asyncio.TimerHandle(when, callback, arguments, self._loop, context)
        self._timed += 1
        insort(self._timers, (when, self._timed, self._owner(), timer))
        return timer

    def _timer_handle_cancelled(self, timer: asyncio.TimerHandle) -> None:
        self._timers = [entry for entry in self._timers if entry[3] is not timer]

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Nothing is reported: what fails is told to whoever began it."""

    def get_debug(self) -> bool:
        """Never."""
        return False
