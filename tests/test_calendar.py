"""Periods are counted from their anchor: no drift, no gap, no overlap, in any zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchase_core.calendar import (
    UNITS,
    Interval,
    Period,
    Unit,
    is_zone,
    midnight,
    period_containing,
    period_start,
    periods_later,
)
from purchase_core.instants import DAY, HOUR, Instant, instant, to_datetime

MONTHLY, YEARLY, DAILY, WEEKLY = Interval("month"), Interval("year"), Interval("day"), Interval("week")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # its gaps were at midnight
    "Australia/Lord_Howe",  # its shift is half an hour
    "Africa/Casablanca",  # two changes around Ramadan
    "Asia/Kathmandu",
    "Pacific/Apia",  # has no 30 December 2011
)


def utc(*fields: int) -> Instant:
    """An instant by its UTC fields."""
    return instant(datetime(*fields, tzinfo=UTC))  # type: ignore[arg-type,misc]


def days_in(year: int, month: int) -> int:
    """How long a month is, by its neighbour."""
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - date(year, month, 1)).days


def added_months(anchor: datetime, months: int) -> datetime:
    """The oracle: the same day of a later month, or that month's last."""
    year, month = anchor.year + (anchor.month - 1 + months) // 12, (anchor.month - 1 + months) % 12 + 1
    return anchor.replace(year=year, month=month, day=min(anchor.day, days_in(year, month)))


def test_f69_the_end_of_january_comes_back_after_february() -> None:
    anchor = utc(2024, 1, 31, 10, 30)
    starts = [to_datetime(period_start(anchor, MONTHLY, k)) for k in range(6)]
    assert [(one.month, one.day) for one in starts] == [(1, 31), (2, 29), (3, 31), (4, 30), (5, 31), (6, 30)]
    assert {(one.hour, one.minute) for one in starts} == {(10, 30)}
    assert to_datetime(period_start(anchor, MONTHLY, 13)).day == 28
    assert to_datetime(period_start(anchor, Interval("month", 3), 1)).day == 30


@pytest.mark.parametrize("day", range(1, 32))
@pytest.mark.parametrize("year", [2023, 2024])
def test_f69_every_anchor_keeps_its_day_for_48_months(year: int, day: int) -> None:
    anchor = datetime(year, 1, day, 23, 59, 59, 999_999, tzinfo=UTC)
    for k in range(-12, 49):
        assert to_datetime(period_start(instant(anchor), MONTHLY, k)) == added_months(anchor, k)


def test_f70_a_leap_day_comes_back_every_leap_year_and_not_in_2100() -> None:
    anchor = utc(2092, 2, 29)
    starts = [to_datetime(period_start(anchor, YEARLY, k)) for k in range(13)]
    assert [one.day for one in starts] == [29, 28, 28, 28, 29, 28, 28, 28, 28, 28, 28, 28, 29]
    assert {one.month for one in starts} == {2}
    assert to_datetime(period_start(anchor, Interval("year", 4), 2)) == datetime(2100, 2, 28, tzinfo=UTC)
    assert to_datetime(period_start(anchor, MONTHLY, 12 * 12)) == datetime(2104, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("interval", "end"),
    [
        (DAILY, utc(2024, 2, 29)),
        (Interval("day", 366), utc(2025, 2, 28)),
        (WEEKLY, utc(2024, 3, 6)),
        (Interval("week", 2), utc(2024, 3, 13)),
        (MONTHLY, utc(2024, 3, 28)),
        (Interval("month", 6), utc(2024, 8, 28)),
        (YEARLY, utc(2025, 2, 28)),
        (Interval("year", 2), utc(2026, 2, 28)),
    ],
)
def test_an_interval_is_so_long(interval: Interval, end: Instant) -> None:
    anchor = utc(2024, 2, 28)
    assert period_containing(anchor, interval, anchor) == Period(0, anchor, end)
    assert period_containing(anchor, interval, Instant(end - 1)) == Period(0, anchor, end)
    assert period_containing(anchor, interval, end).index == 1
    assert period_containing(anchor, interval, Instant(anchor - 1)).index == -1


moments = st.datetimes(datetime(1995, 1, 1), datetime(2105, 1, 1)).map(  # noqa: DTZ001  # the zone is added
    lambda moment: instant(moment.replace(tzinfo=UTC))
)
intervals = st.builds(Interval, st.sampled_from(UNITS), st.integers(1, 40))


