"""Nobody waits for others: a backlog, a hot customer, a poison event, a provider that is down."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from purchase_core.errors import ProviderUnavailable
from purchase_core.inbox import draining
from purchase_core.inbox.draining import FAILURES_MAX, REST_SECONDS
from purchase_core.ports.provider import Event, Normalised
from purchase_core.records.delivery import DONE, PENDING, QUARANTINED
from purchase_sandbox.adapter import SandboxProvider
from tests.faults.shop import Shop, run

QUEUE = {"mode": "queue"}
BACKLOG = 100_000
BOUND_SECONDS = 30


def backlog(shop: Shop, count: int) -> None:
    """So many deliveries that came long ago and have not been worked off."""
    known = next(one for one in shop.memory.deliveries.values() if one.event_type == "invoice.paid")
    for number in range(count):
        row = replace(known, id=f"backlog_{number:06}", event_id=f"evt_old_{number}", state=PENDING)
        shop.memory.deliveries[row.id] = row
        shop.memory.events[row.connection, row.event_id] = row.id


def test_f15_a_backlog_of_three_days_does_not_keep_what_is_new_waiting() -> None:
    async def work() -> None:
        async with Shop(inbox=QUEUE) as shop:
            await shop.sold()
            await shop.billing.webhooks.drain()
            backlog(shop, BACKLOG)
            shop.advance(days=3)
            await shop.sold("new", customer="ben")
            report = await shop.billing.webhooks.drain(rows_max=64)
            assert report.worked == 64
            assert (await shop.rights("ben")).has("export"), "it came last, and was not last"
            old = [row for row in shop.memory.deliveries.values() if row.id.startswith("backlog_")]
            worked = sum(row.state == DONE for row in old)
            assert worked >= 16, "and the backlog is worked off all the same"

    run(work)


def test_f90_a_hot_customer_keeps_nobody_else_waiting() -> None:
    async def work() -> None:
        async with Shop(inbox=QUEUE) as shop:
            await shop.sold()
            await shop.billing.webhooks.drain()
            backlog(shop, 1_000)  # all of one customer
            for number in range(5):
                await shop.sold(f"other-{number}", customer=f"user_{number}")
            await shop.billing.webhooks.drain(rows_max=96)
            for number in range(5):
                assert (await shop.rights(f"user_{number}")).has("export")

    run(work)


def test_f89_a_poison_event_is_quarantined_and_delays_nobody() -> None:
    async def work() -> None:
        async with Shop(inbox={**QUEUE, "attempts_max": 3}) as shop:
            await shop.buy()
            await shop.deliver()
            poison = next(
                one for one in shop.memory.deliveries.values() if one.event_type == "checkout.session.created"
            )
            original = SandboxProvider.normalise

            def poisoned(self: SandboxProvider, event: Event) -> Normalised:
                if event.id == poison.event_id:
                    raise ZeroDivisionError
                return original(self, event)

            with patch.object(SandboxProvider, "normalise", poisoned):
                for _ in range(5):
                    await shop.billing.webhooks.drain()
                    assert (await shop.rights()).has("export"), "later facts of its own lane apply"
                    shop.advance(seconds=3_600)
            row = shop.memory.deliveries[poison.id]
            assert (row.state, row.attempts, row.reason) == (QUARANTINED, 3, "ZeroDivisionError")

    run(work)


def test_f89_an_event_that_hangs_is_cut_off_while_the_others_go_on() -> None:
    async def work() -> None:
        async with Shop(inbox={**QUEUE, "lease_seconds": 1, "works_max": 2}) as shop:
            await shop.buy()
            await shop.deliver()
            slow = min(shop.memory.deliveries)
            processor = shop.billing.webhooks._draining._processor
            process = processor.process
            done: list[str] = []

            async def hanging(provider: Any, event: Any, cause: str, *rest: Any, **more: Any) -> Any:
                if cause == slow:
                    await asyncio.Event().wait()
                result = await process(provider, event, cause, *rest, **more)
                done.append(cause)
                return result

            with patch.object(processor, "process", hanging):
                async with asyncio.timeout(BOUND_SECONDS):  # an event that is not cut off hangs for ever
                    report = await shop.billing.webhooks.drain()
            assert report.retried == 1
            assert len(done) == len(shop.memory.deliveries) - 1
            assert shop.memory.deliveries[slow].reason == "TimeoutError"

    run(work)


def test_f89_what_arrives_while_another_takes_long_is_worked_off_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ends only when what arrived after it is done: the queue was empty for a moment."""
    monkeypatch.setattr(draining, "LOOK_AGAIN_SECONDS", 0.01)

    async def work() -> None:
        async with Shop(inbox=QUEUE) as shop:
            await shop.buy()
            await shop.deliver()
            slow, first = min(shop.memory.deliveries), len(shop.memory.deliveries)
            drains = shop.billing.webhooks._draining
            processor, store = drains._processor, drains._store
            process, claim, done = processor.process, store.claim, set[str]()
            empty, arrived = asyncio.Event(), asyncio.Event()

            async def waiting(provider: Any, event: Any, cause: str, *rest: Any, **more: Any) -> Any:
                if cause == slow:
                    await arrived.wait()
                result = await process(provider, event, cause, *rest, **more)
                done.add(cause)
                if len(done - {slow}) >= first:
                    arrived.set()
                return result

            async def claiming(**given: Any) -> Any:
                rows = await claim(**given)
                if not rows:
                    empty.set()
                return rows

            with patch.object(processor, "process", waiting), patch.object(store, "claim", claiming):
                async with asyncio.timeout(BOUND_SECONDS):
                    drain = asyncio.create_task(shop.billing.webhooks.drain())
                    await empty.wait()
                    await shop.sold("new", customer="ben")
                    report = await drain
            assert report.done + report.ignored == len(shop.memory.deliveries) > first

    run(work)


