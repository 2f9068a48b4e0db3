"""The Postgres store keeps every promise of stores, with several instances over one database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from typing import ClassVar

import attrs
import psycopg
import pytest

from purchase_contract_tests.store import StoreCapability, StoreContract
from purchase_core.ports.store import Store
from purchase_core.secret import Secret
from purchase_postgres.config import PostgresConfig
from purchase_postgres.store import PostgresStore


@asynccontextmanager
async def opened(config: PostgresConfig) -> AsyncIterator[PostgresStore]:
    async with await PostgresStore.open(config) as store:
        yield store


@pytest.mark.usefixtures("schemas")
class TestPostgresStore(StoreContract):
    """A schema of its own for every promise."""

    capabilities = frozenset(StoreCapability)
    schema: Callable[[], AbstractContextManager[str]]
    prepared_statements: ClassVar[bool] = True

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        with self.schema() as address:
            config = PostgresConfig(Secret(address), prepared_statements=self.prepared_statements)
            async with opened(config) as store:
                yield store

    def reopen(self, store: Store) -> AbstractAsyncContextManager[Store]:
        assert isinstance(store, PostgresStore)
        return opened(store.config)

    def neighbour(self, store: Store) -> AbstractAsyncContextManager[Store]:
        assert isinstance(store, PostgresStore)
        return opened(attrs.evolve(store.config, prefix="other_"))

    async def age_tables(self, store: Store) -> None:
        assert isinstance(store, PostgresStore)
        with psycopg.connect(store.config.url.reveal()) as other:
            other.execute("INSERT INTO schema_version (version, migrated_at) VALUES (999, 0)")


class TestPostgresStoreUnprepared(TestPostgresStore):
    """As behind a pooler that knows of no prepared statements."""

    shown = False
    prepared_statements = False
