"""Everything that a lane holds: what a rebuild reads, and what it is held against."""

from __future__ import annotations

from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import (
    ANA,
    BEN,
    NOW,
    WAITING,
    batch_of_everything,
    batch_of_facts,
    case,
    cluster,
    delivery,
    effect,
    later,
    movement,
    offer,
    price,
    recorded,
    reference,
    refund,
    row_of_each_table,
    step,
)
from purchase_core.facts.cluster import StoredCluster, encode_cluster
from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.fold import canonical_hash
from purchase_core.ports.batch import Batch
from purchase_core.ports.operator_reads import RELATIONS, Holdings
from purchase_core.ports.store import Store
from purchase_core.records.lane import LaneStep

ELSEWHERE = "object:invoice:acme:in_8"
GHOST = "customer:ghost"
BEYOND = "p"  # behind the name of every lane


class LaneHoldings(StorePromises):
    """`lanes` and `holdings`."""

    @promise
    async def lanes_come_by_ascending_name_in_pages(self, store: Store) -> None:
        names = [f"customer:{number:02}" for number in range(9)] + [WAITING]
        for number, name in enumerate(reversed(names)):
            linked = names[0] if name == WAITING else ""
            stepped = LaneStep(name, 0, b"{}", linked, number)
            await store.commit(Batch(f"batch_{number}", NOW, lanes=(stepped,)))
        found: list[str] = []
        for _ in names:
            page = await store.lanes(after=found[-1] if found else "", limit=4)
            assert len(page) <= 4
            found += [one.lane for one in page]
        assert found == names
        last = (await store.lanes())[-1]
        assert (last.version, last.document, last.linked_to) == (1, b"{}", names[0])

    @promise
    async def f94_a_lane_says_which_fold_wrote_to_it(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, lanes=(LaneStep(ANA, 0, b"", "", 2), step(BEN))))
        await store.commit(Batch("batch_2", NOW, lanes=(LaneStep(ANA, 1, b"", "", 1),)))
        assert [one.reducer for one in await store.lanes()] == [1, 0]
        assert (await store.lane(ANA)).reducer == 1
        assert (await store.holdings(ANA, ANA)).lanes[ANA].reducer == 1

    @promise
    async def a_lane_holds_everything_of_it_and_of_those_linked_to_it(self, store: Store) -> None:
        mine, waiting, others = (
            recorded(refund()),
            recorded(refund("re_2"), WAITING),
            recorded(refund("re_3"), BEN),
        )
        rows, far = (
            row_of_each_table(),
            [replace(row, key=f"far_{row.key}") for row in row_of_each_table(BEN)],
        )
        own, theirs = cluster(ANA, refund(), refund("re_2")), cluster(BEN, refund("re_3"))
        await store.commit(
            Batch(
                "batch_1",
                NOW,
                lanes=(
                    step(ANA, 0, b"ana"),
                    step(BEN),
                    step(WAITING, 0, b"", ANA),
                    step(ELSEWHERE, 0, b"", BEN),
                ),
                facts=(mine, waiting, others),
                clusters=(own, theirs),
                rows=(*rows, *far),
                references=(reference(root=own.root), reference("re_3", BEN, theirs.root)),
            )
        )
        held = await store.holdings(ANA, ANA)
        assert sorted(held.lanes) == [ANA, WAITING]
        assert held.lanes[ANA].document == b"ana"
        assert _facts(held) == [mine, waiting]
        assert list(held.clusters) == [StoredCluster(own.root, ANA, encode_cluster(own).decode())]
        assert list(held.references) == [reference(root=own.root)]
        assert canonical_hash(held.rows) == canonical_hash(rows)
        both = await store.holdings(ANA, BEN)
        assert sorted(both.lanes) == [ANA, BEN, *sorted((WAITING, ELSEWHERE))]
        assert _facts(both) == _facts(await store.holdings(ANA, BEYOND)) == [mine, waiting, others]
        assert canonical_hash(both.rows) == canonical_hash([*rows, *far])

    @promise
    async def a_range_has_nothing_of_lanes_that_belong_outside_of_it(self, store: Store) -> None:
        facts = (recorded(refund()), recorded(refund("re_2"), WAITING))
        lanes = (step(), step(WAITING, 0, b"", ANA), step(ELSEWHERE))
        await store.commit(Batch("batch_1", NOW, lanes=lanes, facts=facts))
        held = await store.holdings(min(WAITING, ELSEWHERE), BEYOND)
        assert list(held.lanes) == [ELSEWHERE]
        assert list(held.facts) == []

    @promise
    async def what_lies_in_a_lane_that_is_not_there_is_held_by_none(self, store: Store) -> None:
        ghosts = tuple(replace(row, key=f"g_{row.key}") for row in row_of_each_table(GHOST))
        theirs = replace(cluster(GHOST, refund("re_9")), root="g")
        await store.commit(
            Batch(
                "batch_1",
                NOW,
                lanes=(step(ANA), step(BEN, 0, b"", GHOST)),
                clusters=(theirs,),
                rows=ghosts,
                references=(reference("re_9", GHOST),),
            )
        )
        held = await store.holdings(ANA, BEYOND)
        assert list(held.lanes) == [ANA]
        assert not any((held.facts, held.clusters, held.references, held.rows, held.movements))

    @promise
    async def facts_are_held_at_their_positions(self, store: Store) -> None:
        await store.commit(batch_of_facts("batch_1", recorded(refund()), recorded(refund("re_2"))))
        await store.commit(batch_of_facts("batch_2", recorded(refund("re_3"), at=later(1)), version=1))
        assert sorted(await store.facts(ANA)) == sorted((await store.holdings(ANA, ANA)).facts)

    @promise
    async def a_journal_is_held_with_its_lane(self, store: Store) -> None:
        mine, others = (movement("k1"), movement("k2", position=2)), movement("k3", BEN)
        lanes = (step(), step(BEN), step(WAITING, 0, b"", ANA))
        await store.commit(Batch("batch_1", NOW, lanes=lanes, movements=(*mine, others)))
        held = await store.holdings(ANA, ANA)
        assert sorted(held.movements, key=lambda one: one.position) == list(await store.movements(ANA))
        assert {one.key for one in held.movements} == {one.key for one in mine}
        both = await store.holdings(ANA, BEN)
        assert {one.key for one in both.movements} == {one.key for one in (*mine, others)}

    @promise
    async def what_names_something_that_is_not_there_is_told(self, store: Store) -> None:
        sound = batch_of_everything()
        facts = tuple(replace(one, cause=delivery().id) for one in sound.facts)
        await store.commit(replace(sound, facts=facts, prices=(price(version=offer().hash),)))
        assert [one.relation for one in await store.dangling(9)] == []
        ghost = GHOST
        rows = tuple(replace(row, key=f"g_{row.key}") for row in row_of_each_table(ghost))
        batch = Batch(
            "batch_2",
            NOW,
            lanes=(step(BEN, 0, b"", ghost), step(ELSEWHERE)),
            facts=(recorded(refund("re_9"), BEN, cause="delivery_ghost"),),
            clusters=(replace(cluster(ghost, refund("re_9")), root="g"),),
            rows=rows,
            references=(reference("re_9", ghost),),
            prices=(price("price_9", version="ghost"),),
            effects=(effect("g", lane=ghost),),
        )
        await store.commit(batch)
        found = await store.dangling(9)
        expected = {(f"{row.TABLE}.lane", row.key, ghost) for row in rows}
        expected |= {
            ("facts.cause", recorded(refund("re_9")).fact.key, "delivery_ghost"),
            ("clusters.lane", "g", ghost),
            ("references.lane", "refund:acme:re_9", ghost),
            ("lanes.linked_to", BEN, ghost),
            ("prices.version", "price_9", "ghost"),
            ("effects.lane", "g", ghost),
        }
        assert {(one.relation, one.key, one.names) for one in found} == expected
        assert {one.relation for one in found} == set(RELATIONS) - {"facts.lane"}
        more = tuple(case(f"case_{number}", ghost) for number in range(5))
        await store.commit(Batch("batch_3", NOW, rows=more))
        told = [one for one in await store.dangling(2) if one.relation == "cases.lane"]
        assert len(told) == 2

    @promise
    async def what_is_unknown_holds_nothing(self, store: Store) -> None:
        await store.commit(batch_of_facts("batch_1", recorded(refund())))
        for first, last in (("", ""), (BEN, BEN), (BEN, ANA)):
            held = await store.holdings(first, last)
            assert not any(
                (held.lanes, held.facts, held.clusters, held.references, held.rows, held.movements)
            )
        assert (await store.holdings("", WAITING)).lanes.keys() == {ANA}


def _facts(held: Holdings) -> list[RecordedFact]:
    return sorted((one for _, one in held.facts), key=lambda one: one.fact.key)
