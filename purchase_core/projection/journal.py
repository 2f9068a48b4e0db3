"""The whole journal of a lane."""

from __future__ import annotations

from purchase_core.ports.store import PAGE_ROWS_MAX, Store
from purchase_core.records.lane import customer_of
from purchase_core.records.movement import Movement


async def journal_of(store: Store, lane: str) -> list[Movement]:
    """Every movement of a lane, in order. What nobody owns has none."""
    found: list[Movement] = []
    after, more = 0, bool(customer_of(lane))
    while more:
        page = await store.movements(lane, after=after)
        found += page
        more = len(page) >= PAGE_ROWS_MAX
        after = page[-1].position if page else after
    return found
