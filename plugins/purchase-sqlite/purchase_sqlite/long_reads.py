"""Reads that may take long: through aiosqlite, in a thread of its own, on a connection that cannot write."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from purchase_core.errors import StoreUnavailable
from purchase_sql.shapes import Value
from purchase_sqlite.binding import bound
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.connect import STATEMENTS_CACHED_MAX, read_only_address
from purchase_sqlite.troubles import FAILURES, trouble
from purchase_sqlite.writer import Recorder

if TYPE_CHECKING:
    import aiosqlite


T = TypeVar("T")


class LongReads:
    """Opened by the first read: many processes never need one."""

    def __init__(self, path: Path, config: SqliteConfig, recorder: Recorder | None) -> None:
        self._path = path
        self._config = config
        self._recorder = recorder
        self._connection: aiosqlite.Connection | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    async def rows(self, text: str, values: tuple[Value, ...]) -> Sequence[Any]:
        """Every row of a statement. Raises StoreUnavailable or SchemaError."""
        return await self._told(self._fetched(text, values))

    async def _fetched(self, text: str, values: tuple[Value, ...]) -> Sequence[Any]:
        connection = self._connection or await self._open()
        plain, ordered = bound(text, values)
        if self._recorder is not None:
            self._recorder(plain, ordered)
        return list(await connection.execute_fetchall(plain, ordered))

    async def _told(self, reading: Awaitable[T]) -> T:
        try:
            return await reading
        except FAILURES as error:
            raise trouble(error) from error
        except ValueError as error:  # what aiosqlite raises after close
            if self._closed:
                raise StoreUnavailable("the store is closed") from error
            raise

    async def aclose(self) -> None:
        """Close the connection, and end its thread. Doing so again does nothing."""
        self._closed = True
        async with self._opening:
            connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _open(self) -> aiosqlite.Connection:
        import aiosqlite  # noqa: PLC0415  # loaded by the first long read

        async with self._opening:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            if self._connection is None:
                self._connection = await aiosqlite.connect(
                    read_only_address(self._path),
                    uri=True,
                    timeout=self._config.busy_timeout_seconds,
                    isolation_level=None,
                    cached_statements=STATEMENTS_CACHED_MAX,
                )
            return self._connection
