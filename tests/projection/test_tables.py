"""One row of a lane, whatever its key, and nothing of the others."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from purchase_core.facts.rows import CaseRow
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.projection.tables import row_of_lane
from purchase_core.testing.memory_store import MemoryStore

LANE = "customer:ana"
CASE = CaseRow("k", LANE, "r", "mismatch", "about", "wrong", "cus_1", 70, "EUR", Instant(1), "open", "")
KEYS = (
    "a",
    "case:a",
    "case:a\x01",
    "case:a ",
    "case:aa",
    "case:b",
    "case:\ue000",
    "case:é",
    "case:\U0001f600",
)


@pytest.mark.parametrize("key", KEYS)
def test_a_row_is_found_by_its_key_among_its_neighbours(key: str) -> None:
    async def work() -> None:
        store = MemoryStore()
        rows = tuple(replace(CASE, key=one, amount=place) for place, one in enumerate(KEYS))
        await store.commit(Batch("batch_1", Instant(1), rows=rows))
        assert await row_of_lane(store, CaseRow, LANE, key) == rows[KEYS.index(key)]
        assert await row_of_lane(store, CaseRow, "customer:ben", key) is None

    asyncio.run(work())


@pytest.mark.parametrize("key", ["", "\x00", "case:a\x00", "case:\ud800", "\ue000", "case:c", "case", "\x01"])
def test_no_row_has_a_key_that_is_not_there_or_cannot_be(key: str) -> None:
    async def work() -> None:
        store = MemoryStore()
        await store.commit(Batch("batch_1", Instant(1), rows=tuple(replace(CASE, key=one) for one in KEYS)))
        assert await row_of_lane(store, CaseRow, LANE, key) is None

    asyncio.run(work())
