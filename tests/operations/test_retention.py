"""Retention: bodies go when they are old enough, nothing else does, and what is left can be replayed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest

from purchase_core.config.settings import RetentionSettings
from purchase_core.doctor import Doctor
from purchase_core.errors import WrongState
from purchase_core.inbox.processing import FOREIGN
from purchase_core.operations import retention
from purchase_core.operations.retention import BODIES, EMPTIED, FOREIGNS, LEFT
from purchase_core.records.delivery import DONE, IGNORED, PENDING, QUARANTINED, Delivery
from purchase_core.records.run import FINISHED, RUNNING
from purchase_core.testing.bench import problems
from purchase_sandbox.account import refunds
from purchase_sandbox.account.objects import Invoice
from tests.examining import ids, registered
from tests.faults.killed import Killed
from tests.faults.shop import Shop, run
from tests.operations.misreading import blind, broken

KEPT = {"bodies_days": 30, "foreign_days": 7}


def kept(shop: Shop) -> list[Delivery]:
    """Deliveries that still have their bodies, oldest first."""
    return [one for _, one in sorted(shop.memory.deliveries.items()) if one.body]


async def pruned(billing: Any, kind: str = BODIES) -> dict[str, int]:
    begun = await billing.retention.start(kind)
    counts: dict[str, int] = {}
    async for noted in billing.retention.run(begun):
        counts = dict(noted.counts)
    return counts


def test_t13_bodies_go_when_they_are_old_enough_and_nothing_else_does() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            shop.advance(days=20)
            await shop.sold("cart-2", customer="ben")
            billing = await shop.another(retention=KEPT)
            facts, rows = dict(shop.memory.facts), dict(shop.memory.rows)
            before = dict(shop.memory.deliveries)
            assert await pruned(billing) == {"looked at": 0, EMPTIED: 0, LEFT: 0}
            shop.manual.advance(days=15)
            counts = await pruned(billing)
            old = [one for one in before.values() if one.received_at < shop.clock.now() - 30 * 86_400_000_000]
            assert counts[EMPTIED] == len(old) == len(before) - len(kept(shop)) > 0
            assert {one.id for one in kept(shop)} == set(before) - {one.id for one in old}
            for one in old:
                known = shop.memory.deliveries[one.id]
                assert (known.body, known.headers) == (b"", ())
                assert (known.event_id, known.object, known.state) == (one.event_id, one.object, one.state)
            assert (dict(shop.memory.facts), dict(shop.memory.rows)) == (facts, rows)
            # An event that is sent again is still known, and is kept as little as before.
            assert await pruned(billing) == {"looked at": 0, EMPTIED: 0, LEFT: 0}
            assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)


def test_what_waits_or_is_quarantined_is_left_and_goes_later() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with blind("invoice"), patch.object(type(shop.provider), "normalise", _odd):
                await shop.sold()
            billing = await shop.another(retention=KEPT)
            rows = shop.memory.deliveries
            stuck = [one.id for one in rows.values() if one.state in (QUARANTINED, PENDING)]
            assert stuck
            shop.manual.advance(days=31)
            counts = await pruned(billing)
            assert counts[LEFT] == len(stuck)
            assert [one.id for one in kept(shop)] == sorted(stuck)
            await billing.webhooks.drain()
            for one in [row for row in rows.values() if row.state == QUARANTINED]:
                await billing.quarantine.retry([one])
            await billing.webhooks.drain()
            assert {one.state for one in rows.values()} <= {"done", "ignored"}
            await pruned(billing)
            assert kept(shop) == [], "the next pass begins before what was left"

    run(work)


def _odd(self: Any, event: Any) -> Any:
    raise KeyError("odd")


def test_foreign_events_go_sooner() -> None:
    async def work() -> None:
        async with Shop() as shop:
            other = Shop(project="other", harness=shop.harness)
            async with other:
                await other.buy("theirs", customer="zoe")
            await shop.deliver()
            await shop.sold()
            billing = await shop.another(retention=KEPT)
            shop.manual.advance(days=8)
            foreign = [one.id for one in kept(shop) if one.reason.startswith("foreign")]
            mine = [one.id for one in kept(shop) if one.id not in foreign]
            assert foreign
            assert (await pruned(billing, FOREIGNS))[EMPTIED] == len(foreign)
            assert [one.id for one in kept(shop)] == mine

    run(work)


def test_what_was_looked_up_for_a_foreign_event_is_foreign_too() -> None:
    """Of another application's customer, nothing is kept for longer because we had to ask whose it is."""

    async def work() -> None:
        async with Shop() as shop:
            other = Shop(project="other", harness=shop.harness)
            async with other:
                await other.buy("theirs", customer="zoe")
            shop.webhooks()
            refunds.refund(shop.account.book, shop.made(Invoice)[0].id, None)
            (told,) = [one for one in shop.webhooks() if b"refund.created" in one.body]
            await shop.deliver([told])
            await shop.billing.webhooks.drain()
            assert sorted(one.source for one in kept(shop)) == ["fetch", "webhook"]
            assert {(one.state, one.reason) for one in kept(shop)} == {(IGNORED, FOREIGN)}
            billing = await shop.another(retention=KEPT)
            shop.manual.advance(days=8)
            assert (await pruned(billing, FOREIGNS))[EMPTIED] == 2
            assert kept(shop) == []

    run(work)


