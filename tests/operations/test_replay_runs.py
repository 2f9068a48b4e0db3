"""Replays as runs: from what was kept, from what the provider lists, from a file; cut off anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from purchase_core.errors import CapabilityMissing, InvalidArgument, NotFound, UnknownConnection, WrongState
from purchase_core.operations import replay_runs
from purchase_core.operations.replay import Selection
from purchase_core.operations.replay_runs import FILE, KEPT, LISTED, Plan
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import Capabilities, EventPage
from purchase_core.records.run import FINISHED, RUNNING, Run
from tests.faults.killed import Killed
from tests.faults.shop import Shop, run
from tests.operations.misreading import image, misread, replayed, well_read


def bodies_are_gone(shop: Shop) -> list[bytes]:
    """Retention has taken the bodies; what they were."""
    rows = shop.memory.deliveries
    bodies = [row.body for row in rows.values()]
    for row in list(rows.values()):
        rows[row.id] = replace(row, body=b"")
    return bodies


@pytest.mark.parametrize("source", [KEPT, LISTED, FILE])
def test_whatever_it_is_read_from_it_comes_to_the_same(source: str) -> None:
    async def work() -> None:
        async with Shop() as shop, Shop() as untouched:
            await misread(shop)
            await well_read(untouched)
            plan = Plan(KEPT) if source == KEPT else Plan(source, "sandbox")
            lines = [] if source == KEPT else bodies_are_gone(shop)
            before = image(shop)
            _, shown = await replayed(shop, plan, lines, dry_run=True)
            assert image(shop) == before, "a dry run writes nothing, not even a receipt"
            noted, done = await replayed(shop, plan, lines)
            changed = {one.delivery for one in shown if one.status == "changed"}
            assert {one.delivery for one in done if one.status == "changed"} <= changed
            assert (noted.state, noted.note) == (FINISHED, "ops: why")
            assert noted.counts["changed"] == sum(one.status == "changed" for one in done) > 0
            for customer in ("ana", "ben"):
                assert await shop.checked_hash(customer) == await untouched.checked_hash(customer)
            again, _ = await replayed(shop, plan, lines)
            assert again.counts.get("changed", 0) == 0

    run(work)


def test_f07_an_event_that_never_arrived_is_taken_from_a_file_or_the_providers_list() -> None:
    async def work(source: str) -> None:
        async with Shop() as shop:
            await shop.buy()
            lines = [one.body for one in shop.webhooks()]
            before = image(shop)
            _, shown = await replayed(shop, Plan(source, "sandbox"), lines, dry_run=True)
            assert {one.status for one in shown} == {"changed"}
            assert image(shop) == before
            await replayed(shop, Plan(source, "sandbox"), [*lines, *lines])
            assert (await shop.rights()).has("export")
            assert {row.source for row in shop.memory.deliveries.values()} == {"listed"}

    for source in (FILE, LISTED):
        run(lambda: work(source))  # noqa: B023  # run at once


def test_what_concerns_one_customer_is_read_and_nothing_of_another() -> None:
    async def work() -> None:
        async with Shop() as shop, Shop() as untouched:
            await misread(shop)
            await well_read(untouched)
            bens = await shop.checked_hash("ben")
            _, found = await replayed(shop, Plan(KEPT, customer="ana"))
            assert await shop.checked_hash("ana") == await untouched.checked_hash("ana")
            assert await shop.checked_hash("ben") == bens
            selection = Selection(customer="ben", event_type="checkout.session.completed")
            (one,) = [row async for row in shop.billing.replay.select(selection)]
            assert one.id not in {other.delivery for other in found}

    run(work)


def test_whoever_was_merged_means_the_deliveries_of_whom_they_were_merged_into() -> None:
    """Also those that came under the other name since."""

    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            await shop.sold("cart-2", customer="ben")
            await shop.billing.customers.merge("ana", into="ben", reason="one person", by="mia")
            shop.advance(days=31)
            assert await shop.deliver()
            found = [
                {one.id async for one in shop.billing.replay.select(Selection(customer=name))}
                for name in ("ana", "ben")
            ]
            assert found[0] == found[1] == set(shop.memory.deliveries)

    run(work)


async def counted(runs: AsyncIterator[tuple[Run, object]]) -> int:
    """Of how many a replay tells at its end."""
    return [sum(noted.counts.values()) async for noted, _ in runs][-1]


@pytest.mark.parametrize("source", [KEPT, LISTED, FILE])
def test_f95_a_replay_that_dies_anywhere_goes_on_and_nothing_counts_twice(source: str) -> None:
    async def work(commits: int) -> bool:
        async with Shop() as shop, Shop() as untouched:
            await misread(shop)
            await well_read(untouched)
            plan = Plan(KEPT) if source == KEPT else Plan(source, "sandbox")
            lines = [row.body for row in shop.memory.deliveries.values()]
            store = shop.billing.store
            original, left = store.commit, commits
            events = shop.provider.events

            async def commit(batch: Batch) -> None:
                nonlocal left
                left -= 1
                if left == 0:
                    raise Killed
                await original(batch)

            async def small(*, cursor: str, limit: int = 3) -> EventPage:
                return await events(cursor=cursor, limit=limit)

            with patch.object(replay_runs, "PORTION", 3), patch.object(shop.provider, "events", small):
                last = shop.billing.replay_runs.start(plan)
                whole = await counted(shop.billing.replay_runs.run(last, lines=lines, dry_run=True))
                with patch.object(store, "commit", commit), suppress(Killed):
                    async for noted, _ in shop.billing.replay_runs.run(last, lines=lines):
                        last = noted
                finished = last.state == FINISHED
                if not finished:
                    known = await store.run(last.id)
                    assert known is None or known.state == RUNNING
                    last = known or last
                    async for noted, _ in shop.billing.replay_runs.run(last, lines=lines):
                        last = noted
            assert sum(last.counts.values()) == whole, "what was done and noted is not read again"
            with pytest.raises(WrongState):
                await shop.billing.replay_runs.resumed(last.id)
            for customer in ("ana", "ben"):
                assert await shop.checked_hash(customer) == await untouched.checked_hash(customer)
            assert set(shop.memory.effects) <= set(untouched.memory.effects)
            return finished

    commits = 1
    while not run(lambda: work(commits)):  # noqa: B023  # run at once
        commits += 2


def test_what_is_no_event_of_this_connection_is_told_and_keeps_nobody() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            good = [one.body for one in shop.webhooks()]
            bad = [b"{", b"", good[0].replace(b'"acct_', b'"acct_other'), b"\n"]
            noted, found = await replayed(shop, Plan(FILE, "sandbox"), [*bad, *good])
            assert noted.counts["failed"] == 2
            assert {one.reason.partition(":")[0] for one in found if one.status == "failed"} == {
                "malformed_body",
                "wrong_account",
            }
            assert (await shop.rights()).has("export")

    run(work)


def test_what_cannot_be_is_said_beforehand() -> None:
    async def work() -> None:
        async with Shop() as shop:
            own = shop.billing.replay_runs
            with pytest.raises(UnknownConnection):
                own.start(Plan(FILE, "nowhere"))
            with pytest.raises(InvalidArgument):
                own.start(Plan(FILE, "sandbox", customer="ana"))
            with pytest.raises(NotFound):
                await own.resumed("run_none")
            nothing: Any = Capabilities(frozenset(), 0)
            with patch.object(type(shop.provider), "capabilities", nothing), pytest.raises(CapabilityMissing):
                own.start(Plan(LISTED, "sandbox"))

    run(work)
