"""Decisions that wait for one lane are committed together, and each keeps its own outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from purchase_contract_tests.store.samples import delivery
from purchase_core.errors import KeyConflict, StoreUnavailable
from purchase_core.ports.batch import Batch
from purchase_core.projection.work import Recorded, Work
from purchase_core.records.lane import customer_lane
from purchase_core.testing.bench import Bench

TURNS = 6  # of the event loop: how long the bench's store takes to commit
MANY = 30
ANA = customer_lane("ana")


class Slow:
    """Makes a bench's store take its time, and counts what it commits."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.groups: list[int] = []
        self.lose_the_next = False
        self._one, self._all = bench.store.commit, bench.store.commit_all
        bench.store.commit = self.commit  # type: ignore[method-assign]
        bench.store.commit_all = self.commit_all  # type: ignore[method-assign]

    async def commit(self, batch: Batch) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await self._one(batch)
        self.groups.append(1)

    async def commit_all(self, batches: Sequence[Batch]) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await self._all(batches)
        self.groups.append(len(batches))
        if self.lose_the_next:
            self.lose_the_next = False
            raise StoreUnavailable("the answer is lost", outcome_unknown=True)


async def decide(bench: Bench, number: int) -> Recorded:
    """One of many decisions, each with an inbox row of its own."""
    return await bench.recorder.record(
        Work(lanes=(ANA,)),
        cause=f"cause_{number}",
        addition=lambda batch: replace(batch, deliveries=(delivery(number),)),
    )


def test_f90_decisions_that_wait_for_one_lane_share_a_commit() -> None:
    async def run() -> None:
        bench = await Bench().open()
        slow = Slow(bench)
        recorded = await asyncio.gather(*(decide(bench, number) for number in range(MANY)))
        assert slow.groups == [1, MANY - 1]
        assert (await bench.store.lane(ANA)).version == MANY
        batches = [one.batch for one in recorded]
        assert [one.deliveries[0].id for one in batches if one] == [delivery(n).id for n in range(MANY)]
        assert len({one.id for one in batches if one}) == MANY
        assert bench.batches == batches
        assert [one.lanes[0].expected_version for one in batches if one] == list(range(MANY))

    asyncio.run(run())


def test_f90_those_that_come_while_others_are_done_share_the_next_commit() -> None:
    """Also whoever comes between two turns of the lane, when its lock looks free."""

    async def run() -> None:
        bench = await Bench().open()
        slow = Slow(bench)

        async def again_and_again(number: int) -> None:
            for round_ in range(5):
                await decide(bench, number + MANY * round_)

        await asyncio.gather(*(again_and_again(number) for number in range(MANY)))
        assert (await bench.store.lane(ANA)).version == 5 * MANY
        assert sum(slow.groups) == 5 * MANY
        assert len(slow.groups) <= 8

    asyncio.run(run())


def test_a_decision_that_is_refused_takes_no_other_with_it() -> None:
    async def run() -> None:
        bench = await Bench().open()
        Slow(bench)
        numbers = [*range(MANY), 7]
        outcomes = await asyncio.gather(
            *(decide(bench, number) for number in numbers), return_exceptions=True
        )
        assert [type(one) for one in outcomes] == [Recorded] * MANY + [KeyConflict]
        assert (await bench.store.lane(ANA)).version == MANY
        assert len(bench.batches) == MANY

    asyncio.run(run())


def test_f81_decisions_whose_common_answer_is_lost_count_once() -> None:
    async def run() -> None:
        bench = await Bench().open()
        slow = Slow(bench)
        slow.lose_the_next = True
        recorded = await asyncio.gather(*(decide(bench, number) for number in range(MANY)))
        assert (await bench.store.lane(ANA)).version == MANY
        assert len(bench.database.deliveries) == MANY
        # Each is told of what was written, and not of what it would come to by now.
        batches = [one.batch for one in recorded]
        assert [one.lanes[0].expected_version for one in batches if one] == list(range(MANY))
        assert bench.batches == batches

    asyncio.run(run())


@pytest.mark.parametrize("turns", range(0, 3 * TURNS, 2))
def test_whoever_is_cancelled_leaves_the_others_their_work(turns: int) -> None:
    async def run() -> None:
        bench = await Bench().open()
        Slow(bench)
        tasks = [asyncio.create_task(decide(bench, number)) for number in range(MANY)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for one in tasks[:2]:  # the first works alone, the second for all others
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(one.done() and not one.cancelled() for one in tasks[2:])
        there = set(bench.database.deliveries)
        assert {delivery(number).id for number in range(2, MANY)} <= there
        told = [batch for one in tasks[2:] if (batch := one.result().batch)]
        assert all([await bench.store.committed(batch.id) for batch in told])
        assert len({batch.lanes[0].expected_version for batch in told}) == MANY - 2
        assert (await bench.store.lane(ANA)).version == len(there)
        assert not bench.recorder._waiting_works._by_lane
        assert not bench.recorder._locks._entries

    asyncio.run(run())
