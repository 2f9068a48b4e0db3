"""Many at once: in one event loop always, from several instances where the adapter declares it."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from msgspec.structs import replace

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.store.base import StoreCapability, StorePromises
from purchase_contract_tests.store.inbox import claim, keep
from purchase_contract_tests.store.samples import (
    ANA,
    NOW,
    case,
    cluster,
    delivery,
    effect,
    later,
    reference,
    refund,
    step,
)
from purchase_core.errors import KeyConflict, LaneConflict
from purchase_core.facts.rows import CaseRow
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Question, Store

MANY = 20


async def outcome(store: Store, batch: Batch) -> str:
    """Commit, and name how it went."""
    try:
        await store.commit(batch)
    except (LaneConflict, KeyConflict) as error:
        return type(error).__name__
    return "committed"


class Concurrency(StorePromises):
    """Commits, claims and reads that overlap."""

    @promise
    async def one_of_many_decisions_on_one_version_wins(self, store: Store) -> None:
        batches = [
            Batch(
                f"batch_{number}", NOW, lanes=(step(ANA, 0, b"%d" % number),), rows=(case(f"case_{number}"),)
            )
            for number in range(MANY)
        ]
        outcomes = await asyncio.gather(*(outcome(store, batch) for batch in batches))
        assert Counter(outcomes) == {"committed": 1, "LaneConflict": MANY - 1}
        winner = outcomes.index("committed")
        assert (await store.lane(ANA)).document == b"%d" % winner
        assert list(await store.rows(CaseRow)) == [case(f"case_{winner}")]

    @promise
    async def a_refused_batch_takes_no_other_with_it(self, store: Store) -> None:
        await keep(store, delivery(0))
        batches = [
            Batch(f"batch_{number}", NOW, lanes=(step(f"customer:{number}"),)) for number in range(MANY)
        ]
        batches[3] = replace(batches[3], lanes=(step("customer:3", 7),))
        batches[7] = replace(batches[7], deliveries=(delivery(0),))
        outcomes = await asyncio.gather(*(outcome(store, batch) for batch in batches))
        assert Counter(outcomes) == {"committed": MANY - 2, "LaneConflict": 1, "KeyConflict": 1}
        versions = [(await store.lane(f"customer:{number}")).version for number in range(MANY)]
        assert versions == [0 if number in (3, 7) else 1 for number in range(MANY)]

    @promise
    async def f03_an_event_that_arrives_many_times_at_once_is_kept_once(self, store: Store) -> None:
        rows = [replace(delivery(number), event_id="evt_1") for number in range(MANY)]
        batches = [Batch(f"batch_{number}", NOW, deliveries=(row,)) for number, row in enumerate(rows)]
        outcomes = await asyncio.gather(*(outcome(store, batch) for batch in batches))
        assert Counter(outcomes) == {"committed": 1, "KeyConflict": MANY - 1}
        assert await store.delivery("acme", "evt_1") == rows[outcomes.index("committed")]

    @promise
    async def f81_a_batch_sent_many_times_at_once_counts_once(self, store: Store) -> None:
        batch = Batch("batch_1", NOW, lanes=(step(ANA),), deliveries=(delivery(),))
        outcomes = await asyncio.gather(*(outcome(store, batch) for _ in range(MANY)))
        assert set(outcomes) == {"committed"}
        assert (await store.lane(ANA)).version == 1

    @promise
    async def no_two_workers_hold_one_row(self, store: Store) -> None:
        await keep(store, *(delivery(number) for number in range(MANY)))
        claims = await asyncio.gather(*(claim(store, limit=3) for _ in range(MANY)))
        held = [row.id for rows in claims for row in rows]
        assert sorted(held) == [delivery(number).id for number in range(MANY)]

    @promise
    async def a_view_is_never_older_than_its_lanes_say(self, store: Store) -> None:
        """A view that mixes two commits must fail its guard: its lanes are as old as anything in it."""
        states = [
            Batch(
                f"batch_{version}",
                NOW,
                lanes=(step(ANA, version),),
                clusters=(cluster(ANA, refund(order=later(version + 1))),),
                references=(reference(root="refund:acme:re_1"),),
            )
            for version in range(MANY)
        ]
        states = [replace(one, clusters=(replace(one.clusters[0], root="root_1"),)) for one in states]

        async def write() -> None:
            for batch in states:
                await store.commit(batch)
                await asyncio.sleep(0)

        writing = asyncio.create_task(write())
        try:
            while not writing.done():
                view = await store.look(Question(lanes=(ANA,), whole_lanes=(ANA,)))
                if "root_1" in view.clusters:
                    shown = view.clusters["root_1"].registers["refund:acme:re_1"].newest.order
                    assert later(view.lanes[ANA].version if ANA in view.lanes else 0) <= shown
                await asyncio.sleep(0)
        finally:
            writing.cancel()
            await asyncio.wait([writing])
        assert (await store.lane(ANA)).version == MANY

    @promise
    async def f81_a_commit_that_was_cancelled_can_be_sent_again(self, store: Store) -> None:
        """Whether it was written or not: sent again, it is there once, and all of it."""
        for number in range(MANY):
            lane, row = f"customer:{number:02}", case(f"case_{number:02}")
            batch = Batch(
                f"batch_{number}", NOW, lanes=(step(lane),), rows=(row,), effects=(effect(lane, lane=lane),)
            )
            committing = asyncio.create_task(store.commit(batch))
            for _ in range(number % 5):
                await asyncio.sleep(0)
            committing.cancel()
            await asyncio.gather(committing, return_exceptions=True)
            await store.commit(batch)
            assert (await store.lane(lane)).version == 1
            assert (await store.rows(CaseRow))[-1] == row
            assert list(await store.effects(lane)) == list(batch.effects)

    @requires(StoreCapability.SHARED)
    @promise
    async def instances_see_what_others_commit(self, store: Store) -> None:
        async with self.reopen(store) as other:
            assert (await other.lane(ANA)).version == 0
            await store.commit(Batch("batch_1", NOW, lanes=(step(ANA, 0, b"first"),)))
            assert (await other.lane(ANA)).document == b"first"
            with pytest.raises(LaneConflict):
                await other.commit(Batch("batch_2", NOW, lanes=(step(ANA),)))
            await other.commit(Batch("batch_3", NOW, lanes=(step(ANA, 1, b"second"),)))
            assert (await store.lane(ANA)).document == b"second"

    @requires(StoreCapability.SHARED)
    @promise
    async def instances_do_not_share_a_claim(self, store: Store) -> None:
        await keep(store, *(delivery(number) for number in range(MANY)))
        async with self.reopen(store) as other:
            claims = await asyncio.gather(
                *(claim(one, limit=3) for _ in range(MANY) for one in (store, other))
            )
        held = [row.id for rows in claims for row in rows]
        assert sorted(held) == [delivery(number).id for number in range(MANY)]
