"""Several instances over one database, as processes are: they start at once, stop unasked, share the work."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from msgspec.structs import replace

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.store.base import StoreCapability, StorePromises
from purchase_contract_tests.store.concurrency import MANY, outcome
from purchase_contract_tests.store.inbox import LEASE_SECONDS, claim, settle
from purchase_contract_tests.store.picture import picture
from purchase_contract_tests.store.samples import ANA, NOW, batch_of_everything, delivery, later, step
from purchase_core.errors import LeaseLost
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store


class Processes(StorePromises):
    """What holds between instances that know nothing of each other."""

    @requires(StoreCapability.SHARED)
    @promise
    async def f88_instances_that_start_at_once_find_their_tables(self, store: Store) -> None:
        async with self.store() as first, self.reopen(first) as second, self.reopen(first) as third:
            assert not (await first.schema()).found
            instances = (first, second, third)
            states = await asyncio.gather(*(one.migrate() for one in instances))
            assert [state.current for state in states] == [True] * 3
            for version, one in enumerate(instances):
                await one.commit(Batch(f"batch_{version}", NOW, lanes=(step(ANA, version),)))
            assert (await first.lane(ANA)).version == 3

    @requires(StoreCapability.SHARED, StoreCapability.DURABLE)
    @promise
    async def f01_an_instance_that_is_never_closed_has_lost_nothing(self, store: Store) -> None:
        """It stopped answering: what it acknowledged is there, and what it holds is taken over."""
        await store.commit(batch_of_everything())
        before = await picture(store)
        (held,) = await claim(store)
        async with self.reopen(store) as other:
            seen = await picture(other)
            assert seen.view == before.view
            assert (seen.facts, seen.rows, seen.effects) == (before.facts, before.rows, before.effects)
            (taken,) = await claim(other, later(LEASE_SECONDS + 1))
            with pytest.raises(LeaseLost):
                await settle(store, held)
            await settle(other, taken)

    @requires(StoreCapability.SHARED)
    @promise
    async def f99_instances_that_decide_on_one_version_exclude_each_other(self, store: Store) -> None:
        async with self.reopen(store) as other:
            for version in range(MANY):
                both = (
                    Batch(f"batch_{version}_{name.decode()}", NOW, lanes=(step(ANA, version, name),))
                    for name in (b"one", b"other")
                )
                outcomes = await asyncio.gather(*map(outcome, (store, other), both))
                assert Counter(outcomes) == {"committed": 1, "LaneConflict": 1}
                winner = (b"one", b"other")[outcomes.index("committed")]
                assert (await store.lane(ANA)).document == winner
                assert (await other.lane(ANA)).version == version + 1

    @requires(StoreCapability.SHARED)
    @promise
    async def f03_instances_keep_an_event_once_between_them(self, store: Store) -> None:
        rows = [replace(delivery(number), event_id="evt_1") for number in range(MANY)]
        async with self.reopen(store) as other:
            outcomes = await asyncio.gather(
                *(
                    outcome((store, other)[number % 2], Batch(f"batch_{number}", NOW, deliveries=(row,)))
                    for number, row in enumerate(rows)
                )
            )
            assert Counter(outcomes) == {"committed": 1, "KeyConflict": MANY - 1}
            kept = rows[outcomes.index("committed")]
            assert await store.delivery("acme", "evt_1") == kept
            assert await other.delivery("acme", "evt_1") == kept
            assert len(await other.deliveries()) == 1
