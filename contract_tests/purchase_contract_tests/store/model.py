"""The oracle of the histories: what a store must answer, in as few words as possible.

It shares no code with any store. It knows a small world only: two lanes, a few facts, rows and events.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
from msgspec.structs import replace

from purchase_core.errors import KeyConflict, LaneConflict, LeaseLost, StoreError
from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.rows import CaseRow
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.records.command import Command
from purchase_core.records.delivery import OVER, Delivery
from purchase_core.records.effect import Effect


@attrs.define
class Queued:
    """An inbox row and the end of its lease."""

    row: Delivery
    leased_until: Instant | None = None

    def free(self, now: Instant) -> bool:
        """Whether a worker may claim it."""
        due = self.row.state == "pending" and self.row.available_at <= now
        return due and (self.leased_until is None or self.leased_until < now)


@attrs.define
class Model:
    """The world after some batches."""

    batches: dict[str, Batch] = attrs.field(factory=dict)
    versions: dict[str, int] = attrs.field(factory=dict)
    documents: dict[str, bytes] = attrs.field(factory=dict)
    facts: dict[str, RecordedFact] = attrs.field(factory=dict)
    rows: dict[str, CaseRow] = attrs.field(factory=dict)
    queue: dict[str, Queued] = attrs.field(factory=dict)  # by event id
    commands: dict[str, Command] = attrs.field(factory=dict)
    effects: dict[str, Effect] = attrs.field(factory=dict)

    def refusals(self, batch: Batch) -> set[type[StoreError]]:
        """Every error that a store may answer with; none means that the batch must be written."""
        found: set[type[StoreError]] = set()
        if any(self.versions.get(one.lane, 0) != one.expected_version for one in batch.lanes):
            found.add(LaneConflict)
        if any(one.event_id in self.queue for one in batch.deliveries):
            found.add(KeyConflict)
        taken = self.commands.get(batch.command.key) if batch.command else None
        if taken is not None and batch.command is not None and taken.id != batch.command.id:
            found.add(KeyConflict)
        fences = {one.row.id: one.row.fence for one in self.queue.values() if one.row.state not in OVER}
        if any(fences.get(one.id) != one.fence for one in batch.settlements):
            found.add(LeaseLost)
        return found

    def write(self, batch: Batch) -> None:
        """Write a batch that is not refused."""
        self.batches[batch.id] = batch
        for step in batch.lanes:
            self.versions[step.lane] = step.expected_version + 1
            self.documents[step.lane] = step.document
        for fact in batch.facts:
            self.facts.setdefault(fact.fact.key, fact)
        for _, key in batch.dropped_rows:
            self.rows.pop(key, None)
        self.rows |= {row.key: row for row in batch.rows if isinstance(row, CaseRow)}
        self.queue |= {row.event_id: Queued(row) for row in batch.deliveries}
        if batch.command is not None:
            self.commands[batch.command.key] = batch.command
        self.effects = {one.key: one for one in batch.effects} | self.effects
        for queued in self.queue.values():
            for one in batch.settlements:
                if one.id == queued.row.id:
                    queued.leased_until = None
                    queued.row = replace(
                        queued.row,
                        state=one.state,
                        reason=one.reason,
                        attempts=one.attempts,
                        available_at=one.available_at,
                    )

    def free(self, now: Instant) -> list[Delivery]:
        """Rows that a worker may claim, oldest first."""
        rows = [one.row for one in self.queue.values() if one.free(now)]
        return sorted(rows, key=lambda row: row.available_at)

    def claimed(self, rows: Iterable[Delivery], until: Instant) -> None:
        """Rows went to a worker."""
        for row in rows:
            self.queue[row.event_id] = Queued(row, until)
