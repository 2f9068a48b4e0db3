"""Rate limits: so many requests a minute from one address. Source: api-reference/about/rate-limiting."""

from __future__ import annotations

from collections import deque

from purchase_core.instants import MINUTE, SECOND, Instant

from .refusal import Refusal
from .settings import Settings

PREVIEWS = ("/transactions/preview", "/pricing-preview")


class RateLimits:
    """Counts requests of the last minute; previews are counted by themselves."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: dict[bool, deque[Instant]] = {True: deque(), False: deque()}

    def count(self, path: str, now: Instant) -> None:
        """Count a request. Raises Refusal (429) if there were too many."""
        preview = path in PREVIEWS
        limit = self._settings.previews_per_minute if preview else self._settings.requests_per_minute
        seen = self._seen[preview]
        while seen and seen[0] <= now - MINUTE:
            seen.popleft()
        if len(seen) >= limit:
            wait = (seen[0] + MINUTE - now) // SECOND + 1
            detail = (
                "IP address exceeded the allowed rate limit. Retry after the number of seconds in the "
                "Retry-After header."
            )
            raise Refusal(429, "too_many_requests", detail, retry_after_seconds=wait)
        seen.append(now)
