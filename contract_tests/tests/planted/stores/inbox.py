"""Bugs of the inbox: rows that are kept twice, claimed twice, never, or settled by the wrong worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from purchase_core.errors import KeyConflict, LeaseLost
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.records.delivery import PENDING, QUARANTINED, Delivery
from purchase_core.records.inflow import Inflow
from purchase_core.testing.memory_store import NOT_LEASED, MemoryStore


class ForgetsSettledEvents(MemoryStore):
    """An event is known only as long as it waits."""

    def _apply_settlements(self, batch: Batch) -> None:
        super()._apply_settlements(batch)
        known = self.database.events
        for event in [one for one, row in known.items() if self.database.deliveries[row].state != PENDING]:
            del known[event]


class TakesEventIdsForGlobal(MemoryStore):
    """Two connections cannot have an event of the same id."""

    def _check_deliveries(self, batch: Batch) -> None:
        known = {event for _, event in self.database.events}
        for row in batch.deliveries:
            if row.event_id in known:
                raise KeyConflict("delivery", row.event_id)
            known.add(row.event_id)


class FindsEventsByTheirIdAlone(MemoryStore):
    """The reader leaves out the connection."""

    async def delivery(self, connection: str, event_id: str) -> Delivery | None:
        rows = self.database.deliveries.values()
        return next((one for one in rows if one.event_id == event_id), None)


class ClaimsEarly(MemoryStore):
    """Rows that wait for their next try are claimed at once."""

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        for row in list(self.database.deliveries.values()):
            self.database.deliveries[row.id] = replace(row, available_at=min(row.available_at, now))
        return await super().claim(now=now, lease_until=lease_until, limit=limit, newest=newest)


class ClaimsTheNewestFirst(MemoryStore):
    """The queue is a stack."""

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        rows = await super().claim(now=now, lease_until=lease_until, limit=1_000, newest=newest)
        for row in rows[:-limit]:
            self.database.leases.pop(row.id)
        return rows[-limit:]


class NeverEndsALease(MemoryStore):
    """What a dead worker held is held for ever."""

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        return await super().claim(now=now, lease_until=Instant(2**62), limit=limit, newest=newest)


class ClaimsAtTheLeasesEnd(MemoryStore):
    """`<=` where `<` was meant: at its last instant two workers hold a row."""

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        for row, until in self.database.leases.items():
            if until == now:
                self.database.leases[row] = NOT_LEASED
        return await super().claim(now=now, lease_until=lease_until, limit=limit, newest=newest)


class IgnoresLeases(MemoryStore):
    """A row that is being worked on is handed out again."""

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        return await super().claim(now=now, lease_until=NOT_LEASED, limit=limit, newest=newest)


class ForgetsAttempts(MemoryStore):
    """Claims are not counted, so that a poison row is tried for ever."""

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        rows = await super().claim(now=now, lease_until=lease_until, limit=limit, newest=newest)
        for row in rows:
            self.database.deliveries[row.id] = replace(row, attempts=row.attempts - 1)
        return rows


class ClaimsWithoutBodies(MemoryStore):
    """The claim returns the columns of the list."""

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        rows = await super().claim(now=now, lease_until=lease_until, limit=limit, newest=newest)
        return [replace(row, body=b"") for row in rows]


class ClaimsWhatIsQuarantined(MemoryStore):
    """Whatever is not done is to be done."""

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        for row in list(self.database.deliveries.values()):
            if row.state == QUARANTINED:
                self.database.deliveries[row.id] = replace(row, state=PENDING)
        return await super().claim(now=now, lease_until=lease_until, limit=limit, newest=newest)


class IgnoresFences(MemoryStore):
    """Whoever knows the row may settle it."""

    def _check_settlements(self, batch: Batch) -> None:
        for settlement in batch.settlements:
            if settlement.id not in self.database.deliveries:
                raise LeaseLost(f"no delivery {settlement.id!r}")


class PutsBackWhatIsOver(MemoryStore):
    """A worker whose answer was lost takes back what it has done."""

    def _check_settlements(self, batch: Batch) -> None:
        for one in batch.settlements:
            row = self.database.deliveries.get(one.id)
            if row is None or row.fence != one.fence:
                raise LeaseLost(f"delivery {one.id!r} is not held under fence {one.fence}")


class SettlesNothing(MemoryStore):
    """An update that meets no row counts as done."""

    def _check_settlements(self, batch: Batch) -> None:
        known = tuple(one for one in batch.settlements if one.id in self.database.deliveries)
        super()._check_settlements(replace(batch, settlements=known))

    def _apply_settlements(self, batch: Batch) -> None:
        known = tuple(one for one in batch.settlements if one.id in self.database.deliveries)
        super()._apply_settlements(replace(batch, settlements=known))


class RefusesSlowWorkers(MemoryStore):
    """A lease that has run out is lost, though nobody else wants the row."""

    latest = NOT_LEASED

    def _check_settlements(self, batch: Batch) -> None:
        super()._check_settlements(batch)
        for settlement in batch.settlements:
            if self.database.leases.get(settlement.id, self.latest) < self.latest:
                raise LeaseLost(f"the lease of {settlement.id!r} has run out")

    def _apply(self, batch: Batch) -> None:
        super()._apply(batch)
        self.latest = max(self.latest, batch.at)


class CountsAttemptsItself(MemoryStore):
    """What a settlement says of attempts is not written."""

    def _apply_settlements(self, batch: Batch) -> None:
        settlements = tuple(
            replace(one, attempts=self.database.deliveries[one.id].attempts) for one in batch.settlements
        )
        super()._apply_settlements(replace(batch, settlements=settlements))


class KeepsTheLease(MemoryStore):
    """A row that was put back stays leased."""

    def _apply_settlements(self, batch: Batch) -> None:
        leases = dict(self.database.leases)
        super()._apply_settlements(batch)
        self.database.leases.update(leases)


class ListsBodies(MemoryStore):
    """The list of the inbox reads a megabyte a row."""

    async def deliveries(
        self, *, state: str = "", before_id: str = "", limit: int = 100
    ) -> Sequence[Delivery]:
        listed = await super().deliveries(state=state, before_id=before_id, limit=limit)
        return [self.database.deliveries[row.id] for row in listed]


class ListsTheLastRowAgain(MemoryStore):
    """The next page begins with the row that ended this one."""

    async def deliveries(
        self, *, state: str = "", before_id: str = "", limit: int = 100
    ) -> Sequence[Delivery]:
        return await super().deliveries(state=state, before_id=before_id and f"{before_id}+", limit=limit)


class CountsFromTheOldest(MemoryStore):
    """The rows that are counted are the first of the table, not the newest."""

    async def inflow(self, *, since: Instant, stretch: int, newest: int) -> Sequence[Inflow]:
        await super().inflow(since=since, stretch=stretch, newest=newest)
        held = sorted(self.database.deliveries.values(), key=lambda one: one.id)[:newest]
        counts = Counter(
            (Instant(one.received_at - one.received_at % stretch), one.connection, one.state)
            for one in held
            if one.received_at >= since
        )
        return [Inflow(*key, count) for key, count in sorted(counts.items())]


class CountsConnectionsTogether(MemoryStore):
    """What arrived is counted by time and state alone, under the first connection."""

    async def inflow(self, *, since: Instant, stretch: int, newest: int) -> Sequence[Inflow]:
        found = await super().inflow(since=since, stretch=stretch, newest=newest)
        counts: Counter[tuple[Instant, str]] = Counter()
        for one in found:
            counts[one.at, one.state] += one.count
        return [
            Inflow(at, found[0].connection, state, count) for (at, state), count in sorted(counts.items())
        ]
