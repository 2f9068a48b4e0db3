"""The store in a SQLite file.

Writes go through the one writer. Reads of a few rows run on the calling thread: they take microseconds,
less than waking another thread does (README, "Below aiosqlite"). Lists, which can be long, go through
aiosqlite, so that they never hold up the event loop. Both have connections that cannot write.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from purchase_core.errors import StoreUnavailable
from purchase_core.instants import Clock, SystemClock
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import SchemaState
from purchase_core.records.finding import Finding
from purchase_sql.decode import Record
from purchase_sql.encode import Operation, operations
from purchase_sql.generated.sqlite import STATEMENTS
from purchase_sql.migration import migrations
from purchase_sql.shapes import Value
from purchase_sql.store import SqlStore
from purchase_sql.texts import texts
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.connect import need_folder, open_reader, open_writer
from purchase_sqlite.examining import examined
from purchase_sqlite.lock import WriterLock
from purchase_sqlite.long_reads import LongReads
from purchase_sqlite.long_snapshots import LongSnapshots
from purchase_sqlite.snapshot import snapshot
from purchase_sqlite.troubles import FAILURES, trouble
from purchase_sqlite.works import Commit, CommitAll, Migrate, Take, version_found
from purchase_sqlite.writer import Recorder, Writer, executing


class SqliteStore(SqlStore):
    """Made by `open`."""

    def __init__(
        self,
        path: Path,
        config: SqliteConfig,
        clock: Clock,
        recorder: Recorder | None,
        lock: WriterLock | None,
        writer: Writer | None,
        reader: sqlite3.Connection,
    ) -> None:
        super().__init__(texts(STATEMENTS, config.prefix))
        self.path = path
        self.config = config
        self.sole_writer = lock is not None and not config.several_writers
        self._clock = clock
        self._lock = lock
        self._writer = writer
        self._reader = reader
        self._read = executing(reader, recorder)
        self._long = LongReads(path, config, recorder)
        self._snapshots = LongSnapshots(path, config, recorder)
        self._steps = migrations("sqlite", config.prefix)

    @classmethod
    async def open(
        cls,
        config: SqliteConfig,
        *,
        folder: Path = Path(),
        clock: Clock | None = None,
        recorder: Recorder | None = None,
    ) -> SqliteStore:
        """Open the file, and make it if it is not there. Creates no tables: that is `migrate`.

        Raises StoreUnavailable if another process writes the file, or if it cannot be used; StoreMissing if
        its folder is not there.
        `recorder` is told of every statement, with its parameters: for tests and benchmarks.
        """
        return await asyncio.to_thread(cls._open, config, folder, clock or SystemClock(), recorder)

    @classmethod
    def _open(
        cls, config: SqliteConfig, folder: Path, clock: Clock, recorder: Recorder | None
    ) -> SqliteStore:
        # Two names of one file must not make two locks.
        path = (folder / config.path).resolve()
        if config.read_only:
            return cls(path, config, clock, recorder, None, None, open_reader(path, config))
        need_folder(path)
        lock = WriterLock(path, shared=config.several_writers)
        try:
            connection = open_writer(path, config)
            try:
                reader = open_reader(path, config)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            lock.release()
            raise
        writer = Writer(
            connection,
            group_batches_max=config.group_batches_max,
            queue_batches_max=config.queue_batches_max,
            recorder=recorder,
        )
        return cls(path, config, clock, recorder, lock, writer, reader)

    # --- writing -----------------------------------------------------------------------------

    async def commit(self, batch: Batch) -> None:
        """Write the batch, in one transaction with whatever else waits."""
        # Encoded here and not in the writer's thread: the database is locked for as short as can be.
        await self._write().do(Commit(self._texts, batch, operations(self._texts, self._clusters, batch)))

    async def commit_all(self, batches: Sequence[Batch]) -> None:
        """Write the batches in order, all of them or nothing, in one transaction with whatever else waits."""
        if batches:
            written = operations(self._texts, self._clusters, *batches)
            await self._write().do(CommitAll(self._texts, batches, written))

    async def _taken(self, text: str, values: tuple[Value, ...]) -> Sequence[Record]:
        return await self._write().do(Take(text, values))

    def _write(self) -> Writer:
        if self._writer is None:
            raise StoreUnavailable(
                "this store was opened to read only", hint="Open it without read_only = true to write."
            )
        return self._writer

    # --- reading -----------------------------------------------------------------------------

    async def _rows(self, text: str, values: tuple[Value, ...]) -> Sequence[Record]:
        try:
            # All of them: a statement that is not read to its end keeps its snapshot open.
            return self._read(text, values).fetchall()
        except FAILURES as error:
            raise trouble(error, file=self.path) from error

    async def _page(self, text: str, values: tuple[Value, ...]) -> Sequence[Record]:
        return await self._long.rows(text, values)

    async def _snapshot(self, asked: Sequence[Operation]) -> Sequence[Sequence[Record]]:
        try:
            return snapshot(self._read, asked)
        except FAILURES as error:
            raise trouble(error, file=self.path) from error

    async def _long_snapshot(self, asked: Sequence[Operation]) -> Sequence[Sequence[Record]]:
        return await self._snapshots.read(asked)

    async def examine(self) -> Sequence[Finding]:
        """Whether this SQLite, its file and its settings keep what is promised."""
        return examined(self._read, self.config)

    # --- life cycle --------------------------------------------------------------------------

    async def schema(self) -> SchemaState:
        """Which version the file is at, and which one this code wants."""
        try:
            found = version_found(self._texts, self._read)
        except sqlite3.Error as error:
            raise trouble(error, file=self.path) from error
        absent = "" if self.path.exists() else f"file {self.path}"
        return SchemaState(found, len(self._steps), absent)

    async def migrate(self) -> SchemaState:
        """Take the steps that are missing. Raises SchemaError where the tables are newer, or not ours."""
        state = await self.schema()
        if not state.current:
            await self._write().do(Migrate(self._texts, self._steps, self._clock))
        return await self.schema()

    async def aclose(self) -> None:
        """Finish what waits, close every connection, and let others write."""
        await self._long.aclose()
        await self._snapshots.aclose()
        # The writer closes last: whoever closes last folds the log into the file, and readers cannot.
        self._reader.close()
        if self._writer is not None:
            await self._writer.stop()
        if self._lock is not None:
            self._lock.release()
