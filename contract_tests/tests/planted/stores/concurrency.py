"""Bugs of concurrency: an await in the wrong place, or a thing remembered by one instance only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from purchase_core.errors import LaneConflict, StoreError
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Question, View
from purchase_core.records.delivery import Delivery
from purchase_core.records.lane import Lane
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore


class ChecksThenWaits(MemoryStore):
    """Between the check and the write there is time for another."""

    async def commit(self, batch: Batch) -> None:
        if await self.committed(batch.id):
            return
        self._require_open()
        self._check(batch)
        await asyncio.sleep(0)
        self._apply(batch)


class LooksForTheBatchTooEarly(MemoryStore):
    """Whether a batch was written is asked outside the transaction that writes it."""

    async def commit(self, batch: Batch) -> None:
        if await self.committed(batch.id):
            return
        await asyncio.sleep(0)
        self.database.batches.discard(batch.id)
        await super().commit(batch)


class WritesInSteps(MemoryStore):
    """A commit that is cancelled half way leaves its first half."""

    async def commit(self, batch: Batch) -> None:
        if await self.committed(batch.id):
            return
        self._require_open()
        self._check(batch)
        self._apply(Batch(batch.id, batch.at, lanes=batch.lanes, facts=batch.facts))
        await asyncio.sleep(0)
        self._apply(replace(batch, lanes=(), facts=()))


class FailsTheWholeGroup(MemoryStore):
    """Batches that share a transaction share its failure."""

    failed = False

    async def commit(self, batch: Batch) -> None:
        if self.failed:
            self.failed = False
            raise LaneConflict("the group was rolled back")
        try:
            await super().commit(batch)
        except StoreError:
            self.failed = True
            raise


class ClaimsThenWaits(MemoryStore):
    """Rows are chosen in one step and taken in another."""

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        leases = dict(self.database.leases)
        rows = await super().claim(now=now, lease_until=lease_until, limit=limit, newest=newest)
        taken, self.database.leases = self.database.leases, leases
        await asyncio.sleep(0)
        self.database.leases.update(taken)
        return rows


class ReadsLanesLast(MemoryStore):
    """The guard is newer than what it guards."""

    async def look(self, question: Question) -> View:
        view = await super().look(question)
        await asyncio.sleep(0)
        return replace(view, lanes=(await super().look(question)).lanes)


class CachesLanes(MemoryStore):
    """A lane that was read is remembered, whoever else writes."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        super().__init__(database)
        self._cache: dict[str, Lane] = {}

    async def commit(self, batch: Batch) -> None:
        await super().commit(batch)
        for step in batch.lanes:
            self._cache.pop(step.lane, None)

    async def lane(self, lane: str) -> Lane:
        return self._cache.setdefault(lane, await super().lane(lane))


class ClaimsInMemory(MemoryStore):
    """The instance remembers what it handed out, and no other knows."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        super().__init__(database)
        self._leases: dict[str, Instant] = {}

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        theirs, self.database.leases = self.database.leases, self._leases
        try:
            return await super().claim(now=now, lease_until=lease_until, limit=limit, newest=newest)
        finally:
            self.database.leases = theirs
