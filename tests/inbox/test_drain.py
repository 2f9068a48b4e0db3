"""Working off the inbox: claims, leases and fences, retries that end, and events that nobody can digest."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from purchase_core.errors import MalformedBody, StoreUnavailable
from purchase_core.facts.bodies import SubscriptionSeen
from purchase_core.facts.fact import seen
from purchase_core.facts.rows import CaseRow, SubscriptionRow
from purchase_core.inbox.processing import REASON_CHARACTERS_MAX
from purchase_core.inbox.settings import InboxSettings
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import Event, Normalised
from purchase_core.records.delivery import DONE, PENDING, QUARANTINED, Delivery
from purchase_core.testing.memory_store import MemoryStore
from tests.faults.shop import Shop, run
from tests.inbox.received import QUEUE, edited, rows


def row_of(shop: Shop, kind: str) -> Delivery:
    return next(one for one in rows(shop) if one.event_type == kind)


def poisoned(shop: Shop, kind: str = "invoice.paid") -> Any:
    """Normalising events of this type raises, as a bug would."""
    normalise = shop.provider.normalise

    def failing(event: Event) -> Normalised:
        if event.type == kind:
            raise ZeroDivisionError("canary in the payload")
        return normalise(event)

    return patch.object(shop.provider, "normalise", failing)


def test_f89_a_poison_event_delays_nobody_else() -> None:
    async def work() -> None:
        async with Shop(inbox=QUEUE) as shop:
            await shop.buy()
            await shop.buy("cart-2", customer="bob", offer="book:full")
            with poisoned(shop, "subscription.created"):
                await shop.deliver()
                report = await shop.billing.webhooks.drain()
                assert report.retried == 1
                assert report.done == len(rows(shop)) - 1
                assert (await shop.rights("bob")).has("book")
                assert not (await shop.rights("ana")).has("export")
            shop.advance(seconds=10)
            assert (await shop.billing.webhooks.drain()).done == 1
            assert (await shop.rights("ana")).has("export")
            await shop.checked_hash()

    run(work)


@pytest.mark.parametrize("mode", ["inline", "queue"])
@pytest.mark.parametrize("says", ["holds \x00", "holds \ud800", "goes on " * 1_000])
def test_f89_an_error_that_no_database_can_hold_is_kept_as_far_as_it_can_be(
    mode: str, says: str, tmp_path: Path
) -> None:
    """Else the reason would be what keeps the others: nothing could be settled beside it."""

    async def work() -> None:
        async with Shop(tmp_path / "purchase.db", inbox={"mode": mode}) as shop:
            await shop.buy()
            normalise = shop.provider.normalise

            def odd(event: Event) -> Normalised:
                if event.type == "invoice.paid":
                    raise MalformedBody(says)
                return normalise(event)

            with patch.object(shop.provider, "normalise", odd):
                await shop.deliver()
                await shop.billing.webhooks.drain()
            found = {one.event_type: one for one in await shop.billing.webhooks.list()}
            stuck = found.pop("invoice.paid")
            assert (stuck.state, stuck.reason[:13]) == (QUARANTINED, f"{MalformedBody.code}: {says}"[:13])
            assert {one.state for one in found.values()} == {DONE}
            assert len(stuck.reason) <= REASON_CHARACTERS_MAX

    run(work)


def test_retries_back_off_and_end_in_quarantine_with_the_reason() -> None:
    async def work() -> None:
        async with Shop(inbox={**QUEUE, "attempts_max": 4}) as shop:
            await shop.buy()
            await shop.deliver()
            pauses = []
            with poisoned(shop):
                for attempt in range(1, 5):
                    now = shop.clock.now()
                    await shop.billing.webhooks.drain()
                    row = row_of(shop, "invoice.paid")
                    assert row.attempts == attempt
                    assert row.reason == "ZeroDivisionError"
                    pauses.append((row.available_at - now) / SECOND)
                    assert (await shop.billing.webhooks.drain()).worked == 0, "not before its time"
                    shop.manual.set_to(Instant(row.available_at + SECOND))
            assert row.state == QUARANTINED
            judged = pauses.pop()
            assert judged == 0, "of a quarantined row, when it was judged"
            assert all(2**n <= pause <= 2 ** (n + 1) for n, pause in enumerate(pauses, 1))
            shop.advance(days=30)
            assert (await shop.billing.webhooks.drain()).worked == 0
            listed = await shop.billing.webhooks.list(state=QUARANTINED)
            assert [one.id for one in listed] == [row.id]

    run(work)


def test_retries_are_spread() -> None:
    settings = InboxSettings()
    now = Instant(0)
    times = {settings.retry_at(now, 5, spread) for spread in range(0, 100_000_000, 999_983)}
    assert len(times) == 101
    assert all(32 * SECOND <= one <= 64 * SECOND for one in times)
    assert settings.retry_at(now, 10**6, 0) == settings.retry_seconds_max * SECOND


def test_f91_a_worker_that_comes_back_after_its_lease_writes_nothing() -> None:
    async def work() -> None:
        async with Shop(inbox=QUEUE) as shop:
            other = await shop.another()
            await shop.buy()
            await shop.deliver()
            kept = len(rows(shop))
            slow, recorder = shop.billing.webhooks, shop.billing.webhooks._processor._recorder
            record = recorder.record
            stalled: list[bool] = []

            async def stalling(*rest: Any, **named: Any) -> Any:
                if not stalled:
                    stalled.append(True)
                    shop.advance(seconds=InboxSettings().lease_seconds + 1)
                    assert (await other.webhooks.drain()).done == kept
                return await record(*rest, **named)

            with patch.object(recorder, "record", stalling):
                report = await slow.drain()
            assert (report.lost, report.worked) == (kept, kept)
            assert {(one.state, one.fence) for one in rows(shop)} == {(DONE, 2)}
            assert len([one for one in shop.memory.facts.values() if one.fact.kind == "invoice"]) == 1
            await shop.checked_hash()

    run(work)


def test_f91_a_worker_that_never_learns_of_its_commit_takes_nothing_back() -> None:
    """Found by the simulator: what was done waited again, or was quarantined at its last try."""

    class Late(MemoryStore):
        async def commit(self, batch: Batch) -> None:
            await super().commit(batch)
            if any(one.state == DONE for one in batch.settlements):
                raise TimeoutError  # the lease ran out before the answer came

    async def work() -> None:
        def meddle(store: Any) -> Any:
            return Late(store.database)

        async with Shop(inbox={**QUEUE, "attempts_max": 1}, meddle=meddle) as shop:
            await shop.buy()
            await shop.deliver()
            report = await shop.billing.webhooks.drain()
            assert (report.lost, report.worked) == (len(rows(shop)), len(rows(shop)))
            assert {(one.state, one.fence) for one in rows(shop)} == {(DONE, 1)}
            assert (await shop.rights()).has("export")

    run(work)


def test_f92_what_a_dead_worker_held_is_taken_again() -> None:
    async def work() -> None:
        async with Shop(inbox=QUEUE) as shop:
            await shop.buy()
            await shop.deliver()
            now = shop.clock.now()
            held = await shop.billing.store.claim(now=now, lease_until=Instant(now + 60 * SECOND), limit=50)
            assert len(held) == len(rows(shop))
            assert (await shop.billing.webhooks.drain()).worked == 0
            shop.advance(seconds=61)
            assert (await shop.billing.webhooks.drain()).done == len(held)
            assert (await shop.rights()).has("export")

    run(work)


def test_f92_an_event_that_kills_its_workers_is_quarantined_after_so_many() -> None:
    async def work() -> None:
        async with Shop(inbox={**QUEUE, "attempts_max": 3}) as shop:
            await shop.buy()
            await shop.deliver(shop.webhooks()[:1])
            for _ in range(3):
                now = shop.clock.now()
                await shop.billing.store.claim(now=now, lease_until=Instant(now + SECOND), limit=50)
                shop.advance(seconds=2)
            assert (await shop.billing.webhooks.drain()).quarantined == 1
            (row,) = rows(shop)
            assert (row.state, row.reason) == (QUARANTINED, "no worker that took it ever came back")

    run(work)


def test_workers_at_once_share_the_work() -> None:
    async def work() -> None:
        async with Shop(inbox={**QUEUE, "claim_rows_max": 2}) as shop:
            others = [await shop.another() for _ in range(3)]
            for number in range(5):
                await shop.buy(f"cart-{number}", customer=f"c{number}")
            await shop.deliver()
            kept = len(rows(shop))
            reports = await asyncio.gather(*(one.webhooks.drain() for one in [shop.billing, *others]))
            assert sum(one.done for one in reports) == kept
            assert {(one.state, one.attempts) for one in rows(shop)} == {(DONE, 1)}
            for number in range(5):
                assert (await shop.rights(f"c{number}")).has("export")
                await shop.checked_hash(f"c{number}")

    run(work)


def test_drain_takes_no_more_than_it_is_asked_to() -> None:
    async def work() -> None:
        async with Shop(inbox=QUEUE) as shop:
            await shop.buy()
            await shop.deliver()
            assert (await shop.billing.webhooks.drain(rows_max=2)).worked == 2
            assert sum(1 for one in rows(shop) if one.state == PENDING) == len(rows(shop)) - 2

    run(work)


def test_an_event_of_a_connection_that_is_gone_waits() -> None:
    async def work() -> None:
        async with Shop(inbox=QUEUE) as shop:
            await shop.buy()
            await shop.deliver()
            gone = await shop.another(connections={})
            assert (await gone.webhooks.drain()).retried == len(rows(shop))
            assert {one.state for one in rows(shop)} == {PENDING}
            shop.advance(seconds=10)
            assert (await shop.billing.webhooks.drain()).done == len(rows(shop))

    run(work)


class Failing(MemoryStore):
    """A store that refuses every commit while `down`."""

    down = False

    async def commit(self, batch: Batch) -> None:
        if self.down:
            raise StoreUnavailable("full")
        await super().commit(batch)


def test_a_store_that_fails_while_draining_loses_nothing() -> None:
    async def work() -> None:
        stores: list[Failing] = []

        def meddle(store: Any) -> Any:
            stores.append(Failing(store.database))
            return stores[-1]

        async with Shop(inbox=QUEUE, meddle=meddle) as shop:
            await shop.buy()
            await shop.deliver()
            stores[0].down = True
            assert (await shop.billing.webhooks.drain()).retried == len(rows(shop))
            stores[0].down = False
            assert (await shop.billing.webhooks.drain()).worked == 0, "still leased"
            shop.advance(seconds=61)
            assert (await shop.billing.webhooks.drain()).done == len(rows(shop))

    run(work)


# --- contested objects -------------------------------------------------------------------------


def contesting(shop: Shop) -> Any:
    """Subscriptions also appear past due at the very instant at which they became active."""
    normalise = shop.provider.normalise

    def rival(event: Event) -> Normalised:
        meaning = normalise(event)
        if event.id != "evt_rival":
            return meaning
        (fact,) = meaning.facts
        assert isinstance(fact.body, SubscriptionSeen)
        body = replace(fact.body, status="past_due")
        return Normalised((seen("sandbox", fact.order, body),), meaning.claims)

    return patch.object(shop.provider, "normalise", rival)


@pytest.mark.parametrize("mode", ["inline", "queue"])
def test_an_object_with_two_states_at_one_instant_is_asked_for_after_that_instant(mode: str) -> None:
    async def work() -> None:
        async with Shop(inbox={"mode": mode}) as shop:
            await shop.buy()
            webhooks = shop.webhooks()
            await shop.deliver(webhooks)
            await shop.billing.webhooks.drain()
            event = next(one for one in webhooks if b"subscription.created" in one.body)
            with contesting(shop):
                await shop.take(edited(event, id="evt_rival"))
                await shop.billing.webhooks.drain()
            assert [row.status for row in await shop.rows() if isinstance(row, SubscriptionRow)] == [
                "past_due"
            ]
            assert [row.kind for row in await shop.rows() if isinstance(row, CaseRow)] == ["contested"]
            (asked,) = [one for one in rows(shop) if one.source == "look-up"]
            assert asked.state == PENDING
            assert (await shop.billing.webhooks.drain()).worked == 0, "its second is not over"
            shop.advance(seconds=3)
            assert (await shop.billing.webhooks.drain()).done == 1
            assert [row.status for row in await shop.rows() if isinstance(row, SubscriptionRow)] == ["active"]
            assert not [row for row in await shop.rows() if isinstance(row, CaseRow)]
            shop.advance(seconds=60)
            assert (await shop.billing.webhooks.drain()).worked == 0
            await shop.checked_hash()

    run(work)


def test_the_look_up_is_asked_for_in_the_batch_that_finds_the_contest() -> None:
    """If it were a batch of its own, a crash between the two would lose it: nothing would ask again."""

    async def work() -> None:
        batches: list[Batch] = []

        class Watching(MemoryStore):
            async def commit(self, batch: Batch) -> None:
                batches.append(batch)
                await super().commit(batch)

        async with Shop(meddle=lambda store: Watching(store.database)) as shop:  # type: ignore[attr-defined]
            await shop.buy()
            webhooks = shop.webhooks()
            await shop.deliver(webhooks)
            event = next(one for one in webhooks if b"subscription.created" in one.body)
            batches.clear()
            with contesting(shop):
                await shop.take(edited(event, id="evt_rival"))
            (batch,) = batches
            assert sorted(one.source for one in batch.deliveries) == ["look-up", "webhook"]

    run(work)
