"""Several long reads from one snapshot, in one hop to a thread, on a connection that cannot write."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from purchase_core.errors import StoreUnavailable
from purchase_sql.decode import Record
from purchase_sql.encode import Operation
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.connect import open_reader
from purchase_sqlite.snapshot import snapshot
from purchase_sqlite.troubles import FAILURES, trouble
from purchase_sqlite.writer import Recorder, executing


class LongSnapshots:
    """Opened by the first of them: many processes never need one."""

    def __init__(self, path: Path, config: SqliteConfig, recorder: Recorder | None) -> None:
        self._path = path
        self._config = config
        self._recorder = recorder
        # Held by the thread that reads, not by the task that waits for it: a task can be cancelled meanwhile.
        self._turn = Lock()
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def read(self, asked: Sequence[Operation]) -> Sequence[Sequence[Record]]:
        """The rows of each statement. Raises StoreUnavailable or SchemaError."""
        try:
            return await asyncio.to_thread(self._read, asked)
        except FAILURES as error:
            raise trouble(error) from error

    def _read(self, asked: Sequence[Operation]) -> Sequence[Sequence[Record]]:
        with self._turn:  # whoever read within the transaction would miss what was written since
            if self._closed:
                raise StoreUnavailable("the store is closed")
            if self._connection is None:
                self._connection = open_reader(self._path, self._config)
            return snapshot(executing(self._connection, self._recorder), asked)

    async def aclose(self) -> None:
        """Close the connection, after whoever reads. Doing so again does nothing."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._turn:
            self._closed = True
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
