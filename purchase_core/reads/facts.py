"""Every fact that is a customer's: those of the own lane, and those of the lanes linked to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from purchase_core.facts.fact import RecordedFact
from purchase_core.instants import Instant
from purchase_core.ports.store import PAGE_ROWS_MAX, Store


async def recorded_facts(
    store: Store, lane: str, *, known_at: Instant | None = None
) -> AsyncIterator[RecordedFact]:
    """Facts lane by lane, each in order of recording; the order of lanes means nothing to the fold."""
    for one in (lane, *await store.linked_lanes(lane)):
        after = 0
        while True:
            page = await store.facts(one, known_at=known_at, after=after)
            for _, recorded in page:
                yield recorded
            if len(page) < PAGE_ROWS_MAX:
                break
            after = page[-1][0]
