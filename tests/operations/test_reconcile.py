"""Reconcile: what never arrived is found at the provider, told apart from what is not ours, and recorded."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from purchase_core.errors import (
    CapabilityMissing,
    NotFound,
    ProviderUnavailable,
    UnknownConnection,
    WrongState,
)
from purchase_core.facts.rows import CaseRow, Row
from purchase_core.identifiers import SeededIds
from purchase_core.operations.passes import EVENTS, OBJECTS, PASSES, Found
from purchase_core.ports.provider import Capabilities, EventPage
from purchase_core.records.run import FINISHED, RUNNING, Run
from purchase_core.testing.bench import problems
from purchase_sandbox.account import refunds, subscriptions
from purchase_sandbox.account.objects import Invoice, Subscription
from tests.faults.shop import Shop, run


async def reconciled(
    shop: Shop, *, repair: bool = True, kinds: Sequence[str] = PASSES, pages_max: int = 1_000
) -> tuple[list[Found], dict[str, int]]:
    """Every pass to its end: what was found, and the counts of all of them."""
    found: list[Found] = []
    counts: dict[str, int] = {}
    for kind in kinds:
        last = await shop.billing.reconcile.start("sandbox", kind, repair=repair)
        while last.state == RUNNING:
            async for noted, some in shop.billing.reconcile.run(last, pages_max=pages_max):
                last = noted
                found += some
        counts |= {name: counts.get(name, 0) + count for name, count in last.counts.items()}
    return found, counts


def state(shop: Shop) -> set[Row]:
    """Every row, but for when it was seen: what is listed is seen when it is listed."""
    bare = []
    for row in shop.memory.rows.values():
        names = [name for name in ("seen_at", "opened_at") if hasattr(row, name)]
        bare.append(replace(row, **dict.fromkeys(names, 0)))
    return set(bare)


async def much(shop: Shop, take: Any) -> None:
    """Sales, a renewal, a refund, a cancellation; `take` says which webhooks arrive."""
    await shop.buy()
    await shop.buy("cart-2", customer="ben", offer="book:full")
    await shop.buy("cart-3", customer="ben", offer="tokens:small")
    await shop.buy("cart-4", customer="eve", offer="app:team")
    await take()
    shop.advance(days=32)
    book = shop.account.book
    bill = next(one for one in shop.made(Invoice) if one.amount_paid == 2_000)
    refunds.refund(book, bill.id, 500, {})
    subscriptions.cancel(book, shop.made(Subscription)[0].id, at_period_end=True)
    await take()


@settings(max_examples=8, deadline=None, phases=[Phase.generate])
@given(st.integers(0, 2**32), st.sampled_from([(EVENTS,), (OBJECTS,), PASSES]))
def test_f07_whatever_never_arrived_the_provider_is_asked_and_all_is_as_if_it_had(
    seed: int, kinds: Sequence[str]
) -> None:
    async def work() -> None:
        async with Shop() as shop, Shop() as untouched:
            chance = random.Random(seed)

            async def some() -> None:
                await shop.deliver([one for one in shop.webhooks() if chance.random() < 0.5])

            await much(shop, some)
            await much(untouched, untouched.deliver)
            shop.advance(seconds=120)
            before = dict(shop.memory.rows)
            shown, _ = await reconciled(shop, repair=False, kinds=kinds)
            assert shop.memory.rows == before, "nothing is repaired that was not asked for"
            done, _ = await reconciled(shop, kinds=kinds)
            assert {one.about for one in done} <= {one.about for one in shown}
            await shop.billing.webhooks.drain()
            assert state(shop) == state(untouched)
            assert list(problems(shop.memory, now=shop.clock.now())) == []
            again, counts = await reconciled(shop, repair=False, kinds=kinds)
            assert again == []
            assert counts["same"] > 0
            # What was read from a list is replayed from what was kept of it.
            told = [one async for one in shop.billing.replay.all(everything())]
            assert {one.status for one in told} <= {"unchanged", "skipped"}

    run(work)


def everything() -> Any:
    from purchase_core.operations.replay import Selection  # noqa: PLC0415  # one test needs it

    return Selection()


def test_f07_an_outage_of_three_days_leaves_no_difference() -> None:
    async def work() -> None:
        async with Shop() as shop, Shop() as untouched:
            for one in (shop, untouched):
                await one.sold()
                for number in range(30):
                    await one.buy(f"cart-{number + 2}", customer=f"user_{number}")
                    one.advance(days=0, seconds=72 * 3_600 // 30)
            lost = shop.webhooks()
            kept = [one for place, one in enumerate(lost) if place % 10]  # a tenth is never sent again
            await shop.deliver(kept)
            await untouched.deliver()
            _, counts = await reconciled(shop)
            assert counts["missed"] == len(lost) - len(kept)
            assert state(shop) == state(untouched)
            again, _ = await reconciled(shop, repair=False)
            assert again == []

    run(work)


def test_what_another_application_sells_is_counted_and_is_no_case() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            other = Shop(project="other", harness=shop.harness, ids=SeededIds(99))
            async with other:
                await other.buy("theirs", customer="zoe")
            shop.webhooks()
            before = dict(shop.memory.rows)
            found, counts = await reconciled(shop)
            assert found == []
            assert counts["foreign"] >= 2
            assert shop.memory.rows == before
            assert not any(isinstance(row, CaseRow) for row in shop.memory.rows.values())

    run(work)


def test_f50_what_is_bought_between_two_pages_is_not_lost() -> None:
    async def work(limit: int) -> None:
        async with Shop() as shop, Shop() as untouched:
            for number in range(6):
                for one in (shop, untouched):
                    await one.buy(f"cart-{number}", customer=f"user_{number}")
            provider = shop.provider
            original, bought = provider.events, 0

            async def small(*, cursor: str, limit: int = limit) -> EventPage:
                nonlocal bought
                page = await original(cursor=cursor, limit=limit)
                if bought < 4:
                    bought += 1
                    await shop.buy(f"late-{bought}", customer=f"late_{bought}")
                return page

            with patch.object(provider, "events", small):
                await reconciled(shop, kinds=(EVENTS,))
            await reconciled(shop, kinds=(EVENTS,))  # what came behind the last page
            for number in range(1, bought + 1):
                await untouched.buy(f"late-{number}", customer=f"late_{number}")
            await untouched.deliver()
            assert {one.customer for one in rows_of(shop)} == {one.customer for one in rows_of(untouched)}
            assert all(one.status == "settled" for one in rows_of(shop))

    for limit in (1, 2, 7, 100):
        run(lambda: work(limit))  # noqa: B023  # run at once


def rows_of(shop: Shop) -> list[Any]:
    return [row for row in shop.memory.rows.values() if type(row).TABLE == "intents"]


def test_f95_a_pass_that_was_cut_off_goes_on_with_the_page_that_it_had_not_done() -> None:
    async def work() -> None:
        async with Shop() as shop, Shop() as untouched:
            for one in (shop, untouched):
                for number in range(8):
                    await one.buy(f"cart-{number}", customer=f"user_{number}")
            await untouched.deliver()
            provider = shop.provider
            original = provider.events
            asked: list[str] = []

            async def small(*, cursor: str, limit: int = 5) -> EventPage:
                asked.append(cursor)
                if len(asked) % 3 == 0:
                    raise ProviderUnavailable("busy")
                return await original(cursor=cursor, limit=limit)

            first = await shop.billing.reconcile.start("sandbox", EVENTS, repair=True)
            last: Run = first
            with patch.object(provider, "events", small):
                while last.state == RUNNING:
                    with suppress(ProviderUnavailable):
                        async for noted, _ in shop.billing.reconcile.run(last, pages_max=2):
                            last = noted
                    found = await shop.billing.store.run(first.id)
                    assert found == last
                    if last.state == RUNNING:
                        last = await shop.billing.reconcile.resumed(first.id)
            done = [cursor for place, cursor in enumerate(asked, 1) if place % 3]
            assert len(done) == len(set(done)), "no page is read twice but the one that failed"
            assert last.state == FINISHED
            assert state(shop) == state(untouched)
            with pytest.raises(WrongState):
                await shop.billing.reconcile.resumed(first.id)

    run(work)


def test_the_next_pass_over_events_begins_where_the_last_one_ended() -> None:
    async def work() -> None:
        async with Shop() as shop:
            for number in range(40):
                await shop.buy(f"cart-{number}", customer=f"user_{number}")
            _, counts = await reconciled(shop, kinds=(EVENTS,))
            assert counts["missed"] > 100
            provider = shop.provider
            original, pages = provider.events, []

            async def watched(*, cursor: str, limit: int = 100) -> EventPage:
                page = await original(cursor=cursor, limit=limit)
                pages.append(len(page.bodies))
                return page

            await shop.buy("late", customer="late")
            with patch.object(provider, "events", watched):
                found, counts = await reconciled(shop, kinds=(EVENTS,))
            assert sum(pages) < 220, "one page before the end, and no more"
            assert counts["same"] > 0
            assert {one.what for one in found} == {"missed"}

    run(work)


def test_what_a_provider_cannot_list_is_said_beforehand() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with pytest.raises(UnknownConnection, match=r"(?s)'nowhere' is configured.*There are sandbox\."):
                await shop.billing.reconcile.start("nowhere", EVENTS, repair=False)
            with pytest.raises(NotFound):
                await shop.billing.reconcile.resumed("run_none")
            with patch.object(type(shop.provider), "capabilities", Capabilities(frozenset(), 0)):
                assert shop.billing.reconcile.passes("sandbox") == ()
                with pytest.raises(CapabilityMissing):
                    await shop.billing.reconcile.start("sandbox", EVENTS, repair=False)

    run(work)


def test_an_object_that_cannot_be_understood_keeps_no_other() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            original = shop.provider.normalise

            def odd(event: Any) -> Any:
                if event.object.startswith("invoice:"):
                    raise KeyError("odd")
                return original(event)

            with patch.object(shop.provider, "normalise", odd):
                found, counts = await reconciled(shop, kinds=(OBJECTS,))
            assert counts["failed"] == 1
            assert {one.what for one in found} == {"failed", "missing", "differs"}
            assert next(one for one in found if one.what == "failed").reason == "KeyError"

    run(work)
