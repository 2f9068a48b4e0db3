"""How a SQL store asks its database; each store says how its driver does that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from purchase_core.instants import Instant
from purchase_sql.clusters import ClusterTexts
from purchase_sql.decode import Record
from purchase_sql.encode import Operation
from purchase_sql.shapes import Value
from purchase_sql.texts import Texts

T = TypeVar("T")

EVERYTHING = Instant(2**53 - 1)  # the last instant that every database can compare


class Asking(ABC):
    """Runs the shared statements of one database."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._clusters = ClusterTexts()

    @abstractmethod
    async def _rows(self, text: str, values: tuple[Value, ...]) -> Sequence[Record]:
        """Every row of one statement that reads. They are few."""

    @abstractmethod
    async def _snapshot(self, asked: Sequence[Operation]) -> Sequence[Sequence[Record]]:
        """The rows of several statements that read, all as of one moment."""

    @abstractmethod
    async def _taken(self, text: str, values: tuple[Value, ...]) -> Sequence[Record]:
        """The rows that one statement writes and returns, in a transaction of its own."""

    async def _page(self, text: str, values: tuple[Value, ...]) -> Sequence[Record]:
        """Every row of one statement that reads. They can be many."""
        return await self._rows(text, values)

    async def _long_snapshot(self, asked: Sequence[Operation]) -> Sequence[Sequence[Record]]:
        """The rows of several statements that read, all as of one moment. They can be many."""
        return await self._snapshot(asked)

    async def _one(self, decoded: Callable[[Record], T], text: str, values: tuple[Value, ...]) -> T | None:
        found = await self._rows(text, values)
        return decoded(found[0]) if found else None
