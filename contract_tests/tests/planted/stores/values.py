"""Bugs of values: what a column does to what is put into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import attrs
import msgspec
from msgspec.structs import replace

from purchase_core.facts.rows import Row
from purchase_core.ports.batch import Batch
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.store import Question, TableRow, View
from purchase_core.testing.memory_store import MemoryStore

R = TypeVar("R", bound=TableRow)

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


class RoundsNumbers(_ChangesRows):
    """Numbers pass through a language that knows only doubles."""

    def column(self, value: object) -> object:
        return int(float(value)) if isinstance(value, int) and not isinstance(value, bool) else value


class WrapsAtSixtyFourBits(_ChangesRows):
    """What does not fit into a column is cut to what does."""

    def column(self, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int):
            return value
        return (value + 2**63) % 2**64 - 2**63


class EndsTextAtNul(_ChangesRows):
    """Text is a string of C."""

    def column(self, value: object) -> object:
        return value.partition("\x00")[0] if isinstance(value, str) else value


class ReplacesWhatItCannotEncode(_ChangesRows):
    """A lone surrogate becomes a question mark."""

    def column(self, value: object) -> object:
        return value.encode(errors="replace").decode() if isinstance(value, str) else value


class KeepsOnePlane(_ChangesRows):
    """`utf8` of three bytes: what lies beyond the first plane becomes a question mark."""

    def column(self, value: object) -> object:
        if not isinstance(value, str):
            return value
        return "".join(one if one <= "\uffff" else "?" for one in value)


class CutsAtNulWhenAsked(MemoryStore):
    """A list of keys ends each of them at NUL: who asks for one thing is told of another."""

    async def look(self, question: Question) -> View:
        objects = tuple(one.partition("\x00")[0] for one in question.objects)
        return await super().look(replace(question, objects=objects))


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


class SortsByUtf16(MemoryStore):
    """Keys come in the order of their UTF-16 units, as in JavaScript."""

    async def rows(
        self, row_type: type[R], *, lane: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[R]:
        found = [row for row in self.database.table(row_type) if lane in ("", row.lane)]
        found.sort(key=lambda row: _units(row.key))
        return [row for row in found if _units(row.key) > _units(after_key)][:limit]


class SortsLikeADictionary(MemoryStore):
    """Keys come in the order of a natural language."""

    async def rows(
        self, row_type: type[R], *, lane: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[R]:
        found = [row for row in self.database.table(row_type) if lane in ("", row.lane)]
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


def _units(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")
