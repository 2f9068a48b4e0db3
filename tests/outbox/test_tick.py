"""The tick: what time alone has made happen is told once, and only to those who turned it on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from purchase_core.access.policy import AccessRules
from purchase_core.instants import DAY, SECOND
from purchase_core.outbox.due import LOOK_BACK_DAYS
from purchase_core.testing.bench import problems
from tests.faults.shop import Shop, run

HOURLY: dict[str, Any] = {"tick": {"seconds": 3_600}}
HOUR_SECONDS = 3_600


async def names(shop: Shop) -> list[str]:
    return [one.name for one in await shop.billing.store.effects("customer:ana")]


async def ticking(shop: Shop) -> None:
    """Let the shop's process tick."""
    shop.billing = await shop.another(**HOURLY)


def test_the_end_of_a_trial_is_told_before_it_comes_and_once() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await ticking(shop)
            await shop.sold(offer="app:team")
            assert await shop.billing.tick.work() == 0
            shop.manual.advance(days=11, seconds=60)
            assert await shop.billing.tick.work() == 1
            assert (await names(shop))[-1] == "subscription.trial_ending"
            shop.manual.advance(seconds=HOUR_SECONDS)
            assert await shop.billing.tick.work() == 0
            other = await shop.another(**HOURLY)
            assert await other.tick.work() == 0, "another process finds it in the outbox"
            assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)


def test_access_that_runs_out_without_news_is_told() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await ticking(shop)
            await shop.sold()
            (row,) = await shop.billing.subscriptions.list("ana")
            silent_seconds = (row.period_end - shop.clock.now()) // SECOND  # the provider says nothing
            shop.manual.advance(seconds=silent_seconds + HOUR_SECONDS)
            assert (await shop.rights()).has("export")
            await shop.billing.tick.work()
            assert "subscription.lapsed" not in await names(shop)
            shop.manual.advance(seconds=AccessRules().renewal_slack_seconds)
            assert not (await shop.rights()).has("export")
            shop.manual.advance(seconds=HOUR_SECONDS)
            await shop.billing.tick.work()
            assert sorted((await names(shop))[-2:]) == ["credits.expired", "subscription.lapsed"]

    run(work)


def test_it_looks_no_more_often_than_it_was_told_to_and_never_by_itself() -> None:
    async def work() -> None:
        async with Shop() as shop:
            silent = shop.billing
            await ticking(shop)
            await shop.sold(offer="app:team")
            shop.manual.advance(days=12)
            assert await silent.tick.work() == 0
            shop.billing.tick._last = shop.clock.now()
            assert await shop.billing.tick.work() == 0
            shop.manual.advance(seconds=HOUR_SECONDS)
            assert await shop.billing.tick.work() == 1

    run(work)


@pytest.mark.parametrize("days", [LOOK_BACK_DAYS - 1, LOOK_BACK_DAYS + 1])
def test_what_ended_long_ago_is_nobodys_news(days: int) -> None:
    async def work() -> None:
        async with Shop() as shop:
            await ticking(shop)
            await shop.sold()
            (row,) = await shop.billing.subscriptions.list("ana")
            end = row.period_end + AccessRules().renewal_slack_seconds * SECOND + days * DAY
            shop.manual.advance(seconds=(end - shop.clock.now()) // SECOND + 1)
            await shop.billing.tick.work()
            assert ("subscription.lapsed" in await names(shop)) == (days < LOOK_BACK_DAYS)

    run(work)


def test_two_processes_that_tick_at_once_write_it_once() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await ticking(shop)
            other = await shop.another(**HOURLY)
            await shop.sold(offer="app:team")
            shop.manual.advance(days=12)
            await asyncio.gather(shop.billing.tick.work(), other.tick.work())
            assert (await names(shop)).count("subscription.trial_ending") == 1

    run(work)
