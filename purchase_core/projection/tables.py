"""Whole tables of one lane, page by page."""

from __future__ import annotations

from typing import TypeVar

from purchase_core.ports.store import PAGE_ROWS_MAX, Store, TableRow

R = TypeVar("R", bound=TableRow)


async def rows_of_lane(store: Store, table: type[R], lane: str) -> list[R]:
    """Every row of one table that belongs to a lane, by ascending key."""
    found: list[R] = []
    after = ""
    while True:
        page = await store.rows(table, lane=lane, after_key=after)
        found += page
        if len(page) < PAGE_ROWS_MAX:
            return found
        after = page[-1].key
