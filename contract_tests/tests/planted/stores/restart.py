"""Bugs of restarts and migrations: what lived in the process only."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.facts.fact import RecordedFact
from purchase_core.instants import Instant
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.store import SchemaState
from purchase_core.testing.memory_store import SCHEMA_VERSION, MemoryDatabase, MemoryStore


class AcknowledgesBeforeItWrites(MemoryStore):
    """What was written last is still in a buffer when the process ends."""

    async def aclose(self) -> None:
        await super().aclose()
        if self.database.rows:
            self.database.rows.popitem()


class AcknowledgesMovementsBeforeItWrites(MemoryStore):
    """The last movement of a journal is still in a buffer when the process ends."""

    async def aclose(self) -> None:
        await super().aclose()
        if self.database.movements:
            self.database.movements.popitem()


class RemembersBatchesInMemory(MemoryStore):
    """Which batches were committed is not stored."""

    async def aclose(self) -> None:
        await super().aclose()
        self.database.batches.clear()


class LeasesInMemory(MemoryStore):
    """Who works on what is not stored."""

    async def aclose(self) -> None:
        await super().aclose()
        self.database.leases.clear()


class CountsFromOneAgain(MemoryStore):
    """Positions are counted by the process."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        super().__init__(database)
        self._before = max(self.database.positions.values(), default=0)

    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        found = await super().facts(lane, known_at=known_at)
        counted = [(place - self._before if place > self._before else place, one) for place, one in found]
        return [one for one in counted if one[0] > after][:limit]


class MigratesHalfWay(MemoryStore):
    """The last migration is not in the list."""

    async def migrate(self) -> SchemaState:
        self.database.schema_version = SCHEMA_VERSION - 1
        return await self.schema()


class MakesTablesAnew(MemoryStore):
    """Every start begins with empty tables."""

    async def migrate(self) -> SchemaState:
        self.database.rows.clear()
        return await super().migrate()


class MigratesBackwards(MemoryStore):
    """Tables of newer code are taken for old ones."""

    async def migrate(self) -> SchemaState:
        self.database.schema_version = SCHEMA_VERSION
        return await self.schema()
