"""Periods that are counted from their original anchor, so that month ends never drift.

31 January plus one month is the end of February, plus two months is 31 March. Instants are UTC; a zone
says whose calendar counts.
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

from purchase_core.instants import DAY, Instant, instant, to_datetime

Unit: TypeAlias = Literal["day", "week", "month", "year"]

UNITS: tuple[Unit, ...] = ("day", "week", "month", "year")
INTERVAL_COUNT_MAX = 366
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
_LONGEST_MONTH_DAYS = 31


@attrs.frozen
class Interval:
    """Every `count` units."""

    unit: Unit
    count: int = 1


@attrs.frozen
class Period:
    """The period of an index: from `start` (included) to `end` (not included)."""

    index: int
    start: Instant
    end: Instant


def is_zone(name: object) -> bool:
    """Whether it is the name of a time zone, and this machine knows its clocks."""
    try:
        return isinstance(name, str) and _clocks(name) is not None
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False


def _clocks(zone: str) -> tzinfo:
    """The clocks of a zone. UTC needs no database of zones: there is none on Windows, nor in a Worker."""
    return UTC if zone == "UTC" else ZoneInfo(zone)


def midnight(day: Instant, zone: str) -> Instant:
    """When the day begins in a zone that begins then in UTC."""
    return instant(to_datetime(day).replace(tzinfo=_clocks(zone)))


def period_start(anchor: Instant, interval: Interval, index: int, zone: str = "UTC") -> Instant:
    """When period `index` begins; period 0 begins at the anchor. Always counted from the anchor itself."""
    if zone == "UTC":  # no clock changes there
        return _in_utc(anchor, interval, index)
    local = to_datetime(anchor).astimezone(_clocks(zone))
    if interval.unit in _DAYS:
        moved = local.replace(tzinfo=None) + timedelta(days=_DAYS[interval.unit] * interval.count * index)
    else:
        moved = _add_months(local.replace(tzinfo=None), _MONTHS[interval.unit] * interval.count * index)
    # A local time that a clock change skips or repeats is read with the offset before the change.
    return instant(moved.replace(tzinfo=local.tzinfo, fold=local.fold).astimezone(UTC))


def _in_utc(anchor: Instant, interval: Interval, index: int) -> Instant:
    if interval.unit in _DAYS:
        return Instant(anchor + _DAYS[interval.unit] * interval.count * index * DAY)
    return instant(_add_months(to_datetime(anchor), _MONTHS[interval.unit] * interval.count * index))


def period_containing(anchor: Instant, interval: Interval, at: Instant, zone: str = "UTC") -> Period:
    """The period that holds an instant; before the anchor, indexes are negative."""
    index = _near(anchor, interval, at, zone)
    start = period_start(anchor, interval, index, zone)
    while start > at:
        index -= 1
        start = period_start(anchor, interval, index, zone)
    while (end := period_start(anchor, interval, index + 1, zone)) <= at:
        index, start = index + 1, end
    return Period(index, start, end)


def _near(anchor: Instant, interval: Interval, at: Instant, zone: str) -> int:
    """The index of a period that is at most a step away, by the local calendar."""
    begins, then = (to_datetime(one).astimezone(_clocks(zone)) for one in (anchor, at))
    if interval.unit in _DAYS:
        days = (then.replace(tzinfo=None) - begins.replace(tzinfo=None)).days
        return days // (_DAYS[interval.unit] * interval.count)
    months = (then.year - begins.year) * 12 + then.month - begins.month
    return months // (_MONTHS[interval.unit] * interval.count)


def periods_later(start: Instant, end: Instant, interval: Interval, count: int, zone: str = "UTC") -> Instant:
    """When the period ends that comes `count` periods after the one from `start` to `end`.

    The anchor is not at hand. Its day of the month is that of either, unless both are last days of a month:
    then it may have been any later one, and the latest is taken, so that nothing ends before its period does.
    """
    if interval.unit in _DAYS:
        return period_start(end, interval, count, zone)
    begins, ends = (to_datetime(one).astimezone(_clocks(zone)) for one in (start, end))
    moved = _add_months(ends.replace(tzinfo=None, day=1), _MONTHS[interval.unit] * interval.count * count)
    day = next((one.day for one in (ends, begins) if one.day < _days_in(one)), _LONGEST_MONTH_DAYS)
    return instant(
        moved.replace(day=min(day, _days_in(moved)), tzinfo=ends.tzinfo, fold=ends.fold).astimezone(UTC)
    )


def _add_months(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _days_in(moment: datetime) -> int:
    return calendar.monthrange(moment.year, moment.month)[1]
