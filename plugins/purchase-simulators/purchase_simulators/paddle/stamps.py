"""Instants as Paddle writes them: RFC 3339, UTC, with microseconds (up to nanoseconds are read)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from purchase_core.calendar import Interval, period_start
from purchase_core.instants import Instant, instant, to_datetime

from .refusal import field
from .shapes import Document

_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))?", re.ASCII
)


def written(moment: Instant) -> str:
    """The instant, as in `2026-01-31T09:00:00.000000Z`."""
    return to_datetime(moment).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read(name: str, text: str) -> Instant:
    """The instant in a request's field; without a zone it is UTC. Raises Refusal (invalid_field)."""
    matched = _RFC3339.fullmatch(text)
    if not matched:
        raise field(name, "must be a datetime in RFC 3339")
    day, time, fraction, sign, hours, minutes = matched.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=UTC)
    except ValueError:
        raise field(name, "must be a datetime in RFC 3339") from None
    shift = (int(hours) * 60 + int(minutes)) * 60_000_000 if sign else 0
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    return Instant(instant(moment) + micros - (shift if sign == "+" else -shift))


def after(start: Instant, cycle: Document, periods: int = 1) -> Instant:
    """When the period of this index begins, for `{interval, frequency}`, counted from `start`."""
    return period_start(start, Interval(cycle["interval"], cycle["frequency"]), periods)
