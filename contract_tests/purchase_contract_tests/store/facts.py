"""The fact log: appended to, never changed, read in the order of recording."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import (
    ANA,
    BEN,
    NOW,
    WAITING,
    batch_of_facts,
    body_of_each_kind,
    later,
    recorded,
    reference,
    refund,
    step,
)
from purchase_core.errors import InvalidArgument, KeyConflict
from purchase_core.facts.fact import OWN, RecordedFact, seen
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store


class Facts(StorePromises):
    """`Batch.facts`, `facts`, `linked_lanes` and `facts_about`."""

    @promise
    async def every_kind_of_fact_comes_back_as_it_was(self, store: Store) -> None:
        bodies = body_of_each_kind()
        facts = tuple(
            recorded(seen("acme", NOW, body, final=index % 2 == 0)) for index, body in enumerate(bodies)
        )
        own = recorded(seen(OWN, NOW, bodies[0]), cause="command_1")
        await store.commit(batch_of_facts("batch_1", *facts, own))
        assert [fact for _, fact in await store.facts(ANA)] == [*facts, own]

    @promise
    async def facts_come_in_the_order_of_recording(self, store: Store) -> None:
        # Neither the order of their own time, nor of their keys.
        orders = (5, 1, 9, 3)
        facts = [recorded(refund(f"re_{9 - order}", order=later(order))) for order in orders]
        await store.commit(batch_of_facts("batch_1", *facts[:2]))
        await store.commit(batch_of_facts("batch_2", *facts[2:], version=1))
        found = await store.facts(ANA)
        assert [fact for _, fact in found] == facts
        assert [position for position, _ in found] == sorted({position for position, _ in found})

    @promise
    async def f03_a_fact_is_kept_once_as_it_was_first_recorded(self, store: Store) -> None:
        first = recorded(refund())
        await store.commit(batch_of_facts("batch_1", first, first))
        again = recorded(refund(), BEN, at=later(5), cause="delivery_2")
        lanes = (step(ANA, 1), step(BEN))
        await store.commit(Batch("batch_2", NOW, lanes=lanes, facts=(again, recorded(refund("re_2")))))
        assert [fact for _, fact in await store.facts(ANA)] == [first, recorded(refund("re_2"))]
        assert not await store.facts(BEN)

    @promise
    async def a_fact_key_is_not_taken_by_other_content(self, store: Store) -> None:
        # Real digests cannot collide; identifiers that a provider chose could try.
        honest = replace(refund(), object="refund:acme:re_1@7#aa", order=NOW, digest="bb")
        forged = replace(refund(), object="refund:acme:re_1", order=Instant(7), digest=f"aa@{NOW}#bb")
        assert honest.key == forged.key
        await store.commit(batch_of_facts("batch_1", recorded(honest)))
        with pytest.raises(KeyConflict) as conflict:
            await store.commit(batch_of_facts("batch_2", recorded(forged), version=1))
        assert conflict.value.kind == "fact"
        assert [fact.fact for _, fact in await store.facts(ANA)] == [honest]

    @promise
    async def a_fact_is_of_a_lane_that_moves(self, store: Store) -> None:
        # Its position is made of the lane's version, and nobody could read on from there otherwise.
        for lanes in ((), (step(BEN),)):
            with pytest.raises(InvalidArgument, match=ANA):
                await store.commit(Batch("batch_1", NOW, lanes=lanes, facts=(recorded(refund()),)))
        assert not await store.committed("batch_1")
        assert not await store.facts(ANA)

    @promise
    async def a_lane_knows_those_that_are_linked_to_it(self, store: Store) -> None:
        other = "object:invoice:acme:in_9"
        lanes = (step(WAITING, linked_to=ANA), step(BEN), step(other, linked_to=ANA))
        await store.commit(Batch("batch_1", NOW, lanes=lanes))
        assert list(await store.linked_lanes(ANA)) == [other, WAITING]
        assert not await store.linked_lanes(WAITING)
        assert not await store.linked_lanes("")
        await store.commit(Batch("batch_2", NOW, lanes=(step(other, 1, linked_to=BEN),)))
        assert list(await store.linked_lanes(ANA)) == [WAITING]

    @promise
    async def whoever_reads_on_misses_nothing(self, store: Store) -> None:
        """What was recorded before the last position that was read, but came to its lane's owner later."""
        seen_facts: list[RecordedFact] = []
        come_to: dict[str, int] = {}

        async def read_on() -> None:
            for lane in (ANA, *await store.linked_lanes(ANA)):
                for position, fact in await store.facts(lane, after=come_to.get(lane, 0)):
                    come_to[lane] = position
                    seen_facts.append(fact)

        waiting, mine, late = (
            recorded(refund("re_1"), WAITING),
            recorded(refund("re_2")),
            recorded(refund("re_3")),
        )
        await store.commit(batch_of_facts("batch_1", waiting))
        await store.commit(batch_of_facts("batch_2", mine))
        await read_on()
        assert seen_facts == [mine]
        await store.commit(Batch("batch_3", NOW, lanes=(step(WAITING, 1, linked_to=ANA),)))
        await read_on()
        assert seen_facts == [mine, waiting]
        await store.commit(batch_of_facts("batch_4", late, version=1))
        await read_on()
        assert seen_facts == [mine, waiting, late]

    @promise
    async def facts_can_be_read_as_they_were_known(self, store: Store) -> None:
        facts = [
            recorded(refund(f"re_{seconds}", order=later(-seconds)), at=later(seconds))
            for seconds in range(4)
        ]
        await store.commit(batch_of_facts("batch_1", *facts))
        assert [fact for _, fact in await store.facts(ANA, known_at=later(2))] == facts[:3]
        assert not await store.facts(ANA, known_at=later(-1))

    @promise
    async def facts_are_read_in_pages(self, store: Store) -> None:
        facts = [recorded(refund(f"re_{number}"), ANA if number % 3 else BEN) for number in range(20)]
        await store.commit(batch_of_facts("batch_1", *facts))
        found, after = [], 0
        for _ in facts:
            page = await store.facts(ANA, after=after, limit=4)
            assert len(page) <= 4
            found += [fact for _, fact in page]
            after = page[-1][0] if page else after
        assert found == [fact for fact in facts if fact.lane == ANA]

    @promise
    async def a_cluster_knows_the_facts_about_its_objects(self, store: Store) -> None:
        first, second = recorded(refund("re_1")), recorded(refund("re_2"), WAITING)
        apart = (reference("re_1", root="root_1"), reference("re_2", WAITING, root="root_2"))
        await store.commit(
            replace(batch_of_facts("batch_1", first, second, recorded(refund("re_3"))), references=apart)
        )
        assert list(await store.facts_about("root_1")) == [first]
        joined = tuple(replace(one, root="root_1") for one in apart)
        await store.commit(Batch("batch_2", NOW, references=joined))
        assert list(await store.facts_about("root_1")) == [first, second]
        assert not await store.facts_about("root_2")
