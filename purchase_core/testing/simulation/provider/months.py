"""The provider's own calendar: periods from the day on which a subscription began. Not ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LENGTH = {"day": 1, "week": 7}
MONTHS = 12


def after_periods(anchor: int, interval: str, count: int, periods: int) -> int:
    """The end of so many periods from the anchor; a day that a month has not is its last one."""
    moment = EPOCH + timedelta(microseconds=anchor)
    steps = count * periods
    if interval in LENGTH:
        moved = moment + timedelta(days=LENGTH[interval] * steps)
    else:
        moved = _month(moment, steps * (12 if interval == "year" else 1))
    return (moved - EPOCH) // timedelta(microseconds=1)


def _month(moment: datetime, months: int) -> datetime:
    number = moment.year * MONTHS + (moment.month - 1) + months
    year, month = number // MONTHS, number % MONTHS + 1
    for day in range(moment.day, moment.day - 4, -1):
        try:
            return moment.replace(year=year, month=month, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has a 28th")
