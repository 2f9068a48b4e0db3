"""What an adapter's author provides to have a store tested."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum

from purchase_contract_tests.contract import Contract
from purchase_core.ports.store import Store


class StoreCapability(StrEnum):
    """What stores differ in."""

    DURABLE = "durable"  # what was committed outlives the instance: `reopen` works after `aclose`
    SHARED = "shared"  # several instances may write one database at once: `reopen` works before `aclose`
    PREFIXED = "prefixed"  # one database holds the tables of several applications: `neighbour` works
    VERSIONED = "versioned"  # the tables carry a version: `age_tables` can make them newer than the code


class StorePromises(Contract[Store]):
    """The hooks that every file of promises relies on."""

    title = "StoreContract"

    def store(self) -> AbstractAsyncContextManager[Store]:
        """A store over an empty database of its own, closed and cleared away at the end."""
        raise NotImplementedError

    def reopen(self, store: Store) -> AbstractAsyncContextManager[Store]:
        """Another instance over the same database. Needed by `durable` and `shared`."""
        raise NotImplementedError

    def neighbour(self, store: Store) -> AbstractAsyncContextManager[Store]:
        """Another application's store in the same database, without tables yet. Needed by `prefixed`."""
        raise NotImplementedError

    async def age_tables(self, store: Store) -> None:
        """Mark the tables as written by a newer version of the code. Needed by `versioned`."""
        raise NotImplementedError

    @asynccontextmanager
    async def subject(self) -> AsyncIterator[Store]:
        """A store with its tables in place."""
        async with self.store() as store:
            await store.migrate()
            yield store
