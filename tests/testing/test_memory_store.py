"""The reference store. What it promises as a store is tested by the contract; here is what is its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from purchase_core.errors import StoreUnavailable
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.records.lane import LaneStep
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore

WRITTEN = Batch("batch_1", Instant(1), lanes=(LaneStep("customer:ana", 0, b"{}"),))


def test_a_store_of_its_own_is_ready_at_once() -> None:
    async def run() -> None:
        store = MemoryStore()
        assert (await store.schema()).current
        await store.commit(WRITTEN)
        assert (await MemoryStore().lane("customer:ana")).version == 0

    asyncio.run(run())


def test_a_database_outlives_its_stores() -> None:
    async def run() -> None:
        database = MemoryDatabase()
        async with MemoryStore(database) as store:
            assert (await store.schema()).found == 0
            await store.migrate()
            await store.commit(WRITTEN)
        with pytest.raises(StoreUnavailable) as refused:
            await store.commit(WRITTEN)
        assert not refused.value.outcome_unknown
        async with MemoryStore(database) as again:
            assert (await again.lane("customer:ana")).version == 1

    asyncio.run(run())


def test_the_doubles_import_no_test_framework() -> None:
    code = (
        "import sys, purchase_core.testing.memory_store, purchase_core.testing.clocks\n"
        "print([name for name in ('pytest', 'hypothesis', 'sqlite3') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # our own code
    assert found.stdout.strip() == "[]"
