"""What a key holds once, it holds once within one batch too; and what one batch says twice."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import (
    ANA,
    BEN,
    NOW,
    case,
    cluster,
    command,
    delivery,
    effect,
    price,
    recorded,
    refund,
    step,
)
from purchase_core.errors import KeyConflict
from purchase_core.facts.rows import CaseRow
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Question, Store


class Keys(StorePromises):
    """Conflicts inside a batch, ids that are taken, and drops beside writes."""

    @promise
    async def a_batch_that_contradicts_itself_is_refused(self, store: Store) -> None:
        honest = replace(refund(), object="refund:acme:re_1@7#aa", order=NOW, digest="bb")
        forged = replace(refund(), object="refund:acme:re_1", order=Instant(7), digest=f"aa@{NOW}#bb")
        batch = Batch("batch_1", NOW, lanes=(step(),), rows=(case(),))
        contradictions = {
            "fact": replace(batch, facts=(recorded(honest), recorded(forged))),
            "price": replace(batch, prices=(price(), price(version="v2"))),
            "delivery": replace(
                batch, deliveries=(delivery(1), replace(delivery(2), event_id=delivery(1).event_id))
            ),
        }
        for kind, contradiction in contradictions.items():
            with pytest.raises(KeyConflict) as conflict:
                await store.commit(contradiction)
            assert conflict.value.kind == kind
        assert not await store.committed(batch.id)
        assert not await store.rows(CaseRow)
        assert (await store.lane(ANA)).version == 0

    @promise
    async def an_id_is_taken_once(self, store: Store) -> None:
        first = Batch("batch_1", NOW, command=command(), deliveries=(delivery(1),))
        await store.commit(first)
        with pytest.raises(KeyConflict) as conflict:
            await store.commit(Batch("batch_2", NOW, command=command("another key")))
        assert conflict.value.kind == "command"
        again = replace(delivery(1), event_id="evt_another")
        with pytest.raises(KeyConflict) as conflict:
            await store.commit(Batch("batch_3", NOW, deliveries=(again,)))
        assert conflict.value.kind == "delivery"
        assert await store.command("another key") is None
        assert await store.command_by_id(command().id) == command()
        assert await store.delivery_by_id(delivery(1).id) == delivery(1)
        assert await store.delivery("acme", "evt_another") is None

    @promise
    async def f03_an_event_that_is_refused_leaves_the_first_as_it_was(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, deliveries=(delivery(1),)))
        other = replace(delivery(2), event_id=delivery(1).event_id, body=b"forged", state="done")
        with pytest.raises(KeyConflict):
            await store.commit(Batch("batch_2", NOW, deliveries=(other,)))
        assert await store.delivery("acme", "evt_1") == delivery(1)

    @promise
    async def the_last_word_of_a_batch_counts_and_the_first_effect(self, store: Store) -> None:
        two = cluster(BEN, refund("re_1"))
        batch = Batch(
            "batch_1",
            NOW,
            clusters=(cluster(ANA, refund("re_1")), two),
            rows=(case(detail="first"), case(detail="second")),
            effects=(effect(), replace(effect(), about="other")),
        )
        await store.commit(batch)
        assert list(await store.rows(CaseRow)) == [case(detail="second")]
        view = await store.look(Question(whole_lanes=(ANA, BEN)))
        assert list(view.clusters.values()) == [two]
        assert list(await store.effects(ANA)) == [effect()]

    @promise
    async def what_a_batch_drops_and_writes_is_written(self, store: Store) -> None:
        held = cluster(ANA, refund())
        await store.commit(Batch("batch_1", NOW, rows=(case(),), clusters=(held,)))
        moved = replace(held, lane=BEN)
        # Others are only written, and sort before: one statement may write many, and must not run too early.
        before, first = case("a"), replace(moved, root="a")
        batch = Batch(
            "batch_2",
            NOW,
            rows=(before, case(lane=BEN)),
            dropped_rows=((CaseRow, case().key),),
            clusters=(first, moved),
            dropped_clusters=(held.root,),
        )
        await store.commit(batch)
        assert list(await store.rows(CaseRow)) == [before, case(lane=BEN)]
        view = await store.look(Question(whole_lanes=(ANA, BEN)))
        assert dict(view.clusters) == {first.root: first, held.root: moved}
