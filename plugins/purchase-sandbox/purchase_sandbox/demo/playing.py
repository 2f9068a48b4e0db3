"""Stories that are played in the terminal: steps that really happened, each with how long it took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import attrs

from purchase_simulators.wire.local import LocalProvider

WEBHOOK_SECONDS_MAX = 30.0
POLL_SECONDS = 0.005


@attrs.frozen
class Step:
    """Something that has really happened: its name, what came of it, and how long it took."""

    name: str
    lines: tuple[str, ...]
    milliseconds: int


class StoryFailed(Exception):
    """A step did not lead where it should."""


class Steps:
    """The steps of one story, as they are done. `tell` hears of each."""

    def __init__(self, tell: Callable[[Step], None]) -> None:
        self._tell = tell
        self._started = self._step_started = time.monotonic()
        self.done: list[Step] = []

    def add(self, name: str, lines: Sequence[str]) -> None:
        """This was done, since the step before it."""
        now = time.monotonic()
        step = Step(name, tuple(lines), round((now - self._step_started) * 1_000))
        self._step_started = now
        self.done.append(step)
        self._tell(step)

    @property
    def milliseconds(self) -> int:
        """How long all of it has taken."""
        return round((time.monotonic() - self._started) * 1_000)


async def settled(providers: Mapping[str, LocalProvider]) -> None:
    """Wait until every webhook that is on its way has arrived. Raises StoryFailed."""
    try:
        async with asyncio.timeout(WEBHOOK_SECONDS_MAX):
            while any(one.is_up and one.is_waiting() for one in providers.values()):
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise StoryFailed(f"no webhook arrived within {WEBHOOK_SECONDS_MAX:.0f} s") from None


def check(what: str, found: object, wanted: object) -> None:
    """Raise StoryFailed unless it is as it should be."""
    if found != wanted:
        raise StoryFailed(f"{what}: {found!r} instead of {wanted!r}")