def test_f95_a_pass_that_dies_anywhere_goes_on_behind_what_it_has_done() -> None:
    async def work(commits: int) -> bool:
        async with Shop() as shop:
            for number in range(3):
                await shop.sold(f"cart-{number}", customer=f"user_{number}")
            billing = await shop.another(retention=KEPT)
            shop.manual.advance(days=31)
            original, left = billing.store.commit, commits

            async def commit(batch: Any) -> None:
                nonlocal left
                left -= 1
                if left == 0:
                    raise Killed
                await original(batch)

            total = len(kept(shop))
            with patch.object(retention, "SLICE_ROWS", 4):
                with patch.object(billing.store, "commit", commit), suppress(Killed):
                    await pruned(billing)
                finished = not kept(shop)
                counts = await pruned(billing)
                assert kept(shop) == []
                assert finished or counts[EMPTIED] == total, "nothing is emptied or counted twice"
            return finished

    commits = 1
    while not run(lambda: work(commits)):  # noqa: B023  # run at once
        commits += 1
    assert commits > 3


def test_a_worker_does_it_by_itself_and_the_doctor_tells_where_nobody_does() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await registered(shop)
            await shop.sold()
            told: list[str] = []
            shop.manual.advance(days=33)
            opening = shop.unopened(retention=KEPT, public_url="https://shop.example/billing")
            found = await Doctor(opening).readiness(probe=False)
            assert ids(found) == ["retention.overdue", "retention.overdue"][: len(found)]
            assert found
            billing = await shop.another(retention=KEPT)
            with patch.object(retention, "SLICE_ROWS", 2):
                done = await billing.worker().once(lambda task, count: told.append(task))
            assert done["old deliveries"] > 0
            old = [one for one in kept(shop) if one.received_at < shop.clock.now() - 30 * 86_400_000_000]
            assert old == []
            assert ids(await Doctor(opening).readiness(probe=False)) == []
            forever = shop.unopened(
                retention={"bodies_days": 0, "foreign_days": 0}, public_url="https://shop.example/billing"
            )
            assert ids(await Doctor(forever).readiness(probe=False)) == ["retention.none"] * 2
            billing = await shop.another(retention={"bodies_days": 0})
            with pytest.raises(WrongState):
                await billing.retention.start(BODIES)
            assert await billing.retention.work() == 0

    run(work)


def test_replay_skips_what_was_emptied_and_still_reads_it_from_the_provider() -> None:
    from tests.operations.misreading import misread, replayed, well_read  # noqa: PLC0415

    async def work() -> None:
        from purchase_core.operations.replay_runs import KEPT as FROM_KEPT  # noqa: PLC0415
        from purchase_core.operations.replay_runs import LISTED, Plan  # noqa: PLC0415

        async with Shop() as shop, Shop() as untouched:
            await misread(shop)
            await well_read(untouched)
            shop.billing.retention._settings = RetentionSettings(1, 1)
            shop.manual.advance(days=2)
            untouched.manual.advance(days=2)
            for kind in (BODIES, FOREIGNS):
                await pruned(shop.billing, kind)
            assert kept(shop) == []
            _, done = await replayed(shop, Plan(FROM_KEPT))
            assert {one.status for one in done} == {"skipped"}
            await replayed(shop, Plan(LISTED, "sandbox"))
            for customer in ("ana", "ben"):
                assert await shop.checked_hash(customer) == await untouched.checked_hash(customer)

    run(work)


def test_one_pass_is_one_run() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            billing = await shop.another(retention=KEPT)
            shop.manual.advance(days=31)
            await pruned(billing)
            (noted,) = await billing.store.runs(kind="retention")
            assert (noted.scope, noted.state) == (BODIES, FINISHED)
            assert noted.state != RUNNING

    run(work)


async def _stuck_first(shop: Shop, count: int) -> Any:
    """A process, long after a sale whose first deliveries are quarantined."""
    await shop.buy()
    sent = shop.webhooks()
    with broken():
        await shop.deliver(sent[:count])
    await shop.deliver(sent[count:])
    shop.manual.advance(days=33)
    return await shop.another(retention={**KEPT, "foreign_days": 0})


def test_what_is_left_does_not_make_the_rest_look_overdue() -> None:
    """The next pass begins before it, but what lies behind it was emptied."""

    async def work() -> None:
        async with Shop() as shop:
            billing = await _stuck_first(shop, 1)
            late = await billing.retention.overdue(BODIES)
            assert late is not None
            assert late.state == DONE
            await pruned(billing)
            assert [one.state for one in kept(shop)] == [QUARANTINED]
            assert await billing.retention.overdue(BODIES) is None
            with patch.object(retention, "SLICE_ROWS", 2):
                again = await billing.retention.start(BODIES)
                await anext(billing.retention.run(again))
                assert await billing.retention.overdue(BODIES) is None, "nor while it is looked at again"
            shop.advance(seconds=1)
            await shop.sold("cart-2", customer="ben")
            shop.manual.advance(days=33)
            late = await billing.retention.overdue(BODIES)
            assert late is not None
            assert late.id > max(one.id for one in shop.memory.deliveries.values() if not one.body)

    run(work)


def test_a_worker_goes_on_behind_however_much_that_is_left() -> None:
    """More than it looks at in one go; and what was left goes with a pass of a later day."""

    async def work() -> None:
        async with Shop() as shop:
            billing = await _stuck_first(shop, 2)
            with patch.object(retention, "SLICE_ROWS", 2):
                late = await billing.retention.overdue(BODIES)
                assert late is not None
                assert late.state == DONE
                while await billing.retention.work():
                    pass
                assert [one.state for one in kept(shop)] == [QUARANTINED, QUARANTINED]
                await billing.quarantine.retry(kept(shop))
                await billing.webhooks.drain()
                assert await billing.retention.work() == 0, "a pass a day"
                shop.manual.advance(days=1)
                while await billing.retention.work():
                    pass
            assert kept(shop) == []

    run(work)
