"""Snapshots: what was, as far as it was known; and links, after which what waited is somebody's."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime

import pytest

from purchase_core.errors import InvalidArgument
from purchase_core.facts.fold import canonical_hash, fold, rows_of
from purchase_core.facts.rows import CaseRow
from purchase_core.identifiers import SeededIds
from purchase_core.instants import DAY, SECOND, Instant, to_datetime
from purchase_core.reads.facts import recorded_facts
from purchase_sandbox.account import refunds
from purchase_sandbox.account.objects import Invoice
from tests.faults.shop import Shop, run


async def a_history(shop: Shop) -> list[Instant]:
    """A sale, a renewal and a refund, told late. The instants between."""
    between = [Instant(shop.clock.now() - SECOND)]
    await shop.sold()
    for step in range(3):
        shop.advance(days=31 if step == 0 else 5)
        between.append(shop.clock.now())
        if step == 1:
            refunds.refund(shop.account.book, shop.made(Invoice)[0].id, 400)
        webhooks = shop.webhooks()
        shop.advance(seconds=100)  # told later than it happened
        for one in webhooks:
            await shop.take(one.body)
        between.append(shop.clock.now())
    return between


def test_a_snapshot_is_the_fold_of_the_facts_of_then_that_were_known_then() -> None:
    async def work() -> None:
        async with Shop() as shop:
            between = await a_history(shop)
            facts = [one async for one in recorded_facts(shop.billing.store, "customer:ana")]
            offers = {one.hash: one for one in shop.catalog.offers.values()}
            seen = set()
            for at in between[:-1]:
                for known_at in between[:-1]:
                    found = await shop.billing.customers.snapshot(
                        "ana", at=to_datetime(at), known_at=to_datetime(known_at)
                    )
                    then = [one.fact for one in facts if one.fact.order <= at and one.recorded_at <= known_at]
                    assert found.hash == canonical_hash(rows_of(fold("customer:ana", then), offers))
                    assert (found.at, found.known_at) == (at, known_at)
                    seen.add(found.hash)
            assert len(seen) == 4, "nothing, a sale, its renewal, a refund"

    run(work)


def test_the_present_is_what_the_rows_say() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await a_history(shop)
            now = await shop.billing.customers.snapshot("ana")
            assert now.hash == await shop.checked_hash()
            assert now.rights == await shop.rights()
            assert len(now.invoices) == 2
            assert now.version > 0

    run(work)


def test_the_future_is_what_follows_if_nothing_more_happens() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            at = Instant(shop.clock.now() + 40 * DAY)
            later = await shop.billing.customers.snapshot("ana", at=to_datetime(at))
            assert later.hash == await shop.checked_hash()
            assert not later.rights.has("export")
            assert (await shop.rights()).has("export")

    run(work)


def test_of_nobody_there_is_nothing() -> None:
    async def work() -> None:
        async with Shop() as shop:
            found = await shop.billing.customers.snapshot("nobody")
            assert (found.version, found.intents, found.cases) == (0, (), ())
            assert found.rights.limit("api") == 10, "the default plan"
            with pytest.raises(InvalidArgument):
                await shop.billing.customers.snapshot("ana", at=datetime(2026, 1, 1))  # noqa: DTZ001

    run(work)


async def unmatched(shop: Shop) -> tuple[list[bytes], str]:
    """Events of a paid sale that name nobody, and the provider's customer who paid."""
    async with Shop(harness=shop.harness, ids=SeededIds(123)) as elsewhere:
        await elsewhere.buy()
        bodies = []
        for one in elsewhere.webhooks():
            event = json.loads(one.body)
            event["data"]["object"]["metadata"] = {}
            bodies.append(json.dumps(event).encode())
    await shop.start("other", customer="bob")  # so that the price is known here
    shop.webhooks()
    return bodies, event["data"]["object"]["customer"]


@pytest.mark.parametrize("place", range(5))
def test_a_link_may_come_at_any_time(place: int) -> None:
    async def work() -> None:
        async with Shop() as shop:
            bodies, payer = await unmatched(shop)
            for number, body in enumerate(bodies):
                if number == place:
                    await shop.billing.customers.link("ana", "sandbox", payer)
                await shop.take(body)
            await shop.billing.customers.link("ana", "sandbox", payer)
            assert (await shop.rights()).has("export")
            assert not [row for row in shop.memory.rows.values() if isinstance(row, CaseRow)]
            await shop.checked_hash()

    run(work)


@pytest.mark.parametrize("seed", range(5))
def test_links_and_webhooks_of_several_processes_at_once_end_the_same(seed: int) -> None:
    async def work() -> None:
        async with Shop() as shop:
            others = [await shop.another() for _ in range(3)]
            bodies, payer = await unmatched(shop)
            jobs = [
                shop.take(body, billing=billing)
                for billing in [shop.billing, *others]
                for body in bodies[seed % 4 :] + bodies[: seed % 4]
            ]
            links = [one.customers.link("ana", "sandbox", payer) for one in others]
            await asyncio.gather(*jobs[: seed * 2], *links, *jobs[seed * 2 :])
            await shop.billing.webhooks.drain()
            assert (await shop.rights()).has("export")
            assert (await shop.rights()).balance("ai") == 100
            assert not [row for row in shop.memory.rows.values() if isinstance(row, CaseRow)]
            await shop.checked_hash()

    run(work)
