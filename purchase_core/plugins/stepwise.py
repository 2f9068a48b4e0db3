"""Step by step: how long an awaitable keeps the event loop to itself, which nobody can interrupt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Stopwatch:
    """The longest step between two pauses, in seconds of `timer`."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._started = 0.0
        self.longest_seconds = 0.0

    def start(self) -> None:
        """A step begins."""
        self._started = self._timer()

    def stop(self) -> None:
        """A step has ended: in a pause, a result or an error."""
        self.longest_seconds = max(self.longest_seconds, self._timer() - self._started)


class Stepwise(Generic[T]):
    """Awaits another awaitable, and times each of its steps."""

    def __init__(self, awaitable: Awaitable[T], watch: Stopwatch) -> None:
        self._awaitable = awaitable
        self._watch = watch

    def __await__(self) -> Generator[Any, Any, T]:
        self._watch.start()
        try:
            return (yield from self._steps(self._awaitable.__await__()))
        finally:
            self._watch.stop()

    def _steps(self, steps: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        send, value = steps.send, None
        while True:
            try:
                pause = send(value)
            except StopIteration as ended:
                return ended.value  # type: ignore[no-any-return]
            self._watch.stop()
            try:
                send, value = steps.send, (yield pause)
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as error:  # handed on, as `yield from` does
                send, value = steps.throw, error
            finally:
                self._watch.start()
