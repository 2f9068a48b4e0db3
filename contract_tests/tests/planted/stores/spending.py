"""Bugs of the ledger and the journal: what is spent twice, forgotten, or overwritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from purchase_core.facts.rows import LotRow
from purchase_core.ports.batch import Batch
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.records.ledger_rows import DrawnRow, LedgerRow
from purchase_core.records.movement import Movement
from purchase_core.testing.memory_store import MemoryStore


class ForgetsTheLedger(MemoryStore):
    """Rows of the ledger are taken for a cache."""

    async def commit(self, batch: Batch) -> None:
        await super().commit(replace(batch, ledger=()))


class AddsToTheLedger(MemoryStore):
    """What was drawn is added to what is there, so that a batch of two counts for both."""

    def _apply(self, batch: Batch) -> None:
        rows: list[LedgerRow] = []
        for row in batch.ledger:
            known = self.database.ledger.get((type(row), row.key))
            if isinstance(row, DrawnRow) and isinstance(known, DrawnRow):
                rows.append(replace(row, drawn=row.drawn + known.drawn))
            else:
                rows.append(row)
        super()._apply(replace(batch, ledger=tuple(rows)))


class KeepsTheFirstOfTheLedger(MemoryStore):
    """INSERT OR IGNORE: a row of the ledger stays as it was first written."""

    def _apply(self, batch: Batch) -> None:
        before = dict(self.database.ledger)
        super()._apply(batch)
        self.database.ledger.update(before)


class TellsWhatWasDrawnOfEveryLot(MemoryStore):
    """The list of lots is left out."""

    async def drawn(self, lots: Sequence[str]) -> Mapping[str, int]:
        found = self.database.ledger.values()
        return {row.key: row.drawn for row in found if isinstance(row, DrawnRow)}


class ForgetsWhatWasDrawnOfDroppedLots(MemoryStore):
    """ON DELETE CASCADE: what was drawn goes with its lot."""

    def _apply(self, batch: Batch) -> None:
        super()._apply(batch)
        for table, key in batch.dropped_rows:
            if table is LotRow:
                self.database.ledger.pop((DrawnRow, key), None)


class LosesReasons(MemoryStore):
    """A column of the journal is missing from the insert."""

    def _apply(self, batch: Batch) -> None:
        super()._apply(replace(batch, movements=tuple(replace(one, reason="") for one in batch.movements)))


class ListsTheJournalByKey(MemoryStore):
    """The journal comes in the order of its keys."""

    async def movements(self, lane: str, *, after: int = 0, limit: int = PAGE_ROWS_MAX) -> Sequence[Movement]:
        found = [one for one in self.database.movements.values() if one.lane == lane and one.position > after]
        return sorted(found, key=lambda one: one.key)[:limit]


class RepeatsTheLastOfAPage(MemoryStore):
    """`>=` where `>` was meant."""

    async def movements(self, lane: str, *, after: int = 0, limit: int = PAGE_ROWS_MAX) -> Sequence[Movement]:
        return await super().movements(lane, after=after - 1, limit=limit)


class OverwritesMovements(MemoryStore):
    """A movement whose key is taken replaces the one that was there."""

    def _check_movements(self, batch: Batch) -> None:
        batch.placed_movements()


class HasNoIndexOfPlaces(MemoryStore):
    """Two movements may be in one place of a journal."""

    def _check_movements(self, batch: Batch) -> None:
        places = self.database.journal
        self.database.journal = {}
        try:
            super()._check_movements(batch)
        finally:
            self.database.journal = places


class MovesLanesThatItDoesNotStep(MemoryStore):
    """A movement may be of any lane."""

    def _check_movements(self, batch: Batch) -> None:
        stepped = {one.lane for one in batch.lanes}
        mine = tuple(one for one in batch.movements if one.lane in stepped)
        super()._check_movements(replace(batch, movements=mine))


class SpendsBeforeItChecks(MemoryStore):
    """What is spent is written before the lane is found to have moved."""

    def _check_lanes(self, batch: Batch) -> None:
        self.database.ledger.update({(type(row), row.key): row for row in batch.ledger})
        self.database.movements.update({one.key: one for one in batch.movements})
        super()._check_lanes(batch)


class WritesOneMovementOfMany(MemoryStore):
    """Of batches that are written together, only the last one's movements are."""

    async def commit_all(self, batches: Sequence[Batch]) -> None:
        *others, last = batches
        await super().commit_all([*(replace(one, movements=()) for one in others), last])
