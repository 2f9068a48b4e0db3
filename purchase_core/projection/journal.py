"""The whole journal of a lane."""

from __future__ import annotations

from purchase_core.ports.store import Store
from purchase_core.records.lane import customer_of
from purchase_core.records.movement import Movement


async def journal_of(store: Store, lane: str) -> list[Movement]:
    """Every movement of a lane, in order. What nobody owns has none."""
    found: list[Movement] = []
    after = 0
    while customer_of(lane) and (page := await store.movements(lane, after=after)):
        found += page
        after = page[-1].position
    return found
