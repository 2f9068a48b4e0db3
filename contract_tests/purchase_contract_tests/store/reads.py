"""What a decision reads: one question, one view."""

from __future__ import annotations

from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import (
    ANA,
    BEN,
    NOW,
    WAITING,
    cluster,
    price,
    reference,
    refund,
    step,
)
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Question, Store
from purchase_core.records.lane import Lane


class Reads(StorePromises):
    """`look`."""

    @promise
    async def a_view_holds_what_was_asked_and_what_that_points_to(self, store: Store) -> None:
        # re_1 lies in a lane that is linked to Ana's; nobody asks for either lane.
        mine, bens = (
            replace(cluster(ANA, refund()), root="root_1"),
            cluster(BEN, refund("re_2")),
        )
        batch = Batch(
            "batch_1",
            NOW,
            lanes=(step(ANA, 0, b"ana"), step(BEN), step(WAITING, 0, b"", ANA)),
            clusters=(mine, bens),
            references=(reference("re_1", WAITING, "root_1"), reference("re_2", BEN, bens.root)),
            prices=(price(), price("price_2")),
        )
        await store.commit(batch)
        view = await store.look(Question(objects=("refund:acme:re_1",), prices=(("acme", "price_1"),)))
        assert dict(view.references) == {"refund:acme:re_1": batch.references[0]}
        assert dict(view.lanes) == {WAITING: Lane(WAITING, 1, b"", ANA), ANA: Lane(ANA, 1, b"ana")}
        assert dict(view.clusters) == {"root_1": mine}
        assert dict(view.prices) == {("acme", "price_1"): price()}

    @promise
    async def what_is_unknown_is_absent_from_a_view(self, store: Store) -> None:
        await store.commit(
            Batch("batch_1", NOW, lanes=(step(BEN),), references=(reference("re_1", ANA, "root_9"),))
        )
        question = Question(
            ("refund:acme:re_1", "refund:acme:re_2"), (("acme", "price_1"),), (ANA, BEN), (ANA,)
        )
        view = await store.look(question)
        assert list(view.references) == ["refund:acme:re_1"]
        assert dict(view.lanes) == {BEN: Lane(BEN, 1, b"{}")}
        assert (dict(view.clusters), dict(view.prices)) == ({}, {})
        empty = await store.look(Question())
        assert not any((empty.references, empty.prices, empty.lanes, empty.clusters))

    @promise
    async def a_whole_lane_brings_every_cluster(self, store: Store) -> None:
        mine = [replace(cluster(ANA, refund(f"re_{number}")), root=f"root_{number}") for number in range(5)]
        other = replace(cluster(BEN, refund("re_9")), root="root_9")
        await store.commit(Batch("batch_1", NOW, lanes=(step(ANA),), clusters=(*mine, other)))
        view = await store.look(Question(lanes=(ANA,), whole_lanes=(ANA,)))
        assert dict(view.clusters) == {one.root: one for one in mine}
