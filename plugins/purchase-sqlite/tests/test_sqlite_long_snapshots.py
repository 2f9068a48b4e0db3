"""Several long reads from one snapshot: who is cancelled, what is written meanwhile, and the end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Event

import pytest

from purchase_core.errors import StoreUnavailable
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.records.lane import LaneStep
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore

ANA = "customer:ana"


def test_who_is_cancelled_while_a_snapshot_is_read_leaves_it_to_the_next(tmp_path: Path) -> None:
    async def work() -> None:
        begun, go_on = asyncio.Event(), Event()
        loop = asyncio.get_running_loop()

        def held_up(text: str, values: object) -> None:
            if "UNION ALL" in text and not go_on.is_set():
                loop.call_soon_threadsafe(begun.set)
                go_on.wait(timeout=60)

        path = str(tmp_path / "purchase.db")
        async with await SqliteStore.open(SqliteConfig(path), recorder=held_up) as store:
            go_on.set()
            await store.migrate()
            await store.commit(Batch("b1", Instant(1), lanes=(LaneStep(ANA, 0, b""),)))
            go_on.clear()
            first = asyncio.create_task(store.holdings(ANA, ANA))
            await begun.wait()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            second = asyncio.create_task(store.holdings(ANA, ANA))
            await store.commit(Batch("b2", Instant(2), lanes=(LaneStep(ANA, 1, b""),)))
            go_on.set()
            # In a snapshot of its own, and not in that of the first, which began before.
            assert (await second).lanes[ANA].version == 2

    asyncio.run(work())


def test_after_the_end_no_snapshot_is_read(tmp_path: Path) -> None:
    async def work() -> None:
        store = await SqliteStore.open(SqliteConfig(str(tmp_path / "purchase.db")))
        await store.migrate()
        assert (await store.holdings(ANA, ANA)).lanes == {}
        await store.aclose()
        await store.aclose()
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            await store.holdings(ANA, ANA)

    asyncio.run(work())
