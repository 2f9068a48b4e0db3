"""What was acknowledged outlives the process."""

from __future__ import annotations

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.store.base import StoreCapability, StorePromises
from purchase_contract_tests.store.inbox import LEASE_SECONDS, claim, settle
from purchase_contract_tests.store.picture import picture
from purchase_contract_tests.store.samples import (
    ANA,
    batch_of_everything,
    batch_of_facts,
    later,
    recorded,
    refund,
)
from purchase_core.ports.store import Store


class Restart(StorePromises):
    """The store is closed, and opened again."""

    @requires(StoreCapability.DURABLE)
    @promise
    async def f01_what_was_committed_is_there_after_a_restart(self, store: Store) -> None:
        await store.commit(batch_of_everything())
        before = await picture(store)
        await store.aclose()
        async with self.reopen(store) as again:
            assert (await again.schema()).current
            assert await picture(again) == before

    @requires(StoreCapability.DURABLE)
    @promise
    async def f81_a_batch_is_remembered_over_a_restart(self, store: Store) -> None:
        await store.commit(batch_of_everything())
        await store.aclose()
        async with self.reopen(store) as again:
            assert await again.committed("batch_1")
            await again.commit(batch_of_everything())
            assert (await again.lane(ANA)).version == 1

    @requires(StoreCapability.DURABLE)
    @promise
    async def f92_a_claim_outlives_its_process(self, store: Store) -> None:
        await store.commit(batch_of_everything())
        (row,) = await claim(store)
        await store.aclose()
        async with self.reopen(store) as again:
            assert not await claim(again, later(LEASE_SECONDS - 1))
            await settle(again, row)
            assert not await claim(again, later(LEASE_SECONDS + 1))

    @requires(StoreCapability.DURABLE)
    @promise
    async def positions_go_on_after_a_restart(self, store: Store) -> None:
        await store.commit(batch_of_facts("batch_1", recorded(refund("re_2"))))
        (before,) = await store.facts(ANA)
        await store.aclose()
        async with self.reopen(store) as again:
            await again.commit(batch_of_facts("batch_2", recorded(refund("re_1")), version=1))
            (after,) = await again.facts(ANA, after=before[0])
            assert after[1] == recorded(refund("re_1"))
