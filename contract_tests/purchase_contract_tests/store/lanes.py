"""The lane: a version that guards every decision about one customer or one unowned object."""

from __future__ import annotations

import pytest

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import ANA, BEN, NOW, WAITING, step
from purchase_core.errors import LaneConflict
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.records.lane import Lane


class Lanes(StorePromises):
    """`Batch.lanes` and `lane`."""

    @promise
    async def a_lane_that_was_never_written_is_at_zero(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, lanes=(step(BEN),)))
        assert await store.lane(ANA) == Lane(ANA, 0, b"", "")

    @promise
    async def a_lane_moves_one_on_and_takes_what_the_step_says(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, lanes=(step(WAITING, 0, b"first"),)))
        assert await store.lane(WAITING) == Lane(WAITING, 1, b"first", "")
        await store.commit(Batch("batch_2", NOW, lanes=(step(WAITING, 1, b"second", ANA),)))
        assert await store.lane(WAITING) == Lane(WAITING, 2, b"second", ANA)
        await store.commit(Batch("batch_3", NOW, lanes=(step(WAITING, 2, b"", ANA),)))
        assert await store.lane(WAITING) == Lane(WAITING, 3, b"", ANA)

    @promise
    async def f99_a_decision_on_another_version_is_refused(self, store: Store) -> None:
        for version in range(2):
            await store.commit(Batch(f"batch_{version}", NOW, lanes=(step(ANA, version, b"kept"),)))
        for number, stale in enumerate((0, 1, 3)):
            with pytest.raises(LaneConflict):
                await store.commit(Batch(f"stale_{number}", NOW, lanes=(step(ANA, stale, b"lost"),)))
        with pytest.raises(LaneConflict):
            await store.commit(Batch("absent", NOW, lanes=(step(BEN, 1),)))
        assert await store.lane(ANA) == Lane(ANA, 2, b"kept")
        assert (await store.lane(BEN)).version == 0

    @promise
    async def every_lane_of_a_batch_is_a_guard(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, lanes=(step(ANA), step(BEN))))
        for number, versions in enumerate(((1, 0), (0, 1))):
            lanes = (step(ANA, versions[0], b"lost"), step(BEN, versions[1], b"lost"))
            with pytest.raises(LaneConflict):
                await store.commit(Batch(f"stale_{number}", NOW, lanes=lanes))
        assert await store.lane(ANA) == Lane(ANA, 1, b"{}")
        assert await store.lane(BEN) == Lane(BEN, 1, b"{}")

    @promise
    async def t10_a_batch_leaves_other_lanes_alone(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, lanes=(step(ANA), step(BEN, 0, b"ben"))))
        await store.commit(Batch("batch_2", NOW, lanes=(step(ANA, 1, b"ana"),)))
        assert await store.lane(BEN) == Lane(BEN, 1, b"ben")
