"""Back-off: when to try again what has failed."""

from __future__ import annotations

from purchase_core.instants import SECOND, Instant

DOUBLINGS_MAX = 20


def retry_at(now: Instant, attempts: int, spread: int, *, seconds_first: int, seconds_max: int) -> Instant:
    """When to try again: doubling pauses, of which `spread` (any integer) takes off up to a half."""
    pause = min(seconds_first << min(attempts, DOUBLINGS_MAX), seconds_max) * SECOND
    return Instant(now + pause - spread % (pause // 2))
