"""Bugs of `newest` and `open_bills`: which rows a page of the newest holds, and where it begins."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.facts.rows import InvoiceRow
from purchase_core.instants import Instant
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.store import N
from purchase_core.testing.memory_store import MemoryStore


class CutsTheNewestByTheirKeys(MemoryStore):
    """The newest rows are those with the last keys."""

    async def newest(
        self,
        row_type: type[N],
        lane: str,
        *,
        before: tuple[Instant, str] | None = None,
        limit: int = PAGE_ROWS_MAX,
    ) -> Sequence[N]:
        found = await super().newest(row_type, lane, before=before)
        return sorted(found, key=lambda one: one.key, reverse=True)[:limit]


class GivesTheOldestOfALane(MemoryStore):
    """A page of the newest rows begins with the first that there was."""

    async def newest(
        self,
        row_type: type[N],
        lane: str,
        *,
        before: tuple[Instant, str] | None = None,
        limit: int = PAGE_ROWS_MAX,
    ) -> Sequence[N]:
        return (await super().newest(row_type, lane, before=before))[-limit:]


class BeginsEachPageOfTheNewestAnew(MemoryStore):
    """Where a page of the newest rows is to begin is not looked at."""

    async def newest(
        self,
        row_type: type[N],
        lane: str,
        *,
        before: tuple[Instant, str] | None = None,
        limit: int = PAGE_ROWS_MAX,
    ) -> Sequence[N]:
        return await super().newest(row_type, lane, limit=limit)


class TellsOfBillsThatWerePaid(MemoryStore):
    """Every bill of a lane waits for its money."""

    async def open_bills(
        self, lane: str, *, before: tuple[Instant, str] | None = None, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[InvoiceRow]:
        return await super().newest(InvoiceRow, lane, before=before, limit=limit)