@given(moments, intervals, moments, st.sampled_from(ZONES))
def test_f69_f71_every_instant_is_in_exactly_one_period(
    anchor: Instant, interval: Interval, at: Instant, zone: str
) -> None:
    period = period_containing(anchor, interval, at, zone)
    assert period.start <= at < period.end
    assert period.start == period_start(anchor, interval, period.index, zone)
    assert period.end == period_start(anchor, interval, period.index + 1, zone)
    assert period_containing(anchor, interval, Instant(period.end - 1), zone) == period
    assert period_containing(anchor, interval, period.start, zone) == period
    assert period_containing(anchor, interval, period.end, zone).start == period.end


@given(moments, intervals, st.sampled_from(ZONES))
def test_period_0_starts_at_the_anchor(anchor: Instant, interval: Interval, zone: str) -> None:
    assert period_start(anchor, interval, 0, zone) == anchor
    assert period_containing(anchor, interval, anchor, zone).index == 0


@given(moments, intervals, st.integers(-20, 20), st.sampled_from(ZONES))
def test_the_months_of_a_period_are_those_of_its_zone(
    anchor: Instant, interval: Interval, index: int, zone: str
) -> None:
    local = to_datetime(anchor).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if interval.unit in ("day", "week"):
        wanted = local + timedelta(days=interval.count * index * (7 if interval.unit == "week" else 1))
    else:
        wanted = added_months(local, interval.count * index * (12 if interval.unit == "year" else 1))
    found = to_datetime(period_start(anchor, interval, index, zone)).astimezone(ZoneInfo(zone))
    exists = (
        wanted.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    )
    assert found.replace(tzinfo=None) == wanted or exists != wanted  # a clock change may skip it


def test_f71_a_time_that_the_clock_skips_or_repeats_happens_once() -> None:
    spring = utc(2024, 3, 30, 1, 30)  # 02:30 in Berlin, on the day before summer time
    assert [period_start(spring, DAILY, k, "Europe/Berlin") for k in range(3)] == [
        utc(2024, 3, 30, 1, 30),
        utc(2024, 3, 31, 1, 30),  # there is no 02:30; the offset before the change makes it 03:30
        utc(2024, 4, 1, 0, 30),
    ]
    autumn = utc(2024, 10, 26, 0, 30)  # 02:30 in Berlin, on the day before winter time
    assert [period_start(autumn, DAILY, k, "Europe/Berlin") for k in range(3)] == [
        utc(2024, 10, 26, 0, 30),
        utc(2024, 10, 27, 0, 30),  # 02:30 comes twice; the first
        utc(2024, 10, 28, 1, 30),
    ]
    second = utc(2024, 10, 27, 1, 30)  # an anchor at the second 02:30
    assert period_start(second, DAILY, 0, "Europe/Berlin") == second
    assert period_start(second, DAILY, 1, "Europe/Berlin") == utc(2024, 10, 28, 1, 30)


CHANGES = [  # instants at which a zone's clock changed
    ("Europe/Berlin", utc(2024, 3, 31, 1)),
    ("Europe/Berlin", utc(2024, 10, 27, 1)),
    ("America/New_York", utc(2024, 3, 10, 7)),
    ("America/New_York", utc(2024, 11, 3, 6)),
    ("America/Sao_Paulo", utc(2018, 11, 4, 3)),
    ("Australia/Lord_Howe", utc(2024, 4, 6, 15)),
    ("Pacific/Apia", utc(2011, 12, 30, 10)),
]


