"""Quarantine: by cause, tried again by whoever may mend it, given up by somebody who says why."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from purchase_core.errors import InvalidArgument, WrongState
from purchase_core.operations.quarantine import ROLLOUT, Chosen
from purchase_core.records.delivery import DONE, IGNORED, PENDING, QUARANTINED
from purchase_core.records.run import FINISHED
from tests.faults.shop import Shop, run
from tests.operations.misreading import broken

NEVER = {"events_every_seconds": 0, "objects_every_seconds": 0}


async def stuck(shop: Shop, count: int = 3) -> None:
    """So many sales that a broken adapter could make nothing of."""
    with broken():
        for number in range(count):
            await shop.sold(f"cart-{number}", customer=f"user_{number}")


async def work_off(billing: Any) -> dict[str, int]:
    return dict(await billing.worker().once(lambda task, count: None))


def test_what_is_quarantined_is_told_by_cause_and_code() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await stuck(shop)
            groups = await shop.billing.quarantine.groups()
            total = [one for one in shop.memory.deliveries.values() if one.state == QUARANTINED]
            assert sum(one.count for one in groups) == len(total)
            assert [one.count for one in groups] == sorted((one.count for one in groups), reverse=True)
            paid = next(one for one in groups if one.cause.event_type == "invoice.paid")
            assert (paid.count, paid.cause.error, paid.outdated) == (3, "malformed_body", False)
            assert paid.first_at <= paid.last_at
            assert len(paid.examples) == 3
            async with shop.opening(release="next") as billing:
                assert all(one.outdated for one in await billing.quarantine.groups())
            chosen = [one async for one in shop.billing.quarantine.each(Chosen(event_type="invoice.paid"))]
            assert {one.event_type for one in chosen} == {"invoice.paid"}
            assert [one async for one in shop.billing.quarantine.each(Chosen(error="KeyError"))] == []

    run(work)


def test_a_new_release_tries_again_by_itself_and_each_is_applied_once() -> None:
    async def work() -> None:
        async with Shop() as shop, Shop() as untouched:
            await stuck(shop, 5)
            for number in range(5):
                await untouched.sold(f"cart-{number}", customer=f"user_{number}")
            before = [one.id for one in shop.memory.deliveries.values() if one.state == QUARANTINED]
            shop.advance(seconds=60)
            assert await shop.billing.quarantine.retry_outdated() == 0, "the same code fails the same way"
            async with shop.opening(release="mended", reconcile=NEVER) as billing:
                done = await work_off(billing)
            assert done["retried"] == len(before)
            assert await shop.billing.webhooks.list(state=QUARANTINED) == []
            for number in range(5):
                name = f"user_{number}"
                assert await shop.checked_hash(name) == await untouched.checked_hash(name)
            (receipt,) = [one for one in shop.memory.runs.values() if one.kind == "retry-quarantined"]
            assert (receipt.state, receipt.counts["settled"]) == (FINISHED, len(before))

    run(work)


def test_old_code_and_new_do_not_hand_a_poison_event_to_and_fro() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await stuck(shop, 1)
            count = len([one for one in shop.memory.deliveries.values() if one.state == QUARANTINED])
            with broken():
                shop.advance(seconds=60)
                async with shop.opening(release="new", reconcile=NEVER) as new:
                    shop.advance(seconds=1)
                    assert (await work_off(new))["retried"] == count
                    shop.advance(seconds=1)
                    # The old process still runs: what the new code has judged is not its business,
                    assert await shop.billing.quarantine.retry_outdated() == 0
                    shop.advance(seconds=ROLLOUT // 1_000_000 + 1)
                    # until it has run so long beside it that it must be the newer one.
                    assert await shop.billing.quarantine.retry_outdated() == count

    run(work)


def test_who_gives_up_says_why_and_replay_still_reads_it() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await stuck(shop, 1)
            found = [one async for one in shop.billing.quarantine.each(Chosen())]
            for by, reason in (("", "odd"), ("ops", " ")):
                with pytest.raises(InvalidArgument):
                    await shop.billing.quarantine.discard(found, by=by, reason=reason)
            receipt = await shop.billing.quarantine.discard(found, by="ops", reason="a test of theirs")
            assert receipt.note == "ops: a test of theirs"
            rows = [shop.memory.deliveries[one.id] for one in found]
            assert {(one.state, one.reason) for one in rows} == {
                (IGNORED, "discarded by ops: a test of theirs")
            }
            with pytest.raises(WrongState):
                await shop.billing.quarantine.discard(rows, by="ops", reason="again")
            assert (await shop.billing.replay.one(found[0].id)).status != "failed"

    run(work)


def test_what_somebody_else_has_taken_meanwhile_is_left_alone() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await stuck(shop, 1)
            found = [one async for one in shop.billing.quarantine.each(Chosen())]
            taken = found[0]
            shop.memory.deliveries[taken.id] = replace(
                shop.memory.deliveries[taken.id], state=PENDING, fence=taken.fence + 1
            )
            receipt = await shop.billing.quarantine.retry(found)
            assert receipt.counts == {"settled": len(found) - 1, "overtaken": 1}
            await shop.billing.webhooks.drain()
            assert {one.state for one in shop.memory.deliveries.values()} <= {DONE, IGNORED}

    run(work)


def test_everything_that_waits_is_in_one_list_with_what_to_do_next() -> None:
    async def work() -> None:
        async with Shop() as shop:
            assert await shop.billing.attention.list() == []
            await stuck(shop, 2)
            stranger = await shop.start("odd", customer="ben")
            await shop.harness.pay(stranger.session)
            sent = [one for one in shop.webhooks() if b'"type":"invoice.paid"' in one.body]
            spoilt = sent[0].body.replace(b'"unit_amount":1000', b'"unit_amount":1')
            assert spoilt != sent[0].body
            await shop.take(spoilt)
            items = await shop.billing.attention.list()
            case = next(one for one in items if one.kind == "case")
            assert (case.customer, case.next) == ("ben", f"purchase cases show {case.about}")
            assert items[0] is case, "money comes first"
            retry = next(one for one in items if "invoice.paid" in one.what)
            assert (retry.kind, retry.count) == ("quarantine", 2)
            assert retry.next == (
                "purchase webhooks retry --all --connection sandbox"
                " --type invoice.paid --error malformed_body"
            )

    run(work)


def test_the_code_of_an_application_is_its_release_and_its_plugins() -> None:
    async def work() -> None:
        async with Shop() as shop:
            codes = {shop.billing.quarantine._code}
            for name in ("1", "2", "1"):
                async with shop.opening(release=name) as billing:
                    codes.add(billing.quarantine._code)
            assert len(codes) == 3
            with patch("purchase_core.opening.version", lambda name: "99"):
                async with shop.opening(release="1") as billing:
                    assert billing.quarantine._code not in codes

    run(work)
