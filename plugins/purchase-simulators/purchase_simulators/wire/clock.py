"""Providers' clocks: real time plus an offset that only grows."""

from __future__ import annotations

from collections.abc import Callable

from purchase_core.errors import InvalidArgument
from purchase_core.instants import DAY, Clock, Instant

ADVANCE_DAYS_MAX = 3_660


class SharedClock:
    """One time for several providers and the application: whoever advances it takes all of them along.

    `on_advance` is told by how much it is ahead of the other clock.
    """

    def __init__(self, base: Clock, *, on_advance: Callable[[int], None] | None = None) -> None:
        self._base = base
        self._on_advance = on_advance
        self._offset = 0

    def now(self) -> Instant:
        """The time that they share."""
        return Instant(self._base.now() + self._offset)

    def advance(self, microseconds: int) -> Instant:
        """Jump forwards. Raises InvalidArgument if that is backwards, or further than ten years."""
        self._offset += _checked(microseconds)
        if self._on_advance:
            self._on_advance(self._offset)
        return self.now()


class ProviderClock:
    """Follows another clock at a distance. Over a ManualClock it is wholly manual; a SharedClock moves along.

    It hands out stamps, of which no two are alike, and never shows a time before its last stamp. So
    documents can be ordered by their stamps alone, to the microsecond. `on_stamp` is told of each, and of
    where it jumps to: whoever passes it moves the other clock along, or time would run away from it.
    """

    def __init__(self, base: Clock, *, on_stamp: Callable[[Instant], None] | None = None) -> None:
        self._base = base
        self._on_stamp = on_stamp
        self._offset = 0
        self._last = Instant(0)

    def now(self) -> Instant:
        """The provider's time."""
        return Instant(max(self._base.now() + self._offset, self._last))

    def stamp(self, at: Instant | None = None) -> Instant:
        """A new stamp: `at` (now, if none is given), or just after the last stamp, whichever is later."""
        self._last = Instant(max(self.now() if at is None else at, self._last + 1))
        if self._on_stamp:
            self._on_stamp(self._last)
        return self._last

    def advance(self, microseconds: int) -> Instant:
        """Jump forwards. Raises InvalidArgument if that is backwards, or further than ten years."""
        if isinstance(self._base, SharedClock):
            self._base.advance(microseconds)
        else:
            target = Instant(self.now() + _checked(microseconds))
            if self._on_stamp:
                self._on_stamp(target)
            self._offset = target - self._base.now()
        return self.now()


def _checked(microseconds: int) -> int:
    if not 0 <= microseconds <= ADVANCE_DAYS_MAX * DAY:
        raise InvalidArgument(f"the clock advances by 0 to {ADVANCE_DAYS_MAX} days")
    return microseconds
