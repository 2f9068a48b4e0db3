"""Turns: activities run one at a time, each until it would act on the outside, in an order of chance.

Whatever awaits inside an application (a lock, a store, a provider) comes here, so that one seed gives one
interleaving. No time passes and nothing is waited for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, cast

import attrs

from purchase_core.instants import Clock
from purchase_core.testing.simulation.chance import Chance

TURNS_MAX = 100_000


class Crashed(BaseException):
    """The process of this activity has died."""


class Stuck(Exception):  # what is found
    """Activities wait for each other for ever."""


class _Turn:
    """Awaited where another activity may have its turn; `park`: this one is put aside until it is woken."""

    __slots__ = ("park",)

    def __init__(self, *, park: bool) -> None:
        self.park = park

    def __await__(self) -> Generator[_Turn, None, None]:
        yield self


YIELD, PARK = _Turn(park=False), _Turn(park=True)


@attrs.define(eq=False)
class Activity:
    """Something that somebody does. `process` dies with a crash; `end` is called with its result or error."""

    process: object
    work: Coroutine[Any, Any, Any]
    end: Callable[[object, BaseException | None], None]
    parked_at: int = 0


class Turns:
    """As much of an event loop as locks need: no clock and no selector, only activities and futures."""

    def __init__(self, chance: Chance, clock: Clock) -> None:
        self._chance = chance
        self._clock = clock
        self._ready: list[Activity] = []
        self._soon: deque[Callable[[], object]] = deque()
        self._waiting: dict[Activity, None] = {}
        self.parked: list[Activity] = []
        self._present: Activity | None = None

    @property
    def together(self) -> bool:
        """Whether others could have a turn."""
        return bool(self._ready or self._waiting)

    @property
    def present(self) -> Activity | None:
        """The activity whose turn it is."""
        return self._present

    def start(self, activity: Activity) -> None:
        """Have it run with the next `run`."""
        self._ready.append(activity)

    def wake(self, number: int) -> None:
        """Have a parked one run with the next `run`."""
        self._ready.append(self.parked.pop(number))

    def run(self) -> None:
        """Give turns until everybody has ended, or is parked. Raises Stuck."""
        before = asyncio._get_running_loop()  # noqa: SLF001  # documented for event loops
        asyncio._set_running_loop(cast("asyncio.AbstractEventLoop", self))  # noqa: SLF001
        try:
            for _ in range(TURNS_MAX):
                while self._soon:
                    self._soon.popleft()()
                if not self._ready:
                    break
                many = len(self._ready)
                self._turn(self._ready.pop(self._chance.below(many) if many > 1 else 0))
        finally:
            asyncio._set_running_loop(before)  # noqa: SLF001
        if self._waiting and not self.parked:
            raise Stuck(f"{len(self._waiting)} activities wait for what nobody will do")

    def kill(self, process: object) -> None:
        """End every activity of a process, but the one whose turn it is: that one raises Crashed itself."""
        dead = [one for one in (*self._ready, *self._waiting, *self.parked) if one.process is process]
        self._ready = [one for one in self._ready if one.process is not process]
        self.parked = [one for one in self.parked if one.process is not process]
        for one in dead:
            self._waiting.pop(one, None)
            with suppress(RuntimeError, Crashed):  # whatever it does while it is torn down, it does to nobody
                one.work.close()
            one.end(None, Crashed())

    def _turn(self, activity: Activity) -> None:
        self._present = activity
        try:
            wanted = activity.work.send(None)
        except StopIteration as stop:
            activity.end(stop.value, None)
        except (Exception, Crashed) as error:
            activity.end(None, error)
        else:
            self._put_aside(activity, wanted)
        finally:
            self._present = None

    def _put_aside(self, activity: Activity, wanted: Any) -> None:
        if isinstance(wanted, _Turn):
            activity.parked_at = self._clock.now()
            (self.parked if wanted.park else self._ready).append(activity)
            return
        wanted._asyncio_future_blocking = False  # noqa: SLF001  # what every event loop does
        self._waiting[activity] = None

        def wake(_done: object) -> None:
            if self._waiting.pop(activity, activity) is None:
                self._ready.append(activity)

        wanted.add_done_callback(wake)

    # --- what futures and locks need of a loop -------------------------------------------------

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=cast("asyncio.AbstractEventLoop", self))

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        """Call it before the next turn."""
        self._soon.append(lambda: callback(*args))

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Nothing is reported: what fails is told to whoever began it."""

    def get_debug(self) -> bool:
        """Never."""
        return False
