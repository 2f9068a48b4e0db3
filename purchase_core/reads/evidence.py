"""Evidence: outcomes counted by connection and segment, for routers that learn. A cache with an age."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.ports.router import NO_EVIDENCE, Evidence, Learning, Router, RouteRequest
from purchase_core.ports.store import Store
from purchase_core.reads.routed_outcomes import Outcome, RoutedOutcomes, result_of

EVIDENCE_SECONDS_MAX = 300  # what was counted longer ago is counted anew

Counts = Mapping[tuple[str, ...], Evidence]


class EvidenceBook:
    """Counts outcomes anew when what it knows is too old; whoever asks meanwhile waits for the same count."""

    def __init__(self, store: Store, *, seconds_max: int = EVIDENCE_SECONDS_MAX) -> None:
        self._outcomes = RoutedOutcomes(store)
        self._seconds_max = seconds_max
        self._counted: dict[Learning, tuple[Instant, Counts]] = {}
        self._lock = asyncio.Lock()

    async def evidence(
        self, router: Router, request: RouteRequest, connection: str, *, now: Instant
    ) -> Evidence:
        """Outcomes on a connection of checkouts like this one."""
        counts = await self.counts(router.learning, now=now)
        return counts.get((connection, *segment_of(router.learning, request)), NO_EVIDENCE)

    async def counts(self, learning: Learning, *, now: Instant) -> Counts:
        """Every count, by connection and segment."""
        async with self._lock:
            at, counts = self._counted.get(learning, (None, {}))
            if at is None or now - at > self._seconds_max * SECOND:
                since = Instant(now - learning.window_days * DAY)
                counts = count([one async for one in self._outcomes.since(since)], learning, now=now)
                self._counted[learning] = (now, counts)
            return counts


def segment_of(learning: Learning, request: RouteRequest) -> tuple[str, ...]:
    """The segment of a request: its values of what the segment names."""
    return tuple(str(getattr(request, name)) for name in learning.segment)


def count(outcomes: Iterable[Outcome], learning: Learning, *, now: Instant) -> Counts:
    """Attempts by (connection, segment) that are old enough, and those paid within the horizon.

    An attempt that the provider refused counts as not paid there. A withdrawn one does not count: nobody was
    to pay it any more.
    """
    counts: dict[tuple[str, ...], list[int]] = {}
    for outcome in outcomes:
        segment = segment_of(learning, outcome.decision.request)
        for attempt in outcome.attempts:
            result = result_of(attempt.opened_at, attempt.paid_at, now, learning.horizon_hours)
            if attempt.status == "withdrawn" or result == "censored":
                continue
            found = counts.setdefault((attempt.connection, *segment), [0, 0])
            found[0] += 1
            found[1] += result == "paid"
    return {key: Evidence(opened, paid) for key, (opened, paid) in counts.items()}
