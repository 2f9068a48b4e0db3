"""The reference store keeps every promise, as one of several instances over one database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from purchase_contract_tests.store import StoreCapability, StoreContract
from purchase_core.ports.store import Store
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore


class TestMemoryStore(StoreContract):
    """The database outlives its instances, as a file would."""

    capabilities = frozenset(StoreCapability)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        async with MemoryStore(MemoryDatabase()) as store:
            yield store

    def reopen(self, store: Store) -> AbstractAsyncContextManager[Store]:
        assert isinstance(store, MemoryStore)
        return MemoryStore(store.database)

    def neighbour(self, store: Store) -> AbstractAsyncContextManager[Store]:
        return MemoryStore(MemoryDatabase())

    async def age_tables(self, store: Store) -> None:
        assert isinstance(store, MemoryStore)
        store.database.schema_version += 1
