"""The breaker: how each connection has fared lately in this process. Its state is an input of decisions.

closed ──(failures in a row)──► open ──(a pause)──► half open ──(success)──► closed
                                 ▲                      │
                                 └──────(failure)───────┘
"""

from __future__ import annotations

from collections import deque
from statistics import median_low

import attrs

from purchase_core.instants import SECOND, Instant
from purchase_core.ports.router import WELL, Health

MILLISECOND = 1_000  # microseconds


@attrs.frozen
class BreakerSettings:
    """When a connection counts as down, and for how long."""

    failures_in_a_row: int = 5
    open_seconds: int = 60
    window_seconds: int = 300
    calls_max: int = 200


@attrs.frozen
class _Call:
    at: Instant
    failed: bool
    milliseconds: int


class _Record:
    def __init__(self, calls_max: int) -> None:
        self.calls: deque[_Call] = deque(maxlen=calls_max)
        self.in_a_row = 0
        self.opened_at: Instant | None = None


class HealthBook:
    """Notes how calls ended, and says what that comes to at an instant. One process's own view."""

    def __init__(self, settings: BreakerSettings | None = None) -> None:
        self._settings = settings or BreakerSettings()
        self._records: dict[str, _Record] = {}

    def succeeded(self, connection: str, at: Instant, *, milliseconds: int = 0) -> None:
        """The provider has answered, be it with a refusal."""
        record = self._record(connection)
        record.calls.append(_Call(at, failed=False, milliseconds=milliseconds))
        record.in_a_row, record.opened_at = 0, None

    def failed(self, connection: str, at: Instant) -> None:
        """The provider could not be reached, did not answer in time, or refused the key."""
        record = self._record(connection)
        record.calls.append(_Call(at, failed=True, milliseconds=0))
        record.in_a_row += 1
        if record.in_a_row >= self._settings.failures_in_a_row:
            record.opened_at = at

    def health(self, connection: str, now: Instant) -> Health:
        """What is known of a connection."""
        record = self._records.get(connection)
        if record is None:
            return WELL
        since = now - self._settings.window_seconds * SECOND
        recent = [one for one in record.calls if one.at >= since]
        took = [one.milliseconds for one in recent if not one.failed]
        return Health(
            state=self._state(record, now),
            calls=len(recent),
            failures=sum(one.failed for one in recent),
            latency_ms=median_low(took) if took else 0,
        )

    def _state(self, record: _Record, now: Instant) -> str:
        if record.opened_at is None:
            return "closed"
        return "open" if now < record.opened_at + self._settings.open_seconds * SECOND else "half_open"

    def _record(self, connection: str) -> _Record:
        return self._records.setdefault(connection, _Record(self._settings.calls_max))
