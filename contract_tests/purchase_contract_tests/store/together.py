"""Several batches as one: in order, each on what those before it wrote, all of them or nothing."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.picture import picture
from purchase_contract_tests.store.samples import (
    ANA,
    BEN,
    NOW,
    batch_of_everything,
    case,
    cluster,
    command,
    delivery,
    effect,
    recorded,
    reference,
    refund,
    step,
)
from purchase_core.errors import InvalidArgument, LaneConflict
from purchase_core.facts.rows import CaseRow
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store


class Together(StorePromises):
    """`commit_all`."""

    @promise
    async def batches_are_written_in_order(self, store: Store) -> None:
        first = Batch(
            "batch_1",
            NOW,
            lanes=(step(ANA, 0, b"1"),),
            facts=(recorded(refund("re_9")),),
            clusters=(cluster(ANA, refund("re_1")),),
            rows=(case("case_1"), case("case_2", detail="before")),
            references=(reference(root="before"),),
            command=command("key_1", "id_1"),
            effects=(effect("one"),),
        )
        second = Batch(
            "batch_2",
            NOW,
            lanes=(step(ANA, 1, b"2"), step(BEN)),
            facts=(recorded(refund("re_1")),),
            dropped_clusters=(first.clusters[0].root,),
            rows=(case("case_2", detail="after"),),
            dropped_rows=((CaseRow, "case_1"),),
            references=(reference(root="after"),),
            command=command("key_2", "id_2"),
            effects=(effect("two", version=2),),
        )
        third = Batch("batch_3", NOW, lanes=(step(ANA, 2, b"3"),), rows=(case("case_1", detail="again"),))
        await store.commit_all([first, second, third])
        lane = await store.lane(ANA)
        assert (lane.version, lane.document) == (3, b"3")
        assert [fact for _, fact in await store.facts(ANA)] == [*first.facts, *second.facts]
        assert [row.detail for row in await store.rows(CaseRow)] == ["again", "after"]
        assert list(await store.references_of(ANA, "refund")) == list(second.references)
        assert [await store.command(one) for one in ("key_1", "key_2")] == [first.command, second.command]
        assert list(await store.effects(ANA)) == [*first.effects, *second.effects]
        assert [await store.committed(one.id) for one in (first, second, third)] == [True] * 3

    @promise
    async def f09_one_refused_batch_refuses_all(self, store: Store) -> None:
        await store.commit(batch_of_everything())
        before = await picture(store)
        good = Batch("batch_2", NOW, lanes=(step(ANA, 1),), rows=(case("case_2"),))
        for bad in (
            Batch("batch_3", NOW, lanes=(step(ANA, 1),)),
            Batch("batch_3", NOW, lanes=(step(ANA, 2),), deliveries=(delivery(),)),
            Batch("batch_3", NOW, lanes=(step(ANA, 2),), command=command(identifier="other")),
        ):
            with pytest.raises(LaneConflict):
                await store.commit_all([good, bad])
            assert await picture(store) == before
        with pytest.raises(InvalidArgument):
            await store.commit_all([good, Batch("batch_3", NOW, facts=(recorded(refund("re_9")),))])
        assert await picture(store) == before
        assert not await store.committed("batch_2")
        await store.commit_all([good, Batch("batch_3", NOW, lanes=(step(ANA, 2),))])
        assert (await store.lane(ANA)).version == 3

    @promise
    async def f81_all_of_them_sent_again_count_once(self, store: Store) -> None:
        batches = [Batch(f"batch_{number}", NOW, lanes=(step(ANA, number),)) for number in range(3)]
        await store.commit_all(batches)
        await store.commit_all(batches)
        await store.commit_all([])
        assert (await store.lane(ANA)).version == 3
        another = replace(batches[0], id="batch_9", lanes=(step(ANA, 3),))
        with pytest.raises(LaneConflict):
            await store.commit_all([batches[0], another])
        assert not await store.committed("batch_9")
