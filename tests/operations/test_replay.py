"""Replay: what today's code reads otherwise is written, nothing is written twice, and nothing goes out."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from purchase_core.errors import LeaseLost, NotFound, WrongState
from purchase_core.instants import Instant
from purchase_core.operations.replay import Replayed, Selection
from purchase_core.records.delivery import DONE, PENDING, QUARANTINED
from purchase_core.secret import Secret
from purchase_sandbox.testing import WEBHOOK_SECRET
from tests.faults.shop import Shop, run
from tests.operations.misreading import blind, broken, image

EVERYTHING = Selection()


async def all_of(shop: Shop, selection: Selection = EVERYTHING, *, dry_run: bool = False) -> list[Replayed]:
    return [one async for one in shop.billing.replay.all(selection, dry_run=dry_run)]


def statuses(found: Sequence[Replayed]) -> dict[str, int]:
    return {one.status: sum(other.status == one.status for other in found) for one in found}


def test_what_was_read_well_is_not_written_again() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            shop.advance(days=32)
            await shop.deliver()
            before = image(shop)
            found = await all_of(shop)
            assert set(statuses(found)) == {"unchanged"}
            assert len(found) == len(shop.memory.deliveries)
            assert image(shop) == before, "not even a version has moved"

    run(work)


@pytest.mark.parametrize("kind", ["invoice", "subscription", "session"])
def test_what_yesterdays_code_did_not_see_is_found(kind: str) -> None:
    async def work() -> None:
        async with Shop() as shop, Shop() as untouched:
            with blind(kind):
                await shop.sold()
            await untouched.sold()
            expected = await untouched.checked_hash()
            assert (await shop.checked_hash() == expected) is (kind == "session"), "no row is a session's"
            before = image(shop)
            shown = await all_of(shop, dry_run=True)
            assert image(shop) == before, "a dry run writes nothing"
            done = await all_of(shop)
            assert [one.status for one in done] == [one.status for one in shown]
            changed = [one for one in done if one.status == "changed"]
            assert changed
            assert all(f"{kind}:sandbox:" in one.facts[0] for one in changed)
            assert await shop.checked_hash() == expected
            assert set(statuses(await all_of(shop))) <= {"unchanged"}

    run(work)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_f95_a_replay_that_was_cut_off_goes_on_where_it_stopped(data: st.DataObject) -> None:
    async def work() -> None:
        async with Shop() as shop, Shop() as untouched:
            with blind("invoice"):
                await shop.sold()
                shop.advance(days=32)
                await shop.deliver()
            await untouched.sold()
            untouched.advance(days=32)
            await untouched.deliver()
            count = len(shop.memory.deliveries)
            before = ""
            for _ in range(count + 1):
                most = data.draw(st.integers(1, count))
                seen: list[Replayed] = []
                async for one in shop.billing.replay.all(Selection(before=before)):
                    seen.append(one)
                    if len(seen) == most:
                        break
                if not seen:
                    break
                before = seen[-1].delivery
            assert await shop.checked_hash() == await untouched.checked_hash()

    run(work)


def test_i14_nothing_goes_out_and_nobody_is_told_again() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            effects = dict(shop.memory.effects)

            asked: list[object] = []

            async def never(*arguments: object, **options: object) -> object:
                asked.append(arguments)  # what is raised here could be contained
                raise AssertionError("a replay asks nobody")

            with (
                patch.object(shop.provider, "fetch", never),
                patch.object(shop.provider._client, "write", never),
                patch.object(shop.provider._client, "read", never),
            ):
                await all_of(shop)
            assert asked == []
            assert dict(shop.memory.effects) == effects

    run(work)


def test_f96_what_a_replay_adds_tells_nothing_of_before_again() -> None:
    """What changes is written with the rest of its agreement, of which everything was told."""

    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            shop.advance(days=32)
            with blind("subscription"):
                await shop.deliver()
            before = dict(shop.memory.effects)
            assert before
            assert "changed" in statuses(await all_of(shop))
            assert {key: shop.memory.effects[key] for key in before} == before
            told = {(one.name, one.about) for one in before.values()}
            fresh = [one for key, one in shop.memory.effects.items() if key not in before]
            assert [one.key for one in fresh if (one.name, one.about) in told] == []

    run(work)


def test_what_is_selected_is_read_and_nothing_else() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            middle = shop.clock.now()
            shop.advance(days=32)
            await shop.deliver()
            everything = await all_of(shop)
            assert [one.delivery for one in everything] == sorted(
                (one.delivery for one in everything), reverse=True
            )
            paid = await all_of(shop, Selection(event_type="invoice.paid"))
            assert {one.event_type for one in paid} == {"invoice.paid"}
            assert len(paid) == 2
            assert await all_of(shop, Selection(connection="elsewhere")) == []
            early = await all_of(shop, Selection(until=Instant(middle + 1)))
            late = await all_of(shop, Selection(since=Instant(middle + 1)))
            assert len(early) + len(late) == len(everything)
            assert early
            assert late
            one = await shop.billing.replay.one(paid[0].delivery)
            assert one == paid[0]
            with pytest.raises(NotFound):
                await shop.billing.replay.one("delivery_none")

    run(work)


def test_what_cannot_be_verified_or_understood_is_said_and_keeps_nobody() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            first = min(shop.memory.deliveries.values(), key=lambda one: one.id)
            shop.memory.deliveries[first.id] = replace(first, body=first.body + b" ")
            found = {one.delivery: one for one in await all_of(shop)}
            assert found[first.id].status == "failed"
            assert found[first.id].reason.startswith("signature_invalid")
            assert statuses(list(found.values()))["unchanged"] == len(found) - 1

    run(work)


def test_a_secret_that_was_rotated_out_verifies_no_more() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            shop.provider._secrets = (Secret("whsec_rotated_" + "0" * 30),)
            assert set(statuses(await all_of(shop))) == {"failed"}
            shop.provider._secrets = (Secret("whsec_rotated_" + "0" * 30), WEBHOOK_SECRET)
            assert set(statuses(await all_of(shop))) == {"unchanged"}

    run(work)


# --- quarantine ----------------------------------------------------------------------------------


def test_what_was_quarantined_is_tried_again_once_the_code_is_mended() -> None:
    async def work() -> None:
        async with Shop() as shop, Shop() as untouched:
            with broken():
                await shop.sold()
            await untouched.sold()
            stuck = await shop.billing.webhooks.list(state=QUARANTINED)
            assert stuck
            for one in stuck:
                assert (await shop.billing.webhooks.retry(one.id)).state == PENDING
            await shop.billing.webhooks.drain()
            assert await shop.billing.webhooks.list(state=QUARANTINED) == []
            assert await shop.checked_hash() == await untouched.checked_hash()

    run(work)


def test_what_is_done_or_in_hand_is_not_tried_again() -> None:
    async def work() -> None:
        async with Shop(inbox={"mode": "queue"}) as shop:
            await shop.sold()
            (one, *_) = await shop.billing.webhooks.list(state=PENDING)
            show = shop.billing.webhooks.show

            async def overtaken(delivery_id: str) -> object:
                found = await show(delivery_id)
                now = shop.clock.now()
                await shop.billing.store.claim(now=now, lease_until=Instant(now + 60_000_000), limit=100)
                return found

            with patch.object(shop.billing.webhooks, "show", overtaken), pytest.raises(LeaseLost):
                await shop.billing.webhooks.retry(one.id)
            shop.advance(seconds=120)
            await shop.billing.webhooks.drain()
            assert (await shop.billing.webhooks.show(one.id)).state == DONE
            with pytest.raises(WrongState):
                await shop.billing.webhooks.retry(one.id)
            with pytest.raises(NotFound):
                await shop.billing.webhooks.retry("delivery_none")

    run(work)