def test_f89_what_takes_long_keeps_nobody_behind_it_waiting() -> None:
    """It waits for all the others here, which are more than are worked on at once."""

    async def work() -> None:
        async with Shop(inbox={**QUEUE, "works_max": 2, "claim_rows_max": 1}) as shop:
            await shop.buy()
            await shop.deliver()
            slow, others = min(shop.memory.deliveries), len(shop.memory.deliveries) - 1
            assert others > 2
            processor = shop.billing.webhooks._draining._processor
            process, done = processor.process, asyncio.Semaphore(0)

            async def waiting(provider: Any, event: Any, cause: str, *rest: Any, **more: Any) -> Any:
                if cause == slow:
                    for _ in range(others):
                        await done.acquire()
                result = await process(provider, event, cause, *rest, **more)
                done.release()
                return result

            with patch.object(processor, "process", waiting):
                async with asyncio.timeout(BOUND_SECONDS):
                    report = await shop.billing.webhooks.drain()
            assert report.retried == 0
            assert {row.state for row in shop.memory.deliveries.values()} == {DONE}

    run(work)


def test_a_provider_that_is_down_is_left_alone_and_what_needs_nothing_of_it_goes_on() -> None:
    async def work() -> None:
        async with Shop(inbox={**QUEUE, "works_max": 1}) as shop:
            for number in range(6):
                await shop.buy(f"cart-{number}", customer=f"user_{number}")
            asked: list[str] = []

            async def down(kind: str, object_id: str) -> Any:
                asked.append(object_id)
                raise ProviderUnavailable("down")

            await shop.deliver()
            rows = shop.memory.deliveries
            for number in range(20):  # what two states of one instant leave behind
                known = next(one for one in rows.values() if one.event_type == "invoice.paid")
                row = replace(
                    known, id=f"ask_{number:02}", event_id=f"ask:{number}", source="look-up", body=b""
                )
                rows[row.id] = row
            with patch.object(shop.provider, "fetch", down):
                await shop.billing.webhooks.drain()
            assert len(asked) == FAILURES_MAX, "it was asked so often, and then left alone"
            waiting = [row for row in rows.values() if row.state == PENDING]
            assert len(waiting) == 20
            assert sorted(row.attempts for row in waiting) == [0] * 17 + [1] * 3, "only a try counts as one"
            for number in range(6):
                assert (await shop.rights(f"user_{number}")).has("export")
            shop.advance(seconds=REST_SECONDS + 4)
            assert (await shop.billing.webhooks.drain()).worked == 20
            assert not [row for row in rows.values() if row.state == PENDING]

    run(work)
