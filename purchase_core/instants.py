"""Instants: integer microseconds since the epoch, UTC. Exact everywhere, ordered, and free of zones."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import NewType, Protocol

from purchase_core.errors import InvalidArgument

Instant = NewType("Instant", int)

MILLISECOND = 1_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def instant(moment: datetime) -> Instant:
    """The instant of an aware datetime. Raises InvalidArgument on a naive one."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise InvalidArgument("a datetime without a zone names no instant", hint="Use datetime.now(UTC).")
    return Instant((moment - _EPOCH) // _MICROSECOND)


def to_datetime(moment: Instant) -> datetime:
    """The aware UTC datetime of an instant."""
    return _EPOCH + timedelta(microseconds=moment)


def to_text(moment: Instant) -> str:
    """ISO 8601, UTC, exact: `2026-01-31T12:00:00Z`."""
    return to_datetime(moment).isoformat().replace("+00:00", "Z")


class Clock(Protocol):
    """Tells the time. Passed in everywhere, so that tests and replays have a time of their own."""

    def now(self) -> Instant:
        """The present instant."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        """The present instant."""
        return Instant(time.time_ns() // 1_000)
