"""The SQLite store keeps every promise of stores, with several instances over one file."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from purchase_contract_tests.store import StoreCapability, StoreContract
from purchase_core.ports.store import Store
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore


@asynccontextmanager
async def opened(path: Path, prefix: str = "") -> AsyncIterator[SqliteStore]:
    async with await SqliteStore.open(SqliteConfig(str(path), prefix, several_writers=True)) as store:
        yield store


class TestSqliteStore(StoreContract):
    """A file of its own for every promise."""

    capabilities = frozenset(StoreCapability)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        with TemporaryDirectory() as folder:
            async with opened(Path(folder) / "purchase.db") as store:
                yield store

    def reopen(self, store: Store) -> AbstractAsyncContextManager[Store]:
        assert isinstance(store, SqliteStore)
        return opened(store.path)

    def neighbour(self, store: Store) -> AbstractAsyncContextManager[Store]:
        assert isinstance(store, SqliteStore)
        return opened(store.path, prefix="other_")

    async def age_tables(self, store: Store) -> None:
        assert isinstance(store, SqliteStore)
        with sqlite3.connect(store.path) as other:
            other.execute("INSERT INTO schema_version (version, migrated_at) VALUES (999, 0)")
        other.close()
