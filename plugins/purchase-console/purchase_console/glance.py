"""A glance: how the whole stands, from a bounded number of rows, however much there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from purchase_core.billing import Billing
from purchase_core.facts.rows import IntentRow
from purchase_core.instants import DAY, HOUR, MINUTE, Instant
from purchase_core.ports.operator_reads import Tally
from purchase_core.ports.router import Health
from purchase_core.records.inflow import Inflow

DELIVERIES_MAX = 2_000
CHECKOUTS_MAX = 500
WAITING_MAX = 2_000  # of each sort; what is more is not counted
SHOWN = ("pending", "quarantined", "cases", "refunds")
"""What is counted (TALLIES). The metrics count the rest too, and further."""

WINDOWS = ((DAY, 30 * MINUTE), (HOUR, 2 * MINUTE))
"""How far back is looked, and in which stretches; the next where so much arrived that it is not all seen."""


@attrs.frozen
class Glance:
    """How it stands `at` an instant. `since` is how far back `inflow` and `routes` look.

    `tallies` say what waits. `routes` counts the newest CHECKOUTS_MAX checkouts by connection: how many were
    placed, and how many of these are settled.
    """

    at: Instant
    since: Instant
    stretch: int
    inflow: Sequence[Inflow]
    tallies: Sequence[Tally]
    routes: Mapping[str, tuple[int, int]]
    health: Mapping[str, Health]

    def count(self, of: str) -> int:
        """How much of one sort waits, up to WAITING_MAX."""
        return sum(one.count for one in self.tallies if one.of == of)

    def more(self, of: str) -> bool:
        """Whether more of it may wait than was counted."""
        return self.count(of) >= WAITING_MAX

    @property
    def lag(self) -> int | None:
        """How long the first pending delivery has waited."""
        oldest = min((one.oldest for one in self.tallies if one.of == "pending"), default=None)
        return None if oldest is None else max(0, self.at - oldest)

    @property
    def failures(self) -> Sequence[Tally]:
        """What is quarantined, by cause; the most first."""
        return sorted((one for one in self.tallies if one.of == "quarantined"), key=lambda one: -one.count)


async def glance(billing: Billing) -> Glance:
    """Look at it now."""
    at = billing.clock.now()
    for window, stretch in WINDOWS:
        since = Instant(at - window)
        inflow = await billing.store.inflow(since=since, stretch=stretch, newest=DELIVERIES_MAX)
        if sum(one.count for one in inflow) < DELIVERIES_MAX:
            break
    intents = await billing.store.intents_since(since, limit=CHECKOUTS_MAX)
    return Glance(
        at,
        since,
        stretch,
        inflow,
        await billing.store.tallies(now=at, limit=WAITING_MAX, of=SHOWN),
        _routes(intents),
        {name: billing.routing.health(name) for name in sorted(billing.connections)},
    )


def _routes(intents: Sequence[IntentRow]) -> dict[str, tuple[int, int]]:
    placed = Counter(one.connection for one in intents if one.connection)
    settled = Counter(one.connection for one in intents if one.status == "settled")
    return {name: (count, settled[name]) for name, count in placed.most_common()}
