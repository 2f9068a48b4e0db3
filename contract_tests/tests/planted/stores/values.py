"""Bugs of values: what a column does to what is put into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import attrs
import msgspec
from msgspec.structs import replace

from purchase_core.facts.rows import Row
from purchase_core.ports.store import PAGE_ROWS_MAX, Batch
from purchase_core.testing.memory_store import MemoryStore

R = TypeVar("R", bound=Row)

TEXT_CHARACTERS = 255
BLOB_BYTES = 65_535


class _ChangesRows(MemoryStore):
    """Passes every column of every row through `column`."""

    def column(self, value: object) -> object:
        raise NotImplementedError

    async def commit(self, batch: Batch) -> None:
        rows = tuple(self._changed(row) for row in batch.rows)
        await super().commit(replace(batch, rows=rows))

    def _changed(self, row: Row) -> Row:
        columns: dict[str, Any] = {
            name: self.column(value) for name, value in msgspec.structs.asdict(row).items()
        }
        return type(row)(**columns)


class StoresBooleansAsIntegers(_ChangesRows):
    """True comes back as 1, and the canonical hash differs from another database's."""

    def column(self, value: object) -> object:
        return int(value) if isinstance(value, bool) else value


class StoresNullAsZero(_ChangesRows):
    """What is absent comes back as the epoch."""

    def column(self, value: object) -> object:
        return 0 if value is None else value


class CutsText(_ChangesRows):
    """Text columns hold 255 characters."""

    def column(self, value: object) -> object:
        return value[:TEXT_CHARACTERS] if isinstance(value, str) else value


class WrapsNumbers(_ChangesRows):
    """Integer columns hold 32 bits."""

    def column(self, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int):
            return value
        return (value + 2**31) % 2**32 - 2**31


class GuessesTypes(_ChangesRows):
    """Text that looks like a number becomes one, and text again."""

    def column(self, value: object) -> object:
        return str(int(value)) if isinstance(value, str) and value.isdigit() else value


class FoldsCase(MemoryStore):
    """Keys are compared without regard to case."""

    async def commit(self, batch: Batch) -> None:
        command = batch.command
        if command is not None:
            command = attrs.evolve(command, key=command.key.casefold())
        await super().commit(replace(batch, command=command))


class SortsLikeADictionary(MemoryStore):
    """Keys come in the order of a natural language."""

    async def rows(
        self, row_type: type[R], *, lane: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[R]:
        found = [row for row in self._table(row_type) if lane in ("", row.lane)]
        found.sort(key=lambda row: row.key.casefold())
        return [row for row in found if row.key.casefold() > after_key.casefold()][:limit]


class DecodesBodies(MemoryStore):
    """A body is stored as text."""

    async def commit(self, batch: Batch) -> None:
        rows = tuple(
            replace(one, body=one.body.decode(errors="replace").encode()) for one in batch.deliveries
        )
        await super().commit(replace(batch, deliveries=rows))


class CutsLargeBodies(MemoryStore):
    """The column for bodies holds 64 KiB."""

    async def commit(self, batch: Batch) -> None:
        rows = tuple(replace(one, body=one.body[:BLOB_BYTES]) for one in batch.deliveries)
        await super().commit(replace(batch, deliveries=rows))
