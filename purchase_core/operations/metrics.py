"""Metrics: what waits, as numbers, read from the database: so they are right over all processes.

Labels are names that the application or the code gave: connections, subscribers, kinds, codes of errors. None
tells of a customer, and each metric has a bounded number of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from purchase_core.inbox.refusals import Refusals
from purchase_core.instants import SECOND, Clock, Instant
from purchase_core.operations.passes import EVENTS, LEFT, MISSED, PASSES
from purchase_core.ports.operator_reads import TALLIES, Tally
from purchase_core.ports.store import Store
from purchase_core.records.run import FINISHED
from purchase_core.routing.breaker import HealthBook
from purchase_core.values import Value

COUNTED_ROWS_MAX = 100_000
SERIES_MAX = 50  # of one metric; what is more is counted together, as OTHER
RUNS_MAX = 100
LABEL_CHARACTERS_MAX = 64
OTHER = "other"

METRICS: Mapping[str, str] = {
    "purchase_build_info": "The version of the code that answers.",
    "purchase_inbox_pending": "Deliveries that wait to be worked off.",
    "purchase_inbox_oldest_seconds": "How long the first of them has waited.",
    "purchase_inbox_abandoned": "Deliveries whose worker let its lease run out.",
    "purchase_inbox_quarantined": "Deliveries that could not be worked off.",
    "purchase_commands_open": "Commands that are not known to have ended.",
    "purchase_commands_oldest_seconds": "How long the first of them has been open.",
    "purchase_subscriber_lanes": "Lanes of which a subscriber has something to be told.",
    "purchase_subscriber_oldest_seconds": "How long the first of them has waited since it was due.",
    "purchase_cases_open": "Cases that wait for a person.",
    "purchase_cases_amount": "The money in them, in minor units.",
    "purchase_refunds_stuck": "Refunds that were rejected, or failed.",
    "purchase_refunds_amount": "The money in them, in minor units.",
    "purchase_reconcile_age_seconds": "How long ago the last pass over a provider ended.",
    "purchase_reconcile_missed": "Events that never arrived, as the last pass over a provider found.",
    "purchase_reconcile_left": "What the last pass over a provider found, and leaves to a person.",
    "purchase_webhooks_refused": "Deliveries that this process has refused since it began.",
    "purchase_webhooks_refused_seconds": "How long ago the last of them was.",
    "purchase_circuit_open": "Whether this process sends no checkouts there because it seems to be down.",
}
"""Every metric, a gauge each, and what it says."""

_COUNTS: Mapping[str, tuple[str, str, str]] = {
    "pending": ("purchase_inbox_pending", "purchase_inbox_oldest_seconds", ""),
    "abandoned": ("purchase_inbox_abandoned", "", ""),
    "quarantined": ("purchase_inbox_quarantined", "", ""),
    "commands": ("purchase_commands_open", "purchase_commands_oldest_seconds", ""),
    "mailboxes": ("purchase_subscriber_lanes", "purchase_subscriber_oldest_seconds", ""),
    "cases": ("purchase_cases_open", "", "purchase_cases_amount"),
    "refunds": ("purchase_refunds_stuck", "", "purchase_refunds_amount"),
}
"""What becomes of a tally: its count, how old the oldest is, and its money."""


class Sample(Value, frozen=True):
    """One number: a metric's value under some labels."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: int


class Metrics:
    """Reads them. `connections` are those that are open; `health` and `refusals` are of this process."""

    def __init__(
        self,
        store: Store,
        connections: Iterable[str],
        health: HealthBook,
        refusals: Refusals,
        clock: Clock,
        *,
        code: str,
    ) -> None:
        self._store = store
        self._connections = sorted(connections)
        self._health = health
        self._refusals = refusals
        self._clock = clock
        self._code = code

    async def read(self, *, rows_max: int = COUNTED_ROWS_MAX) -> Sequence[Sample]:
        """All of them, by the order of METRICS. Few bounded reads, however much is stored.

        Of what waits, no more than `rows_max` of each sort are counted.
        """
        now = self._clock.now()
        found = [Sample("purchase_build_info", (("code", self._code),), 1), *self._idle()]
        found += _of_tallies(await self._store.tallies(now=now, limit=rows_max), now)
        found += await self._passes(now)
        found += [
            Sample(
                "purchase_circuit_open",
                (("connection", one),),
                int(self._health.health(one, now).state == "open"),
            )
            for one in self._connections
        ]
        for one in self._refusals.read()[: SERIES_MAX - 1]:
            by = (("connection", _label(one.connection)), ("reason", one.reason))
            found.append(Sample("purchase_webhooks_refused", by, one.count))
            found.append(Sample("purchase_webhooks_refused_seconds", by, _seconds(one.last_at, now)))
        # Where something waits, it says more than that nothing does.
        known = {(one.name, one.labels): one for one in found}
        places = list(METRICS)
        return sorted(known.values(), key=lambda one: (places.index(one.name), one.labels))

    def _idle(self) -> list[Sample]:
        """What is zero where nothing waits: an absent number looks like an absent process."""
        names = ("purchase_inbox_pending", "purchase_inbox_oldest_seconds", "purchase_inbox_abandoned")
        return [Sample(name, (("connection", one),), 0) for one in self._connections for name in names]

    async def _passes(self, now: Instant) -> list[Sample]:
        found = []
        for kind in PASSES:
            newest: dict[str, bool] = {}
            for run in await self._store.runs(kind=kind, limit=RUNS_MAX):
                if run.state != FINISHED or run.scope in newest or len(newest) == SERIES_MAX:
                    continue
                newest[run.scope] = True
                labels = (("connection", _label(run.scope)), ("pass", kind.removeprefix("reconcile-")))
                found.append(Sample("purchase_reconcile_age_seconds", labels, _seconds(run.updated_at, now)))
                if kind == EVENTS:
                    missed = run.counts.get(MISSED, 0)
                    found.append(Sample("purchase_reconcile_missed", labels[:1], missed))
                found += [
                    Sample(
                        "purchase_reconcile_left",
                        (labels[0], ("what", left.name)),
                        run.counts.get(left.counted, 0),
                    )
                    for left in LEFT
                    if left.kind == kind
                ]
        return found


def _of_tallies(tallies: Sequence[Tally], now: Instant) -> list[Sample]:
    found = []
    for of, (counted, aged, summed) in _COUNTS.items():
        for one in _bounded([each for each in tallies if each.of == of]):
            labels = tuple(zip(TALLIES[of], (_label(each) for each in one.by), strict=True))
            found.append(Sample(counted, labels, one.count))
            if aged:
                found.append(Sample(aged, labels, _seconds(one.oldest, now)))
            if summed:
                found.append(Sample(summed, labels, one.amount))
    return found


def _bounded(tallies: Sequence[Tally]) -> Sequence[Tally]:
    """The most of them; what is more is counted together."""
    if len(tallies) <= SERIES_MAX:
        return tallies
    most = sorted(tallies, key=lambda one: -one.count)
    rest = most[SERIES_MAX - 1 :]
    other = Tally(
        rest[0].of,
        (OTHER,) * len(rest[0].by),
        sum(one.count for one in rest),
        min(one.oldest for one in rest),
        sum(one.amount for one in rest),
    )
    return [*most[: SERIES_MAX - 1], other]


def _seconds(since: Instant, now: Instant) -> int:
    return max(0, (now - since) // SECOND)


def _label(text: str) -> str:
    return text[:LABEL_CHARACTERS_MAX]
