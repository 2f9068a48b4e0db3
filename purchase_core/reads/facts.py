"""Every fact and movement that is a customer's: of the own lane, and of the lanes linked to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from purchase_core.facts.cluster import Cluster
from purchase_core.facts.derive import versions_named
from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.fold import fold, rows_of
from purchase_core.facts.rows import Row
from purchase_core.instants import Instant
from purchase_core.ports.paging import every_fact, every_movement
from purchase_core.ports.store import Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.records.movement import Movement


async def recorded_facts(
    store: Store, lane: str, *, known_at: Instant | None = None
) -> AsyncIterator[RecordedFact]:
    """Facts lane by lane, each in order of recording; the order of lanes means nothing to the fold."""
    for one in (lane, *await store.linked_lanes(lane)):
        async for _, recorded in every_fact(store, one, known_at=known_at):
            yield recorded


async def recorded_movements(store: Store, lane: str) -> AsyncIterator[Movement]:
    """Movements lane by lane, each in order; those of whom the others were merged into come last."""
    for one in (*await store.linked_lanes(lane), lane):
        async for movement in every_movement(store, one):
            yield movement


async def rows_as_of(
    store: Store, offers: OfferShelf, lane: str, *, at: Instant, known_at: Instant
) -> list[Row]:
    """The rows of a lane by what was true at an instant, as far as it was known at another."""
    found = recorded_facts(store, lane, known_at=known_at)
    folded = fold(lane, [one.fact async for one in found if one.fact.order <= at])
    return rows_of(folded, await offers.learn(_versions(folded.clusters.values())))


def _versions(clusters: Iterable[Cluster]) -> frozenset[str]:
    return frozenset().union(*map(versions_named, clusters))
