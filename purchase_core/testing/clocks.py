"""Clocks for tests: time passes when the test says so."""

from __future__ import annotations

from purchase_core.errors import InvalidArgument
from purchase_core.instants import DAY, SECOND, Instant


class ManualClock:
    """A clock that stands still until it is advanced or set. It may be set back, as real clocks are."""

    def __init__(self, start: Instant) -> None:
        self._now = start

    def now(self) -> Instant:
        """The present instant."""
        return self._now

    def advance(self, *, days: int = 0, seconds: int = 0, microseconds: int = 0) -> Instant:
        """Let time pass and return the new instant. Raises InvalidArgument if that would be backwards."""
        passed = days * DAY + seconds * SECOND + microseconds
        if passed < 0:
            raise InvalidArgument("time does not run backwards", hint="Use `set_to` to set a clock back.")
        return self.set_to(Instant(self._now + passed))

    def set_to(self, moment: Instant) -> Instant:
        """Set the clock, forwards or back, and return the new instant."""
        self._now = moment
        return moment
