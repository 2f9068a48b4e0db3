"""References: what a provider's identifiers mean to us."""

from __future__ import annotations

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import ANA, BEN, NOW, WAITING, reference
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Question, Store


class References(StorePromises):
    """`Batch.references` and `references_of`."""

    @promise
    async def a_reference_can_move_with_its_cluster(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, references=(reference(lane=WAITING, root="root_1"),)))
        moved = reference(lane=ANA, root="root_2")
        await store.commit(Batch("batch_2", NOW, references=(moved,)))
        view = await store.look(Question(objects=(moved.object,)))
        assert dict(view.references) == {moved.object: moved}
        assert not await store.references_of(WAITING, "refund")
        assert list(await store.references_of(ANA, "refund")) == [moved]

    @promise
    async def references_of_a_lane_are_found_by_kind(self, store: Store) -> None:
        mine = [reference(f"cus_{number}", ANA, "", "customer") for number in (2, 1, 3)]
        others = (
            reference("cus_4", BEN, "", "customer"),
            reference("cs_1", ANA, "", "session"),
            reference("x", ANA, "", "customers"),
            reference("y", ANA, "", "custome_"),
        )
        await store.commit(Batch("batch_1", NOW, references=(*mine, *others)))
        found = await store.references_of(ANA, "customer")
        assert list(found) == sorted(mine, key=lambda one: one.object)
        assert list(await store.references_of(ANA, "custome_")) == [others[3]]
