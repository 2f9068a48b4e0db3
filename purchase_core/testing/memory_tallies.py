"""What waits in the reference store: counted, and row by row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from purchase_core.facts.rows import STUCK_REFUNDS, CaseRow, RefundRow
from purchase_core.instants import Instant
from purchase_core.ports.store import PAGE_ROWS_MAX, TALLIES, Tally, W
from purchase_core.records.command import OPEN_STATES
from purchase_core.records.delivery import PENDING, QUARANTINED, Delivery
from purchase_core.records.mailbox import IDLE
from purchase_core.testing.memory_database import NOT_LEASED, MemoryDatabase

Waiting: TypeAlias = tuple[tuple[str, ...], Instant, int]
"""One row that waits: what it is counted by, since when it waits, and the money it is about."""


class MemoryTallies:
    """The part of the store that says what waits. `database` is the store's."""

    database: MemoryDatabase

    async def tallies(self, *, now: Instant, limit: int) -> Sequence[Tally]:
        """What waits, counted."""
        found = {of: list(self._waiting(of, now))[:limit] for of in TALLIES}
        return [tally for of, rows in found.items() for tally in _counted(of, rows)]

    async def waiting(self, row_type: type[W], *, limit: int = PAGE_ROWS_MAX) -> Sequence[W]:
        """Rows that wait for a person, those with the most money first."""
        found = [one for one in self.database.rows.values() if isinstance(one, row_type) and _waits(one)]
        return sorted(found, key=lambda one: (one.amount, one.key), reverse=True)[:limit]

    def _waiting(self, of: str, now: Instant) -> Iterable[Waiting]:
        if of in ("pending", "abandoned", "quarantined"):
            return self._deliveries(of, now)
        if of == "commands":
            known = self.database.commands.values()
            return (
                ((one.kind, one.connection, one.state), one.created_at, 0)
                for one in known
                if one.state in OPEN_STATES
            )
        if of == "mailboxes":
            boxes = self.database.mailboxes.values()
            return (((one.subscriber, one.state), one.available_at, 0) for one in boxes if one.state != IDLE)
        return self._money(of)

    def _deliveries(self, of: str, now: Instant) -> Iterable[Waiting]:
        leases = self.database.leases
        for one in self.database.deliveries.values():
            if of == "pending" and one.state == PENDING:
                yield (one.connection,), one.received_at, 0
            elif (
                of == "abandoned"
                and one.state == PENDING
                and NOT_LEASED < leases.get(one.id, NOT_LEASED) < now
            ):
                yield (one.connection,), leases[one.id], 0
            elif of == "quarantined" and one.state == QUARANTINED:
                yield (one.connection, one.event_type, _error(one)), one.received_at, 0

    def _money(self, of: str) -> Iterable[Waiting]:
        for one in self.database.rows.values():
            if of == "cases" and isinstance(one, CaseRow) and _waits(one):
                yield (one.kind, one.currency), one.opened_at, one.amount
            elif of == "refunds" and isinstance(one, RefundRow) and _waits(one):
                yield (one.status, one.currency), one.seen_at, one.amount


def _waits(row: CaseRow | RefundRow) -> bool:
    return row.status == "open" if isinstance(row, CaseRow) else row.status in STUCK_REFUNDS


def _error(delivery: Delivery) -> str:
    return delivery.reason.partition(":")[0]


def _counted(of: str, rows: Sequence[Waiting]) -> Iterable[Tally]:
    for by in sorted({one for one, _, _ in rows}):
        alike = [(since, amount) for one, since, amount in rows if one == by]
        oldest = min(since for since, _ in alike)
        yield Tally(of, by, len(alike), oldest, sum(amount for _, amount in alike))
