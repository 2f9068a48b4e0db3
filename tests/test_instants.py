"""Instants: exact microseconds, UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchase_core.errors import InvalidArgument
from purchase_core.instants import (
    DAY,
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    Instant,
    SystemClock,
    instant,
    to_datetime,
)

offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
aware = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=offsets)  # noqa: DTZ001  # zones are added


def test_the_units_are_microseconds() -> None:
    assert (MILLISECOND, SECOND, MINUTE, HOUR, DAY) == (
        10**3,
        10**6,
        60 * 10**6,
        3600 * 10**6,
        86_400 * 10**6,
    )


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (datetime(2024, 2, 29, 12, 0, 0, 123_456, tzinfo=UTC), 1_709_208_000_123_456),
        (datetime(2024, 2, 29, 14, 0, tzinfo=timezone(timedelta(hours=2))), 1_709_208_000_000_000),
        (
            datetime(2024, 2, 29, 6, 30, tzinfo=timezone(timedelta(hours=-5, minutes=-30))),
            1_709_208_000_000_000,
        ),
    ],
)
def test_a_datetime_has_one_instant_whatever_its_zone(moment: datetime, expected: int) -> None:
    assert instant(moment) == expected


@given(aware)
def test_there_and_back_loses_nothing(moment: datetime) -> None:
    back = to_datetime(instant(moment))
    assert back == moment
    assert back.tzinfo is UTC


@given(st.integers(-62_135_596_800 * SECOND, 253_402_300_799 * SECOND))
def test_back_and_there_loses_nothing(moment: int) -> None:
    assert instant(to_datetime(Instant(moment))) == moment


@given(aware, aware)
def test_instants_are_ordered_as_the_datetimes_are(one: datetime, two: datetime) -> None:
    assert (instant(one) < instant(two)) == (one < two)


class Vague(tzinfo):
    """A zone that cannot say its offset."""

    def utcoffset(self, _moment: datetime | None) -> None:
        return None

    dst = utcoffset

    def tzname(self, _moment: datetime | None) -> str:
        return "vague"


@pytest.mark.parametrize("zone", [None, Vague()])
def test_a_datetime_without_an_offset_names_no_instant(zone: tzinfo | None) -> None:
    with pytest.raises(InvalidArgument, match="without a zone"):
        instant(datetime(2024, 1, 1, tzinfo=zone))


def test_the_system_clock_tells_the_machines_time() -> None:
    before = time.time_ns() // 1_000
    now = SystemClock().now()
    assert before <= now <= time.time_ns() // 1_000
