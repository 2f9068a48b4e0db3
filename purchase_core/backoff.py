"""Back-off: when to try again what has failed."""

from __future__ import annotations

import attrs

from purchase_core.instants import SECOND, Instant

DOUBLINGS_MAX = 20


@attrs.frozen
class Backoff:
    """Pauses that double from the first to the longest."""

    retry_seconds_first: int = 2
    retry_seconds_max: int = 3_600

    def retry_at(self, now: Instant, attempts: int, spread: int) -> Instant:
        """When to try again: doubling pauses, of which `spread` (any integer) takes off up to a half."""
        pause = min(self.retry_seconds_first << min(attempts, DOUBLINGS_MAX), self.retry_seconds_max) * SECOND
        return Instant(now + pause - spread % (pause // 2))
