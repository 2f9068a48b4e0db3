"""Entitlements: never stale for our own writes, bounded for those of others, and ending by themselves."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import patch

import pytest

from purchase_core.access.rights import Rights
from purchase_core.errors import InvalidArgument
from purchase_core.instants import DAY, SECOND, Instant, to_datetime
from purchase_core.reads import rights_cache
from purchase_core.reads.rights_cache import Entry, RightsCache
from purchase_core.records.lane import Lane
from purchase_sandbox.account import subscriptions
from tests.faults.shop import Shop, Subscription, run


def entry(version: int) -> Entry:
    rights = Rights(Instant(0), None, frozenset(), {}, {}, {})
    return Entry(rights, version, Instant(10**15))


# --- the cache itself --------------------------------------------------------------------------


def test_a_read_that_began_before_a_commit_and_ends_after_it_is_not_taken() -> None:
    cache = RightsCache()
    epoch = cache.epoch
    cache.moved("ana", 5)
    cache.put("ana", entry(4), epoch)
    assert cache.get("ana") is None
    cache.put("ana", entry(5), epoch)
    assert cache.get("ana") == entry(5)


def test_a_read_that_began_before_everything_was_forgotten_is_not_taken() -> None:
    cache = RightsCache()
    epoch = cache.epoch
    cache.moved("ana", 5)
    cache.clear()
    cache.put("ana", entry(4), epoch)
    assert cache.get("ana") is None


def test_neither_reads_nor_writes_let_the_cache_grow_without_bound() -> None:
    """A worker may write for a million customers and read none; a web process the other way round."""
    with patch.object(rights_cache, "ENTRIES_MAX", 100):
        cache = RightsCache()
        for number in range(1_000):
            cache.moved(f"written-{number}", 1)
            assert len(cache._floors) <= 100
        for number in range(1_000):
            cache.put(f"read-{number}", entry(1), cache.epoch)
            assert len(cache._entries) <= 100


# --- own writes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sole_writer", [False, True])
@pytest.mark.parametrize("stale_seconds", [0, 3_600])
def test_own_writes_are_seen_at_once(stale_seconds: int, *, sole_writer: bool) -> None:
    async def work() -> None:
        reads = {"max_stale_seconds": stale_seconds}
        async with Shop(reads=reads, sole_writer=sole_writer) as shop:
            assert not (await shop.rights()).has("export")
            await shop.sold()
            assert (await shop.rights()).has("export")
            subscriptions.cancel(shop.account.book, shop.made(Subscription)[0].id, at_period_end=False)
            await shop.deliver()
            assert not (await shop.rights()).has("export")

    run(work)


def test_a_slow_read_does_not_hide_a_commit_that_overtook_it() -> None:
    """Each read hangs between the database and the cache, while a delivery is committed."""

    async def work() -> None:
        async with Shop(reads={"max_stale_seconds": 3_600}, sole_writer=True) as shop:
            await shop.buy()
            for webhook in shop.webhooks():
                read = shop.billing.store.lane
                reached, go_on = asyncio.Event(), asyncio.Event()

                async def hanging(
                    lane: str, read: Any = read, reached: Any = reached, go_on: Any = go_on
                ) -> Lane:
                    found: Lane = await read(lane)
                    reached.set()
                    await go_on.wait()
                    return found

                with patch.object(shop.billing.store, "lane", hanging):
                    shop.billing.customers._cache.clear()  # so that it must read
                    slow = asyncio.create_task(shop.rights())
                    await reached.wait()
                    await shop.take(webhook.body, webhook.headers)
                    go_on.set()
                    await slow
                assert await shop.rights() == await (await shop.another()).customers.entitlements("ana")
            assert (await shop.rights()).has("export")

    run(work)


def test_reads_are_served_without_the_database_where_they_may_be() -> None:
    async def work() -> None:
        async with Shop(sole_writer=True) as shop:
            await shop.sold()
            first = await shop.rights()

            async def not_asked(lane: str) -> Lane:
                raise AssertionError(lane)

            with patch.object(shop.billing.store, "lane", not_asked):
                assert [await shop.rights() for _ in range(3)] == [first] * 3

    run(work)


# --- others' writes ------------------------------------------------------------------------------


@pytest.mark.parametrize(("stale_seconds", "at_once"), [(0, True), (60, False)])
def test_what_another_process_wrote_is_seen_within_the_bound(stale_seconds: int, *, at_once: bool) -> None:
    async def work() -> None:
        async with Shop(reads={"max_stale_seconds": stale_seconds}) as shop:
            other = await shop.another()
            assert not (await other.customers.entitlements("ana")).has("export")
            await shop.sold()
            assert (await shop.rights()).has("export")
            assert (await other.customers.entitlements("ana")).has("export") == at_once
            shop.advance(seconds=59)
            assert (await other.customers.entitlements("ana")).has("export") == at_once
            shop.advance(seconds=2)
            assert (await other.customers.entitlements("ana")).has("export")

    run(work)


# --- what ends by itself -------------------------------------------------------------------------


@pytest.mark.parametrize("sole_writer", [False, True])
def test_rights_end_when_they_say_so_without_any_news(*, sole_writer: bool) -> None:
    async def work() -> None:
        reads = {"max_stale_seconds": 10 * 365 * 86_400}
        async with Shop(reads=reads, sole_writer=sole_writer) as shop:
            await shop.sold()
            rights = await shop.rights()
            assert rights.valid_until is not None
            shop.manual.set_to(Instant(rights.valid_until - 1))
            assert (await shop.rights()).balance("ai") == 100
            shop.manual.set_to(rights.valid_until)
            assert (await shop.rights()).balance("ai") == 0, "the credits expire first"
            shop.manual.set_to(Instant(rights.valid_until + 10 * DAY))
            assert not (await shop.rights()).has("export")

    run(work)


def test_a_clock_that_is_set_back_gets_the_rights_of_its_time() -> None:
    async def work() -> None:
        async with Shop(sole_writer=True) as shop:
            await shop.sold()
            now = shop.clock.now()
            shop.manual.set_to(Instant(now + 60 * DAY))
            assert not (await shop.rights()).has("export")
            shop.manual.set_to(now)
            assert (await shop.rights()).has("export")

    run(work)


def test_at_asks_of_another_instant() -> None:
    async def work() -> None:
        async with Shop() as shop:
            before = to_datetime(Instant(shop.clock.now() - SECOND))
            await shop.sold()
            ask = shop.billing.customers.entitlements
            assert not (await ask("ana", at=before)).has("export")
            assert (await ask("ana", at=to_datetime(shop.clock.now()))).has("export")
            assert not (await ask("ana", at=to_datetime(Instant(shop.clock.now() + 40 * DAY)))).has("export")

    run(work)


@pytest.mark.parametrize("customer", ["", "a\x00", "\ud800", "x" * 256, None, 7])
def test_what_names_no_customer_is_refused(customer: Any) -> None:
    async def work() -> None:
        async with Shop() as shop:
            with pytest.raises(InvalidArgument):
                await shop.billing.customers.entitlements(customer)
            with pytest.raises(InvalidArgument):
                await shop.billing.customers.snapshot(customer)
            with pytest.raises(InvalidArgument):
                await shop.billing.customers.link(customer, "sandbox", "cus_1")

    run(work)
