"""The schedule: what a worker does by itself every so often. What is due is read from the runs."""

from __future__ import annotations

from contextlib import suppress

from purchase_core.config.settings import ReconcileSettings
from purchase_core.errors import NotFound, PurchaseError, WrongState
from purchase_core.instants import SECOND, Clock, Instant
from purchase_core.operations.passes import EVENTS, PASSES
from purchase_core.operations.reconcile import Reconcile
from purchase_core.records.run import Run

ELSEWHERE_SECONDS = 60  # a run that was noted since then is another worker's


class ReconcileSchedule:
    """Keeps every connection reconciled: one page a turn, so that a worker can stop between any two."""

    def __init__(
        self, reconcile: Reconcile, connections: list[str], clock: Clock, settings: ReconcileSettings
    ) -> None:
        self._reconcile = reconcile
        self._connections = connections
        self._clock = clock
        self._every = dict.fromkeys(PASSES, settings.objects_every_seconds)
        self._every[EVENTS] = settings.events_every_seconds
        self._mine: dict[tuple[str, str], str] = {}
        self._not_before: dict[tuple[str, str], Instant] = {}

    async def turn(self) -> int:
        """Go on with what is due; how many pages were read. Raises what the last pass that failed raised."""
        done = 0
        failed: PurchaseError | None = None
        for connection in self._connections:
            for kind in self._reconcile.passes(connection):
                if not self._every[kind] or self._clock.now() < self._not_before.get((connection, kind), 0):
                    continue
                try:
                    done += await self._go_on(connection, kind)
                except PurchaseError as error:  # the others are due all the same
                    failed = error
        if failed is not None:
            raise failed
        return done

    async def _go_on(self, connection: str, kind: str) -> int:
        now = self._clock.now()
        run = await self._begun_here(connection, kind)
        if run is None:
            run = await self._reconcile.open(connection, kind)
            if run is not None and now - run.updated_at < ELSEWHERE_SECONDS * SECOND:
                return 0
        if run is None:
            last = await self._reconcile.last(connection, kind, repair=True)
            due = 0 if last is None else last.updated_at + self._every[kind] * SECOND
            if now < due:
                self._not_before[connection, kind] = Instant(due)
                return 0
            run = await self._reconcile.start(connection, kind, repair=True, note="scheduled")
        self._mine[connection, kind] = run.id
        async for _ in self._reconcile.run(run, pages_max=1):
            pass
        return 1

    async def _begun_here(self, connection: str, kind: str) -> Run | None:
        """The pass that this worker is at, also where another worker has begun one at the same moment.

        Each comes to its end then: nobody else would go on with one that is not the newest.
        """
        with suppress(NotFound, WrongState):  # nothing was noted of it, or it has ended
            return await self._reconcile.resumed(self._mine.get((connection, kind), ""))
        return None
