"""Spans of time as people write them: "1month", "14 days", "90s"."""

from __future__ import annotations

import re

from purchase_core.calendar import Interval, Unit, period_start
from purchase_core.errors import InvalidArgument
from purchase_core.instants import HOUR, MINUTE, SECOND, Instant

_SPAN = re.compile(r"\s*([0-9]{1,4})\s*([a-z]{1,7})\s*", re.ASCII)
_FIXED = {
    "second": SECOND,
    "sec": SECOND,
    "s": SECOND,
    "minute": MINUTE,
    "min": MINUTE,
    "hour": HOUR,
    "h": HOUR,
}
_CALENDAR: dict[str, Unit] = {
    "day": "day",
    "d": "day",
    "week": "week",
    "w": "week",
    "month": "month",
    "year": "year",
    "y": "year",
}


def after(start: Instant, span: str) -> Instant:
    """The instant a span after `start`. Months are those of the calendar. Raises InvalidArgument."""
    matched = _SPAN.fullmatch(span.lower())
    unit = matched[2] if matched else ""
    unit = unit if unit in _FIXED or unit in _CALENDAR else unit.removesuffix("s")
    if matched and unit in _FIXED:
        return Instant(start + int(matched[1]) * _FIXED[unit])
    if matched and unit in _CALENDAR:
        try:
            return period_start(start, Interval(_CALENDAR[unit]), int(matched[1]))
        except (ValueError, OverflowError):
            raise InvalidArgument("that is after the end of all calendars") from None
    raise InvalidArgument(f"not a span of time: {span[:20]!r}", hint="Write 1month, 14days or 90minutes.")
