"""The D1 store keeps every promise of stores: on the real engine, and on a fake that loses replies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar

import attrs
import pytest
from hypothesis import HealthCheck, settings

from purchase_contract_tests.store import StoreCapability, StoreContract
from purchase_core.ports.store import Store
from purchase_d1.config import D1Config
from purchase_d1.running import Pace
from purchase_d1.store import D1Store
from purchase_d1.testing import FakeD1, FakeTransport
from purchase_d1.transport import Answer
from purchase_sql.wire import Sent


class OpenedD1Store(D1Store):
    """Remembers how it was opened."""

    config: D1Config


@asynccontextmanager
async def opened(config: D1Config) -> AsyncIterator[D1Store]:
    async with await OpenedD1Store.open(config) as store:
        assert isinstance(store, OpenedD1Store)
        store.config = config
        yield store


@pytest.mark.usefixtures("tables")
class TestD1Store(StoreContract):
    """Over HTTP and the proxy Worker; tables of its own for every promise."""

    capabilities = frozenset(StoreCapability)
    history_settings = settings(
        max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
    )
    tables: Callable[[], AbstractAsyncContextManager[D1Config]]

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        async with self.tables() as config, opened(config) as store:
            yield store

    def reopen(self, store: Store) -> AbstractAsyncContextManager[Store]:
        assert isinstance(store, OpenedD1Store)
        return opened(store.config)

    def neighbour(self, store: Store) -> AbstractAsyncContextManager[Store]:
        assert isinstance(store, OpenedD1Store)
        return opened(attrs.evolve(store.config, prefix=f"{store.config.prefix}other_"))

    async def age_tables(self, store: Store) -> None:
        assert isinstance(store, OpenedD1Store)
        newer = f'INSERT INTO "{store.config.prefix}schema_version" (version, migrated_at) VALUES (999, 0)'  # noqa: S608
        await store.transport.batch([(newer, ())])


async def at_once(_: float) -> None:
    """Wait for nothing."""


class Losing(FakeTransport):
    """Loses no claim: nobody would know of its rows until their lease ends, and promises do not wait."""

    async def batch(self, statements: Sequence[Sent]) -> Answer:
        lost = self.lost
        self.lost = 0.0 if statements[0][0].startswith("UPDATE") else lost
        sending = super().batch(statements)
        try:
            return await sending
        finally:
            self.lost = lost


class TestFakeD1Store(StoreContract):
    """SQLite behind D1's façade."""

    shown = False
    capabilities = frozenset(StoreCapability)
    history_settings = settings(StoreContract.history_settings, max_examples=10)
    lost: ClassVar[float] = 0.0

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        database = FakeD1()
        try:
            async with self.opened(database) as store:
                yield store
        finally:
            database.close()

    @asynccontextmanager
    async def opened(self, database: FakeD1, prefix: str = "") -> AsyncIterator[Store]:
        transport = Losing(database, lost=self.lost, seed=7)
        async with D1Store(transport, prefix=prefix, pace=Pace(50, 0.001, at_once)) as store:
            yield store

    def reopen(self, store: Store) -> AbstractAsyncContextManager[Store]:
        return self.opened(_transport(store).database)

    def neighbour(self, store: Store) -> AbstractAsyncContextManager[Store]:
        return self.opened(_transport(store).database, "other_")

    async def age_tables(self, store: Store) -> None:
        newer = "INSERT INTO schema_version (version, migrated_at) VALUES (999, 0)"
        _transport(store).database.batch([(newer, ())])


class TestFakeD1StoreLosing(TestFakeD1Store):
    """Every third request, and every third reply, gets lost on its way."""

    lost = 0.3


def _transport(store: Store) -> FakeTransport:
    assert isinstance(store, D1Store)
    assert isinstance(store.transport, FakeTransport)
    return store.transport
