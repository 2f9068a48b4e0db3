"""Truth: a hundred things are spoilt, one at a time, and each is told; where nothing is, nothing is said."""

from __future__ import annotations

import copy
import random

import attrs
import pytest
from msgspec.structs import replace

from purchase_core.errors import ExceedsBalance
from purchase_core.facts.bodies import DisputeSeen, RefundSeen
from purchase_core.facts.fact import seen
from purchase_core.facts.rows import ROW_TYPES, SubscriptionRow
from purchase_core.identifiers import SeededIds
from purchase_core.instants import Instant
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.records.finding import ERROR, WARNING, Finding
from purchase_core.testing.memory_store import MemoryDatabase
from purchase_sandbox.account import refunds
from purchase_sandbox.account.objects import Invoice
from tests.faults.shop import Shop, run
from tests.operations.corruptions import CORRUPTIONS
from tests.operations.rebuilding import busy_shop, rebuilt

PLANTED = 100


async def found(shop: Shop) -> list[Finding]:
    return [one async for _, findings in shop.billing.truth.examine() for one in findings]


def subscription_of(shop: Shop) -> SubscriptionRow:
    (row,) = (one for one in shop.memory.rows.values() if isinstance(one, SubscriptionRow))
    return row


async def full_life(shop: Shop) -> None:
    """Everything that clean histories are made of."""
    await busy_shop(shop)
    bill = next(one for one in shop.made(Invoice) if one.amount_paid == 2_000)
    refunds.refund(shop.account.book, bill.id, 700, {})
    await shop.sold("cart-5", customer="eve", offer="app:team")
    await shop.deliver()
    with_stranger = await shop.start("cart-6", customer="zoe")
    await shop.harness.pay(with_stranger.session)
    await shop.deliver()


def test_of_clean_histories_nothing_is_said() -> None:
    async def work() -> None:
        async with Shop() as shop:
            assert await found(shop) == []
            await full_life(shop)
            assert await found(shop) == []
            shop.advance(days=400)
            await shop.deliver()
            assert await found(shop) == []
            await rebuilt(shop)
            assert await found(shop) == []

    run(work)


def test_a_change_that_is_planned_is_no_false_alarm() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            row = subscription_of(shop)
            await shop.billing.subscriptions.change(
                "ana", row.key, offer="app:team", idempotency_key="up", at_period_end=True
            )
            await shop.deliver()
            team = next(one for one in shop.memory.offers.values() if one.offer == "app:team")
            assert team.hash in subscription_of(shop).next_items, "what it is to be is mapped"
            assert await found(shop) == []

    run(work)


def test_a_hundred_corruptions_are_all_told_and_name_their_facts() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await full_life(shop)
            clean = {one.name: getattr(shop.memory, one.name) for one in attrs.fields(MemoryDatabase)}
            unseen, told, planted = [], 0, 0
            chance = random.Random(5)
            for spoil in [spoil for spoil, times in CORRUPTIONS.items() for _ in range(times)]:
                for name, value in clean.items():
                    setattr(shop.memory, name, copy.copy(value))
                spoil(shop.memory, chance)
                planted += 1
                findings = [one for one in await found(shop) if one.level == ERROR]
                if not findings:
                    unseen.append(spoil.__name__)
                told += any(one.facts for one in findings)
                assert all(one.id.startswith("truth.") and one.fix for one in findings)
            assert planted >= PLANTED
            assert unseen == []
            assert told > planted * 0.8, "nearly all name the facts that say otherwise"

    run(work)


def test_a_fact_of_the_future_is_told() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(offer="book:full")
            bill = shop.made(Invoice)[0]
            refunds.refund(shop.account.book, bill.id, 2_000, {})
            await shop.deliver()
            assert await found(shop) == []
            known = next(iter(shop.memory.facts))
            late = replace(shop.memory.facts[known], recorded_at=Instant(shop.clock.now() + 10**11))
            shop.memory.facts[known] = late
            assert "truth.time" in {one.id for one in await found(shop)}

    run(work)


def test_what_an_older_fold_wrote_is_found_until_it_is_rebuilt() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            for name, lane in list(shop.memory.lanes.items()):
                shop.memory.lanes[name] = replace(lane, reducer=lane.reducer - 1)
            assert {one.id for one in await found(shop)} == {"truth.outdated"}
            await rebuilt(shop)
            assert await found(shop) == []
            for name, lane in list(shop.memory.lanes.items()):
                shop.memory.lanes[name] = replace(lane, reducer=99)
            assert {one.id for one in await found(shop)} == {"truth.newer"}

    run(work)


def test_every_table_is_looked_at() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await full_life(shop)
            tables = {type(row) for row in shop.memory.rows.values()}
            assert len(set(ROW_TYPES) - tables) <= 2

    run(work)


def test_f52_f58_money_that_does_not_add_up_is_told_although_all_was_folded_right() -> None:
    """Refunded in part, and taken whole by a bank: nobody refuses what was seen, and everybody is told."""

    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(offer="book:full")
            (bill,) = await shop.billing.invoices.list("ana")
            store, now = shop.billing.store, shop.clock.now()
            recorder = Recorder(store, OfferShelf(store, ()), shop.clock, SeededIds(99), lambda batch: None)
            for body in (
                RefundSeen("re_1", bill.provider_id, 400, "EUR", "succeeded"),
                DisputeSeen("dp_1", bill.provider_id, 2_000, "EUR", "open"),
            ):
                await recorder.record(
                    Work((seen("sandbox", now, body),)), cause="test", addition=lambda batch: batch
                )
            (finding,) = [one for one in await found(shop) if one.id == "truth.money"]
            assert (finding.level, finding.about) == (WARNING, bill.key)
            assert finding.message == "400 of 2000 that were paid went back, and 2000 are disputed"
            (case,) = await shop.billing.cases.list()
            assert (case.kind, case.about, case.amount, case.currency) == (
                "overreturned",
                bill.key,
                400,
                "EUR",
            )
            told = await shop.billing.cases.explain(case.key)
            assert (told.steps, "Contest the dispute" in told.advice) == ((), True)
            with pytest.raises(ExceedsBalance):
                await shop.billing.invoices.refund("ana", bill.key, amount=1, idempotency_key="more")

    run(work)
