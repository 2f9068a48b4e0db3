"""Bugs of several processes: what one of them remembers, and the others do not know."""

from __future__ import annotations

import asyncio
import copy

import attrs

from purchase_core.errors import KeyConflict, LaneConflict, StoreUnavailable
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import SchemaState
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore


class MigratesWithoutALock(MemoryStore):
    """Two processes that start at once make the same tables, and the second fails."""

    async def migrate(self) -> SchemaState:
        found = self.database.schema_version
        await asyncio.sleep(0)
        if self.database.schema_version != found:
            raise StoreUnavailable("table lanes already exists")
        return await super().migrate()


class KnowsEventsInMemory(MemoryStore):
    """Which events have come is remembered by the process that received them."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        super().__init__(database)
        self._events = set(self.database.events)

    def _check_deliveries(self, batch: Batch) -> None:
        for one in batch.deliveries:
            event = (one.connection, one.event_id)
            if event in self._events or one.id in self.database.deliveries:
                raise KeyConflict("delivery", ":".join(event))
            self._events.add(event)


class GuardsInMemory(MemoryStore):
    """A lane's version is compared with what this process has written."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        super().__init__(database)
        self._versions: dict[str, int] = {}

    def _check_lanes(self, batch: Batch) -> None:
        for step in batch.lanes:
            found = self._versions.get(step.lane, step.expected_version)
            if found != step.expected_version:
                raise LaneConflict(f"lane {step.lane!r} is at {found}")

    def _apply(self, batch: Batch) -> None:
        super()._apply(batch)
        self._versions.update({step.lane: step.expected_version + 1 for step in batch.lanes})


class WritesWhenItCloses(MemoryStore):
    """What was acknowledged lies in the process until it closes; one that is killed never does."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        super().__init__(database)
        self._disk = self.database
        self.database = copy.deepcopy(self._disk)

    async def aclose(self) -> None:
        await super().aclose()
        for one in attrs.fields(MemoryDatabase):
            setattr(self._disk, one.name, getattr(self.database, one.name))
        self.database = self._disk


class NotesTheBatchAfterwards(MemoryStore):
    """The batch's id is written in a transaction of its own: who dies before it sends the batch again."""

    async def commit(self, batch: Batch) -> None:
        if await self.committed(batch.id):
            return
        await super().commit(batch)
        self.database.batches.discard(batch.id)
        await asyncio.sleep(0)
        self.database.batches.add(batch.id)


class HoldsClaimsOfTheDead(MemoryStore):
    """A settlement is accepted from whoever once held the row, whoever holds it now."""

    def _check_settlements(self, batch: Batch) -> None:
        for one in batch.settlements:
            row = self.database.deliveries.get(one.id)
            if row is None or row.fence < one.fence:
                super()._check_settlements(batch)
