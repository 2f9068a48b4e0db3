"""The Postgres store keeps every promise of stores, with several instances over one database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)

import attrs
import psycopg
import pytest
from hypothesis import settings

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
    history_settings = settings(StoreContract.history_settings, max_examples=15)  # on each major
    schema: Callable[[], AbstractContextManager[str]]

    @contextmanager
    def config(self) -> Iterator[PostgresConfig]:
        with self.schema() as address:
            yield PostgresConfig(Secret(address))

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        with self.config() as config:
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
        table = f"{store.config.schema}.schema_version".lstrip(".")
        with psycopg.connect(store.config.url.reveal()) as other:
            other.execute(f"INSERT INTO {table} (version, migrated_at) VALUES (999, 0)")  # noqa: S608  # our own


@pytest.mark.usefixtures("pooled_schemas")
class TestPostgresStorePooled(TestPostgresStore):
    """F83: behind a pgbouncer that shares connections between transactions, and knows of no prepared ones."""

    shown = False
    history_settings = settings(StoreContract.history_settings, max_examples=8)
    pooler: str

    @contextmanager
    def config(self) -> Iterator[PostgresConfig]:
        with self.schema() as name:
            yield PostgresConfig(Secret(self.pooler), schema=name, prepared_statements=False)
