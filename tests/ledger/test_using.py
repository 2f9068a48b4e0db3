"""Quotas: counted in windows from the original anchor, once for each key, and never beyond their limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from purchase_core import Catalog, plan, quota, subscription
from purchase_core.access.live import Counter, Live, counter_key
from purchase_core.access.policy import AccessPolicy
from purchase_core.access.rights import CALENDAR, Quota
from purchase_core.calendar import Interval, period_start
from purchase_core.catalog.grants import RESETS, Reset
from purchase_core.errors import IdempotencyConflict, InvalidArgument
from purchase_core.instants import DAY, HOUR, Instant, instant, to_datetime
from purchase_core.ledger.using import window_of
from purchase_core.projection.offers import OfferShelf
from purchase_core.records.ledger_rows import UsageRow
from purchase_core.testing.bench import Bench, problems
from purchase_core.testing.sales import T0, Sale, later
from purchase_core.workflows.requests import Requests
from purchase_core.workflows.usage import Usage

PRO = Sale()


def run(scenario: Callable[[Bench], Awaitable[None]]) -> None:
    """Run it on a fresh bench, and find nothing that contradicts itself afterwards."""

    async def whole() -> None:
        bench = await Bench().open()
        await scenario(bench)
        assert list(problems(bench.database, now=bench.clock.now())) == []

    asyncio.run(whole())


def utc(*fields: int) -> Instant:
    """An instant by its UTC fields."""
    return instant(datetime(*fields, tzinfo=UTC))  # type: ignore[arg-type,misc]


def test_a_quota_is_used_up_and_no_further() -> None:
    """What is not allowed is not counted, and may be tried again."""

    async def scenario(bench: Bench) -> None:
        used = [
            await bench.usage.try_use("api", 4, customer="bob", idempotency_key=f"k{number}")
            for number in range(3)
        ]
        assert [(one.allowed, one.used, one.remaining) for one in used] == [
            (True, 4, 6),
            (True, 8, 2),
            (False, 8, 2),
        ]
        assert (await bench.usage.try_use("api", 2, customer="bob", idempotency_key="k2")).remaining == 0
        assert [(row.quota, row.used) for row in await bench.store.rows(UsageRow)] == [("api", 10)]

    run(scenario)


def test_the_same_key_counts_once_and_is_told_the_same() -> None:
    """And another use under it is refused."""

    async def scenario(bench: Bench) -> None:
        first = await bench.usage.try_use("api", 3, customer="bob", idempotency_key="k")
        await bench.usage.try_use("api", 3, customer="bob", idempotency_key="other")
        assert await bench.usage.try_use("api", 3, customer="bob", idempotency_key="k") == first
        for other in (
            bench.usage.try_use("api", 4, customer="bob", idempotency_key="k"),
            bench.usage.try_use("api", 3, customer="ann", idempotency_key="k"),
        ):
            with pytest.raises(IdempotencyConflict):
                await other
        with pytest.raises(InvalidArgument):
            await bench.usage.try_use("api", 0, customer="bob", idempotency_key="none")
        assert (await bench.usage.current("api", customer="bob")).used == 6

    run(scenario)


def test_nobody_has_a_quota_that_is_not_sold() -> None:
    """Fail closed."""

    async def scenario(bench: Bench) -> None:
        told = await bench.usage.try_use("nothing", customer="bob", idempotency_key="k")
        assert (told.allowed, told.limit) == (False, 0)

    run(scenario)


def test_i05_many_at_once_never_pass_the_limit() -> None:
    """Fifty of two processes, ten allowed."""

    async def scenario(bench: Bench) -> None:
        other = Bench(bench.database)
        asked = [
            (bench, other)[number % 2].usage.try_use("api", customer="bob", idempotency_key=f"k{number}")
            for number in range(50)
        ]
        assert sum(one.allowed for one in await asyncio.gather(*asked)) == 10

    run(scenario)


def test_windows_are_those_of_the_agreement_and_what_was_used_stays_with_them() -> None:
    """An upgrade counts anew; who comes back to the free plan finds what they had used of it."""

    async def scenario(bench: Bench) -> None:
        for number in range(10):
            await bench.usage.try_use("api", customer="alice", idempotency_key=f"free{number}")
        assert not (await bench.usage.try_use("api", customer="alice", idempotency_key="more")).allowed
        paid = PRO.subscription(at=bench.clock.now(), period=1)
        await bench.record(PRO.placed(), PRO.tried(), PRO.invoice(), paid)
        told = await bench.usage.try_use("api", 7, customer="alice", idempotency_key="pro")
        assert (told.allowed, told.limit, told.remaining) == (True, 1_000, 993)
        assert told.window_start == period_start(T0, Interval("month"), 1)
        await bench.record(PRO.subscription("canceled", bench.clock.advance(seconds=1)))
        assert (await bench.usage.current("api", customer="alice")).remaining == 0

    run(scenario)


@pytest.mark.parametrize("reset", RESETS)
def test_what_no_agreement_anchors_follows_the_calendar(reset: Reset) -> None:
    """From midnight, Monday, the first of the month and of the year, UTC."""
    at = utc(2026, 11, 26, 15, 30)
    window = window_of(Live(), "api", Quota(5, reset), at)
    starts: dict[str, Instant] = {
        "day": utc(2026, 11, 26),
        "week": utc(2026, 11, 23),
        "month": utc(2026, 11, 1),
        "year": utc(2026, 1, 1),
        "never": CALENDAR,
    }
    assert (window.start, window.used) == (starts[reset], 0)
    assert (window.end is None) == (reset == "never")


def test_f69_a_window_from_the_31st_keeps_its_day() -> None:
    """28 February, and then 31 March again: counted from the anchor, for twenty years without a gap."""
    anchor = utc(2025, 1, 31, 9)
    quota = Quota(5, "month", anchor)
    window = window_of(Live(), "api", quota, utc(2025, 3, 15))
    assert (window.start, window.end) == (utc(2025, 2, 28, 9), utc(2025, 3, 31, 9))
    at = anchor
    for months in range(240):
        window = window_of(Live(), "api", quota, at)
        assert window.start == at
        assert window.end is not None
        assert window_of(Live(), "api", quota, Instant(window.end - 1)) == window
        days = (window.end - window.start) // DAY
        assert 28 <= days <= 31, months
        at = window.end


def test_f70_a_yearly_window_from_a_leap_day_comes_back_to_it() -> None:
    """28 February in common years."""
    quota = Quota(5, "year", utc(2024, 2, 29))
    starts = [window_of(Live(), "api", quota, utc(year, 7, 1)).start for year in (2024, 2025, 2027, 2028)]
    assert starts == [utc(2024, 2, 29), utc(2025, 2, 28), utc(2027, 2, 28), utc(2028, 2, 29)]


@pytest.mark.parametrize("reset", ["day", "week", "month", "year"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu"])
def test_f71_a_quota_of_a_zone_begins_at_its_midnight_whatever_its_clocks_do(reset: Reset, zone: str) -> None:
    """Two years without a gap or an overlap: where clocks change, and where a whole day was left out."""
    quota, there = Quota(5, reset, zone=zone), ZoneInfo(zone)
    at, last = utc(2011, 1, 1), utc(2013, 1, 1)
    while at < last:
        window = window_of(Live(), "api", quota, at)
        assert window.end is not None
        begins, ends = (to_datetime(one).astimezone(there) for one in (window.start, window.end))
        assert (begins.hour, begins.minute) == (0, 0)
        assert window.start <= at < window.end
        assert window_of(Live(), "api", quota, Instant(window.end - 1)) == window
        if reset == "week":
            assert begins.weekday() == 0
        if reset in ("month", "year"):
            assert (begins.day, ends.day) == (1, 1)
        at = window.end


def test_f71_a_window_of_an_agreement_keeps_its_hour_where_the_clocks_of_its_zone_change() -> None:
    """From 31 January, nine in Berlin: 28 February at nine, 31 March at nine of summer time."""
    anchor = instant(datetime(2025, 1, 31, 9, tzinfo=ZoneInfo("Europe/Berlin")))
    quota = Quota(5, "month", anchor, zone="Europe/Berlin")
    window = window_of(Live(), "api", quota, utc(2025, 3, 15))
    assert (window.start, window.end) == (utc(2025, 2, 28, 8), utc(2025, 3, 31, 7))


@pytest.mark.parametrize(
    ("zone", "starts"),
    [
        ("UTC", [utc(2026, 11, 26), utc(2026, 11, 26)]),
        ("Europe/Berlin", [utc(2026, 11, 25, 23), utc(2026, 11, 26, 23)]),
    ],
)
def test_a_quota_is_counted_by_the_clocks_that_its_plan_says(zone: str, starts: list[Instant]) -> None:
    """Half past eleven in the evening, UTC, is tomorrow in Berlin."""

    async def scenario(bench: Bench) -> None:
        free = plan("free", default=True, includes=[quota("api")(limit=3, reset="day", zone=zone)])
        defaults = Catalog(subscription("app", plans=[free])).defaults
        shelf = OfferShelf(bench.store, defaults)
        requests = Requests(bench.store, bench.recorder)
        usage = Usage(bench.store, requests, shelf, AccessPolicy(), defaults, bench.clock)
        found = []
        for hour in (12, 23):
            bench.clock.set_to(utc(2026, 11, 26, hour, 30))
            used = await usage.try_use("api", customer="bob", idempotency_key=f"{hour}")
            found.append(used.window_start)
        assert found == starts
        assert (await usage.current("api", customer="bob")).used == 2 - (starts[0] != starts[1])
        assert (await bench.credits.verify("bob")).problems == ()

    run(scenario)


def test_f71_f72_a_window_is_known_by_its_start_and_not_by_anybodys_date() -> None:
    """Uses around midnight, and around a change of clocks somewhere, are of one window each."""

    async def scenario(bench: Bench) -> None:
        midnight = utc(2026, 3, 29)
        for number, hours in enumerate((-1, 0, 1, 2, 26)):
            bench.clock.set_to(Instant(midnight + hours * HOUR))
            await bench.usage.try_use("api", customer="bob", idempotency_key=f"k{number}")
        assert [row.used for row in await bench.store.rows(UsageRow)] == [5]
        bench.clock.set_to(utc(2026, 4, 1))
        await bench.usage.try_use("api", customer="bob", idempotency_key="next")
        assert [row.used for row in await bench.store.rows(UsageRow)] == [5, 1]

    run(scenario)


def test_f73_a_clock_that_is_set_back_gives_nothing_anew() -> None:
    """It goes on counting where it was; set right, it has lost nothing."""

    async def scenario(bench: Bench) -> None:
        bench.clock.set_to(Instant(utc(2026, 4, 1) + HOUR))
        for number in range(6):
            await bench.usage.try_use("api", customer="bob", idempotency_key=f"a{number}")
        bench.clock.set_to(Instant(utc(2026, 4, 1) - HOUR))
        used = [
            await bench.usage.try_use("api", customer="bob", idempotency_key=f"b{number}")
            for number in range(6)
        ]
        assert sum(one.allowed for one in used) == 4
        bench.clock.set_to(Instant(utc(2026, 4, 1) + 2 * HOUR))
        assert (await bench.usage.current("api", customer="bob")).remaining == 0
        assert [row.used for row in await bench.store.rows(UsageRow)] == [10]

    run(scenario)


def test_a_counter_is_of_one_reset_and_one_anchor() -> None:
    """Else a shorter reset would go on with the longer one's count."""
    live = Live(counters={counter_key("api", "month", CALENDAR): Counter(T0, later(days=30), 5)})
    assert window_of(live, "api", Quota(9, "month"), later(days=1)).used == 5
    assert window_of(live, "api", Quota(9, "day"), later(days=1)).used == 0
    assert window_of(live, "api", Quota(9, "month", T0), later(days=1)).used == 0
