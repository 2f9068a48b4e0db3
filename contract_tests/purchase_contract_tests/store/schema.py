"""Migrations: forward, any number of times, by any number of processes."""

from __future__ import annotations

import asyncio

import pytest

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.store.base import StoreCapability, StorePromises
from purchase_contract_tests.store.picture import picture
from purchase_contract_tests.store.samples import batch_of_everything
from purchase_core.errors import SchemaError
from purchase_core.ports.store import Store


class Schema(StorePromises):
    """`schema` and `migrate`."""

    @promise
    async def migrating_brings_the_tables_up_to_date(self, store: Store) -> None:
        state = await store.migrate()
        assert state.current
        assert state.wanted >= 1
        assert await store.schema() == state

    @promise
    async def f88_migrating_again_changes_nothing(self, store: Store) -> None:
        await store.commit(batch_of_everything())
        before = await picture(store)
        states = await asyncio.gather(*(store.migrate() for _ in range(4)))
        assert {state.current for state in states} == {True}
        assert await picture(store) == before

    @requires(StoreCapability.VERSIONED)
    @promise
    async def f98_tables_of_newer_code_are_refused(self, store: Store) -> None:
        await store.commit(batch_of_everything())
        await self.age_tables(store)
        newer = await store.schema()
        assert newer.found > newer.wanted
        with pytest.raises(SchemaError):
            await store.migrate()
        assert await store.schema() == newer