@pytest.mark.parametrize(("zone", "change"), CHANGES)
@pytest.mark.parametrize("unit", ["day", "week", "month"])
def test_f71_anchors_around_a_change_never_go_back_and_never_skip(
    zone: str, change: Instant, unit: Unit
) -> None:
    for quarter in range(-8, 9):
        anchor = Instant(change + quarter * HOUR // 4)
        starts = [period_start(anchor, Interval(unit), k, zone) for k in range(-40, 41)]
        assert starts == sorted(starts)
        assert starts[40] == anchor
        longest = max(later - earlier for earlier, later in pairwise(starts))
        assert longest <= {"day": 1, "week": 7, "month": 31}[unit] * DAY + 2 * HOUR


def test_f71_a_day_that_a_zone_left_out_is_an_empty_period_and_holds_no_instant() -> None:
    anchor = utc(2011, 12, 28, 20)  # 10:00 on 28 December in Apia
    starts = [period_start(anchor, DAILY, k, "Pacific/Apia") for k in range(5)]
    assert starts == [
        anchor,
        utc(2011, 12, 29, 20),
        utc(2011, 12, 30, 20),
        utc(2011, 12, 30, 20),
        utc(2011, 12, 31, 20),
    ]
    assert period_containing(anchor, DAILY, utc(2011, 12, 30, 20), "Pacific/Apia").index == 3
    assert period_containing(anchor, DAILY, Instant(utc(2011, 12, 30, 20) - 1), "Pacific/Apia").index == 1


@pytest.mark.parametrize("zone", ZONES)
def test_f69_f70_f71_twenty_years_of_every_anchor_have_no_gap_and_no_overlap(zone: str) -> None:
    """Each anchor of a leap year, and of ends of months in every zone: 240 months, each where it belongs."""
    first = datetime(2024, 1, 1, 2, 30, tzinfo=ZoneInfo(zone))  # an hour that clocks skip and repeat
    days = range(366) if zone in ("UTC", "Europe/Berlin") else (28, 29, 30, 59, 89, 90, 365)
    for day in days:
        local = (first.replace(tzinfo=None) + timedelta(days=day)).replace(tzinfo=ZoneInfo(zone))
        anchor = instant(local.astimezone(UTC))
        starts = [period_start(anchor, MONTHLY, k, zone) for k in range(241)]
        assert all(earlier < later for earlier, later in pairwise(starts))
        assert {(later - earlier) // DAY for earlier, later in pairwise(starts)} <= set(range(27, 32))
        middle = period_containing(anchor, MONTHLY, Instant(starts[120] + 1), zone)
        assert (middle.index, middle.start, middle.end) == (120, starts[120], starts[121])
        last = to_datetime(starts[240]).astimezone(ZoneInfo(zone))
        assert (last.year, last.month) == (2044, local.month)
        assert last.day == min(local.day, days_in(2044, local.month))


@pytest.mark.parametrize("offset", range(-14, 13))
@pytest.mark.parametrize("hours", [1, 7, 23, 25])
def test_f72_whenever_a_job_runs_in_whatever_zone_each_period_is_met_once(offset: int, hours: int) -> None:
    """Keyed by the period and not by a date: "billed today already" has no meaning across zones."""
    zone = f"Etc/GMT{offset:+}" if offset else "Etc/GMT"
    anchor = utc(2024, 1, 31, 23, 30)
    runs = [Instant(anchor + run * hours * HOUR) for run in range(400 * 24 // hours)]
    periods = [period_containing(anchor, MONTHLY, at, zone) for at in runs]
    assert all(one.start <= at < one.end for one, at in zip(periods, runs, strict=True))
    met = [one.index for one in periods]
    assert sorted(set(met)) == list(range(met[-1] + 1))
    assert all(later - earlier in (0, 1) for earlier, later in pairwise(met))


@given(moments, intervals, st.integers(-20, 20))
def test_utc_is_counted_as_a_zone_whose_clocks_never_change(
    anchor: Instant, interval: Interval, index: int
) -> None:
    assert period_start(anchor, interval, index) == period_start(anchor, interval, index, "Etc/UTC")


ROLLED = (Interval("month"), Interval("month", 2), Interval("month", 3), Interval("month", 6), YEARLY)


@pytest.mark.parametrize("every", ROLLED, ids=str)
def test_f69_f70_what_rolls_over_ends_with_a_period_of_the_anchor_and_never_before(every: Interval) -> None:
    """No bill tells the anchor. Where both ends of a period are last days, it may be a later one."""
    days = [Instant(utc(2024, 1, 1, 10, 30) + day * DAY) for day in range(366)]
    for anchor in [one for one in days if to_datetime(one).day in (15, 28, 29, 30, 31)]:
        starts = [period_start(anchor, every, index) for index in range(14)]
        for index, (start, end) in enumerate(pairwise(starts)):
            unsure = every != MONTHLY and all(is_last_day(one) for one in (start, end))
            for count, ends in enumerate(starts[index + 1 :]):
                over = periods_later(start, end, every, count) - ends
                assert over in ((0, DAY, 2 * DAY) if unsure else (0,)), (to_datetime(end), count)


def is_last_day(moment: Instant) -> bool:
    return to_datetime(Instant(moment + DAY)).day == 1


def test_utc_needs_no_database_of_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Worker has none, and sells by periods and windows all the same."""

    def none(name: str) -> ZoneInfo:
        raise ZoneInfoNotFoundError(name)

    monkeypatch.setattr("purchase_core.calendar.ZoneInfo", none)
    assert is_zone("UTC")
    assert not is_zone("Europe/Berlin")
    anchor = utc(2024, 1, 31)
    assert period_containing(anchor, MONTHLY, utc(2024, 3, 1)).start == utc(2024, 2, 29)
    assert periods_later(anchor, utc(2024, 2, 29), MONTHLY, 1) == utc(2024, 3, 31)
    assert midnight(anchor, "UTC") == anchor
