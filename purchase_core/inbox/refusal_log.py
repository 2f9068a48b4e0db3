"""The refusal log: how many were refused in the last hours, in the database, for every process to tell.

A secret that was rotated wrongly shows first as a burst of refusals, and whoever looks for it is another
process. What may be anybody's must not be able to fill a database, or to keep it busy: a process writes what
it has counted once in KEPT_EVERY_SECONDS at most, whatever comes, and the rows are a ring: one for each
connection and hour of the day, written over a day later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress

from purchase_core.errors import StoreError
from purchase_core.identifiers import IdSource
from purchase_core.inbox.refusals import Refusals, Refused
from purchase_core.instants import HOUR, SECOND, Clock, Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.records.run import FINISHED, Run

KIND = "refused-deliveries"
KEPT_EVERY_SECONDS = 60
HOURS = 24  # in the ring
LATELY_HOURS = 2  # this one, and the one before it
BURST = 10  # of a connection, lately: fewer may be somebody who tries the address

Counts = Counter[tuple[str, str]]


class RefusalLog:
    """Writes what `refusals` has counted, and reads what all processes have.

    Two processes that write at one instant may count fewer: it is a sign, and no account.
    """

    def __init__(
        self, store: Store, refusals: Refusals, connections: Collection[str], clock: Clock, ids: IdSource
    ) -> None:
        self._store = store
        self._refusals = refusals
        self._connections = connections
        self._clock = clock
        self._ids = ids
        self._kept: Counts = Counter()
        self._tried_at: Instant | None = None

    async def keep(self) -> None:
        """Write what is new, unless something was written lately. A store that cannot is let be."""
        now = self._clock.now()
        if self._tried_at is not None and now - self._tried_at < KEPT_EVERY_SECONDS * SECOND:
            return
        counted: Counts = Counter({(one.connection, one.reason): one.count for one in self._refusals.read()})
        if counted == self._kept:
            return
        self._tried_at = now
        with suppress(StoreError):
            await self._write(counted - self._kept, now)
            self._kept = counted

    async def bursts(self) -> Sequence[Refused]:
        """By connection and reason what was refused lately, of connections that have refused many."""
        found = [one for name in sorted(self._connections) for one in await self._lately(name)]
        of: Counter[str] = Counter()
        for one in found:
            of[one.connection] += one.count
        return [one for one in found if of[one.connection] >= BURST]

    async def _write(self, fresh: Counts, now: Instant) -> None:
        runs = []
        for connection in sorted({name for name, _ in fresh}):
            known = await self._of(connection, now)
            counts = Counter(known.counts if known else {})
            counts.update({reason: count for (name, reason), count in fresh.items() if name == connection})
            begun = Instant(now - now % HOUR)
            runs.append(
                Run(_row(connection, now), KIND, connection, FINISHED, "", begun, now, counts=dict(counts))
            )
        await self._store.commit(Batch(self._ids.new("batch"), now, runs=tuple(runs)))

    async def _of(self, connection: str, at: Instant) -> Run | None:
        """What was counted in the hour of an instant; what the row holds of another day is over."""
        run = await self._store.run(_row(connection, at))
        return run if run is not None and run.started_at == at - at % HOUR else None

    async def _lately(self, connection: str) -> Sequence[Refused]:
        now = self._clock.now()
        counts: Counter[str] = Counter()
        last = Instant(0)
        for back in range(LATELY_HOURS):
            run = await self._of(connection, Instant(now - back * HOUR))
            if run is not None:
                counts.update(run.counts)
                last = max(last, run.updated_at)
        return [Refused(connection, reason, count, last) for reason, count in sorted(counts.items())]


def _row(connection: str, at: Instant) -> str:
    return f"refused_{at // HOUR % HOURS:02}_{connection}"
