"""One decision, one batch: all of it or nothing, and once."""

from __future__ import annotations

import attrs
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
    command,
    delivery,
    later,
    offer,
    price,
    refund,
    row_of_each_table,
    step,
)
from purchase_core.errors import KeyConflict, LaneConflict, LeaseLost, StoreError, StoreUnavailable
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.records.delivery import DONE, Settlement


class Batches(StorePromises):
    """`commit` and `committed`."""

    @promise
    async def a_batch_writes_all_that_it_names(self, store: Store) -> None:
        batch = batch_of_everything()
        await store.commit(batch)
        seen = await picture(store)
        assert seen.view.lanes[ANA].version == 1
        assert seen.facts[0] == batch.facts[0]
        assert list(seen.view.clusters.values()) == list(batch.clusters)
        written = (*batch.rows, *batch.ledger)
        assert sorted(seen.rows, key=lambda row: row.TABLE) == sorted(written, key=lambda row: row.TABLE)
        assert seen.movements == batch.movements
        assert tuple(seen.view.references.values()) == batch.references
        assert seen.price == batch.prices[0]
        assert seen.offers == {offer().hash: offer()}
        assert seen.command == batch.command
        assert seen.deliveries == batch.deliveries
        assert seen.effects == batch.effects

    @promise
    async def f09_a_refused_batch_writes_nothing(self, store: Store) -> None:
        await store.commit(replace(batch_of_everything(), lanes=(step(),)))
        before = await picture(store)
        everything_new = Batch(
            "batch_2",
            later(1),
            lanes=(step(ANA, 1, b"moved"), step(BEN)),
            facts=(replace(batch_of_everything().facts[0], fact=refund("re_2")),),
            rows=(case("case_2"), replace(row_of_each_table()[0], lane=BEN)),
            dropped_rows=tuple((type(row), row.key) for row in row_of_each_table()[1:]),
            references=tuple(replace(one, lane=BEN) for one in batch_of_everything().references),
            prices=(replace(price(), ended_at=NOW), price("price_2")),
            command=attrs.evolve(command(), state="sending"),
            deliveries=(delivery(2),),
            effects=tuple(replace(one, key="other") for one in batch_of_everything().effects),
        )
        refusals: tuple[tuple[type[StoreError], Batch], ...] = (
            (
                LaneConflict,
                replace(everything_new, lanes=(step(ANA, 1, b"moved"), step(BEN, 7))),
            ),
            (
                KeyConflict,
                replace(everything_new, prices=(price("price_2"), price(version="v2"))),
            ),
            (KeyConflict, replace(everything_new, command=command(identifier="command_2"))),
            (KeyConflict, replace(everything_new, deliveries=(delivery(2), delivery(1)))),
            (
                LeaseLost,
                replace(everything_new, settlements=(Settlement("delivery_000001", 9, DONE, "", 1, NOW),)),
            ),
        )
        for error, batch in refusals:
            with pytest.raises(error):
                await store.commit(batch)
            assert await picture(store) == before

    @promise
    async def f81_a_batch_sent_again_changes_nothing(self, store: Store) -> None:
        await store.commit(batch_of_everything())
        await store.commit(
            Batch("batch_2", NOW, lanes=(step(ANA, 1, b"further"),), dropped_rows=((type(case()), "c"),))
        )
        before = await picture(store)
        await store.commit(batch_of_everything())
        assert await picture(store) == before

    @promise
    async def a_batch_is_known_by_its_id_once_it_is_written(self, store: Store) -> None:
        assert not await store.committed("batch_1")
        await store.commit(Batch("batch_1", NOW))
        assert await store.committed("batch_1")
        with pytest.raises(LaneConflict):
            await store.commit(Batch("batch_2", NOW, lanes=(step(version=3),)))
        assert not await store.committed("batch_2")

    @promise
    async def a_refused_batch_can_be_decided_again_under_its_id(self, store: Store) -> None:
        with pytest.raises(LaneConflict):
            await store.commit(Batch("batch_1", NOW, lanes=(step(version=3),)))
        await store.commit(Batch("batch_1", NOW, lanes=(step(version=0),)))
        assert (await store.lane(ANA)).version == 1
        assert await store.committed("batch_1")

    @promise
    async def a_closed_store_refuses_to_write(self, store: Store) -> None:
        await store.aclose()
        with pytest.raises(StoreUnavailable):
            await store.commit(Batch("batch_1", NOW))
