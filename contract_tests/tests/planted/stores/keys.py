"""Bugs of keys: what is compared with the table, not with the rest of the batch; upserts that overwrite."""

from __future__ import annotations

from msgspec.structs import replace

from purchase_core.errors import KeyConflict
from purchase_core.ports.batch import Batch
from purchase_core.testing.memory_store import MemoryStore


class ChecksEventsAgainstTheTableOnly(MemoryStore):
    """An event that comes twice in one batch is kept twice."""

    def _check_deliveries(self, batch: Batch) -> None:
        for one in batch.deliveries:
            super()._check_deliveries(replace(batch, deliveries=(one,)))


class ChecksFactsAgainstTheTableOnly(MemoryStore):
    """Of two facts of one key in a batch, the first is kept, whatever the second says."""

    def _check_facts(self, batch: Batch) -> None:
        for one in batch.facts:
            super()._check_facts(replace(batch, facts=(one,)))


class ChecksPricesAgainstTheTableOnly(MemoryStore):
    """A price that stands for two versions in one batch stands for one of them."""

    def _check_prices(self, batch: Batch) -> None:
        for one in batch.prices:
            super()._check_prices(replace(batch, prices=(one,)))


class HasNoIndexOfCommandIds(MemoryStore):
    """An id may be that of two commands."""

    def _check_command(self, batch: Batch) -> None:
        if batch.command is not None:
            known = self.database.commands.get(batch.command.key, batch.command)
            if known.id != batch.command.id:
                raise KeyConflict("command", known.key)


class ReplacesDeliveriesOfTheSameId(MemoryStore):
    """INSERT OR REPLACE: a row whose id is taken pushes the other one out."""

    def _check_deliveries(self, batch: Batch) -> None:
        held = dict(self.database.deliveries)
        self.database.deliveries.clear()
        try:
            super()._check_deliveries(batch)
        finally:
            self.database.deliveries.update(held)


class OverwritesEventsBeforeItRefuses(MemoryStore):
    """ON CONFLICT DO UPDATE: the second delivery of an event is refused, and its body kept."""

    def _check_deliveries(self, batch: Batch) -> None:
        for one in batch.deliveries:
            known = self.database.events.get((one.connection, one.event_id))
            if known is not None:
                held = self.database.deliveries[known]
                self.database.deliveries[known] = replace(held, body=one.body)
        super()._check_deliveries(batch)


class KeepsTheFirstOfTwoRows(MemoryStore):
    """Rows of one key in a batch: the first is inserted, the second ignored."""

    def _apply(self, batch: Batch) -> None:
        super()._apply(replace(batch, rows=batch.rows[::-1]))


class DropsLast(MemoryStore):
    """What a batch drops is dropped after what it writes."""

    def _apply(self, batch: Batch) -> None:
        super()._apply(batch)
        for identity in batch.dropped_rows:
            self.database.rows.pop(identity, None)


class IgnoresRowsThatAreThere(MemoryStore):
    """INSERT OR IGNORE: a row stays as it was first written."""

    def _apply(self, batch: Batch) -> None:
        held = dict(self.database.rows)
        super()._apply(batch)
        dropped = set(batch.dropped_rows)
        self.database.rows.update({key: row for key, row in held.items() if key not in dropped})
