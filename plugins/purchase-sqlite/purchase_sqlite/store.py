"""The store in a SQLite file.

Writes go through the one writer. Reads of a few rows run on the calling thread: they take microseconds,
less than waking another thread does (README, "Below aiosqlite"). Lists, which can be long, go through
aiosqlite, so that they never hold up the event loop. Both have connections that cannot write.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from purchase_core.catalog.versions import OfferVersion, decode_offer
from purchase_core.errors import StoreUnavailable
from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.rows import Row
from purchase_core.instants import Clock, Instant, SystemClock
from purchase_core.ports.store import PAGE_ROWS_MAX, Batch, Question, SchemaState, Store, View
from purchase_core.records.command import Command
from purchase_core.records.delivery import DONE, Delivery
from purchase_core.records.effect import Effect
from purchase_core.records.lane import Lane
from purchase_core.records.reference import PriceReference, Reference
from purchase_sql import decode
from purchase_sql.clusters import ClusterTexts
from purchase_sql.encode import operations, text_list
from purchase_sql.generated.sqlite import STATEMENTS
from purchase_sql.migration import migrations
from purchase_sql.shapes import Value
from purchase_sql.texts import texts
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.connect import open_reader, open_writer
from purchase_sqlite.lock import WriterLock
from purchase_sqlite.long_reads import LongReads
from purchase_sqlite.looking import look
from purchase_sqlite.troubles import FAILURES, trouble
from purchase_sqlite.works import Claim, Commit, CommitAll, Migrate, version_found
from purchase_sqlite.writer import Recorder, Writer, executing

R = TypeVar("R", bound=Row)
T = TypeVar("T")

EVERYTHING = Instant(2**53 - 1)  # the last instant that every database can compare
BEYOND_EVERY_ID = "\U0010ffff"


class SqliteStore(Store):
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
        self.path = path
        self.config = config
        self.sole_writer = lock is not None and not config.several_writers
        self._clock = clock
        self._lock = lock
        self._writer = writer
        self._reader = reader
        self._read = executing(reader, recorder)
        self._long = LongReads(path, config, recorder)
        self._texts = texts(STATEMENTS, config.prefix)
        self._clusters = ClusterTexts()
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

        Raises StoreUnavailable if another process writes the file, or if it cannot be used.
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

    async def committed(self, batch_id: str) -> bool:
        """Whether a batch of this id was written."""
        return bool(self._rows(self._texts.batch, (batch_id,)))

    async def claim(self, *, now: Instant, lease_until: Instant, limit: int) -> Sequence[Delivery]:
        """Take pending rows that are due and free, oldest first."""
        return await self._write().do(Claim(self._texts, now, lease_until, limit))

    def _write(self) -> Writer:
        if self._writer is None:
            raise StoreUnavailable(
                "this store was opened to read only", hint="Open it without read_only = true to write."
            )
        return self._writer

    # --- reading for a decision --------------------------------------------------------------

    async def look(self, question: Question) -> View:
        """Everything the question names, from one snapshot."""
        try:
            return look(self._texts, self._clusters, self._read, question)
        except sqlite3.Error as error:
            raise trouble(error) from error

    async def lane(self, lane: str) -> Lane:
        """One lane; version 0 if it does not exist."""
        found = self._rows(self._texts.lane, (lane,))
        return decode.lane(found[0]) if found else Lane(lane)

    async def offers(self, hashes: Sequence[str]) -> Mapping[str, OfferVersion]:
        """Offer versions that were sold, by hash."""
        found = self._rows(self._texts.offers, (text_list(hashes),))
        return {key: decode_offer(body) for key, body in found}

    async def price_for(self, connection: str, version: str, currency: str) -> PriceReference | None:
        """The newest price of an offer version in a currency that has not ended."""
        return self._one(decode.price, self._texts.price_for, (connection, version, currency))

    async def references_of(self, lane: str, kind: str) -> Sequence[Reference]:
        """References of one kind that belong to a lane, by ascending object."""
        # `;` is the character after `:`, so the range holds what begins with `kind:`.
        found = self._rows(self._texts.references_of, (lane, f"{kind}:", f"{kind};"))
        return [decode.reference(record) for record in found]

    async def command(self, key: str) -> Command | None:
        """The command of this key."""
        return self._one(decode.command, self._texts.command, (key,))

    async def command_by_id(self, command_id: str) -> Command | None:
        """The command of this id."""
        return self._one(decode.command, self._texts.command_by_id, (command_id,))

    async def open_commands(self, *, before: Instant, limit: int) -> Sequence[Command]:
        """Commands not known to have ended, last touched before, oldest first."""
        found = await self._long.rows(self._texts.commands_open, (before, limit))
        return [decode.command(record) for record in found]

    # --- reading for people and replay -------------------------------------------------------

    async def delivery(self, connection: str, event_id: str) -> Delivery | None:
        """The inbox row of an event."""
        return self._one(decode.delivery, self._texts.delivery, (connection, event_id))

    async def delivery_by_id(self, delivery_id: str) -> Delivery | None:
        """The inbox row of this id."""
        return self._one(decode.delivery, self._texts.delivery_by_id, (delivery_id,))

    async def deliveries(
        self, *, state: str = "", before_id: str = "", limit: int = 100
    ) -> Sequence[Delivery]:
        """Inbox rows, newest first, without their bodies."""
        page = (before_id or BEYOND_EVERY_ID, limit)
        if not state:
            found = await self._long.rows(self._texts.deliveries, page)
        elif state == DONE:
            found = await self._long.rows(self._texts.deliveries_done, page)
        else:
            found = await self._long.rows(self._texts.deliveries_in, (state, *page))
        return [decode.delivery_without_body(record) for record in found]

    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        """Facts of a lane, in order of recording."""
        values = (lane, EVERYTHING if known_at is None else known_at, after, limit)
        found = await self._long.rows(self._texts.facts, values)
        return [decode.recorded_fact(record) for record in found]

    async def linked_lanes(self, lane: str) -> Sequence[str]:
        """Lanes that are linked to this one, ascending."""
        return [name for (name,) in await self._long.rows(self._texts.linked_lanes, (lane,))]

    async def facts_about(self, root: str) -> Sequence[RecordedFact]:
        """Facts about the objects of one cluster, by the instant of recording."""
        found = await self._long.rows(self._texts.facts_about, (root,))
        return [decode.recorded_fact(record)[1] for record in found]

    async def rows(
        self, row_type: type[R], *, lane: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[R]:
        """Rows of one table by ascending key; of one lane, or of all."""
        if lane:
            found = await self._long.rows(self._texts.row_page_of_lane[row_type], (lane, after_key, limit))
        else:
            found = await self._long.rows(self._texts.row_page[row_type], (after_key, limit))
        return [decode.row(row_type, record) for record in found]

    async def effects(self, lane: str, *, limit: int = PAGE_ROWS_MAX) -> Sequence[Effect]:
        """The outbox of one lane, in order."""
        found = await self._long.rows(self._texts.effects, (lane, limit))
        return [decode.effect(record) for record in found]

    # --- life cycle --------------------------------------------------------------------------

    async def schema(self) -> SchemaState:
        """Which version the file is at, and which one this code wants."""
        try:
            found = version_found(self._texts, self._read)
        except sqlite3.Error as error:
            raise trouble(error) from error
        return SchemaState(found, len(self._steps))

    async def migrate(self) -> SchemaState:
        """Take the steps that are missing. Raises SchemaError where the tables are newer, or not ours."""
        state = await self.schema()
        if not state.current:
            await self._write().do(Migrate(self._texts, self._steps, self._clock))
        return await self.schema()

    async def aclose(self) -> None:
        """Finish what waits, close every connection, and let others write."""
        await self._long.aclose()
        # The writer closes last: whoever closes last folds the log into the file, and readers cannot.
        self._reader.close()
        if self._writer is not None:
            await self._writer.stop()
        if self._lock is not None:
            self._lock.release()

    def _rows(self, text: str, values: tuple[Value, ...]) -> list[Any]:
        try:
            # All of them: a statement that is not read to its end keeps its snapshot open.
            return self._read(text, values).fetchall()
        except FAILURES as error:
            raise trouble(error) from error

    def _one(self, decoded: Callable[[Any], T], text: str, values: tuple[Value, ...]) -> T | None:
        found = self._rows(text, values)
        return decoded(found[0]) if found else None
