"""Bugs for the harness to find: a harness that finds nothing proves nothing.

Each is planted in a worker before it opens anything, and must be found at a few points of its sites.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

import attrs
from msgspec.structs import replace

from purchase_core.inbox.inbox import DeliveryReceipt, Inbox
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.records.delivery import PENDING
from purchase_core.workflows.command_log import CommandLog
from purchase_d1.http import HttpTransport
from purchase_d1.running import Runner as D1Runner
from purchase_d1.transport import Unanswered
from purchase_postgres.running import Runner
from purchase_sandbox.adapter import SandboxProvider
from purchase_sql.asking import EVERYTHING
from purchase_sqlite import connect
from purchase_sqlite.store import SqliteStore
from purchase_sqlite.works import Migrate
from purchase_sqlite.writer import Writer
from tests.crash_points.points import Point

KILLS = ("sqlite/writer/kill/fdatasync",)
EVERYWHERE = range(1, 1_000_000)
_tasks: set[asyncio.Task[Any]] = set()


@attrs.frozen
class Bug:
    """What is wrong, and the sites at which it is looked for."""

    wrong: str
    sites: tuple[str, ...]
    plant: Callable[[], None]
    numbers: range = EVERYWHERE
    by_chance: bool = False  # found where deliveries happen to meet, which differs from run to run

    def looks_at(self, point: Point) -> bool:
        """Whether this point may find it."""
        return str(point.site) in self.sites and point.number in self.numbers

    @property
    def store(self) -> str:
        """The store that it is in."""
        return self.sites[0].partition("/")[0]


BUGS: dict[str, Bug] = {}


def bug(
    *sites: str, numbers: range = EVERYWHERE, by_chance: bool = False
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """List a bug under the name of the function that plants it."""

    def listed(plant: Callable[[], None]) -> Callable[[], None]:
        BUGS[plant.__name__.replace("_", "-")] = Bug(
            (plant.__doc__ or "").strip(), sites, plant, numbers, by_chance
        )
        return plant

    return listed


def _put(owner: object, name: str, value: object) -> None:
    patch.object(owner, name, value).start()


def _later(work: Any) -> None:
    task = asyncio.get_running_loop().create_task(work)
    _tasks.add(task)
    task.add_done_callback(lambda done: done.exception())


@bug(*KILLS)
def acknowledges_before_commit() -> None:
    """A commit is called done when it is queued."""
    commit = SqliteStore.commit

    async def hasty(store: SqliteStore, batch: Batch) -> None:
        if batch.deliveries:
            _later(commit(store, batch))
        else:
            await commit(store, batch)

    _put(SqliteStore, "commit", hasty)


@bug(*KILLS, by_chance=True)
def inbox_row_apart() -> None:
    """The inbox row is written before its effects, in a transaction of its own."""
    commit = SqliteStore.commit

    async def apart(store: SqliteStore, batch: Batch) -> None:
        if batch.deliveries and batch.facts:
            await commit(store, Batch(batch.id + "_inbox", batch.at, deliveries=batch.deliveries))
            batch = replace(batch, deliveries=())
        await commit(store, batch)

    async def all_apart(store: SqliteStore, batches: Sequence[Batch]) -> None:
        for batch in batches:
            await apart(store, batch)

    _put(SqliteStore, "commit", apart)
    _put(SqliteStore, "commit_all", all_apart)


@bug(*KILLS)
def facts_apart() -> None:
    """Facts are written after what follows from them, in a transaction of their own."""
    commit = SqliteStore.commit

    async def apart(store: SqliteStore, batch: Batch) -> None:
        await commit(store, replace(batch, facts=()))
        await commit(store, Batch(batch.id + "_facts", batch.at, facts=batch.facts))

    _put(SqliteStore, "commit", apart)


@bug("sqlite/writer/io/fdatasync")
def swallows_a_failed_sync() -> None:
    """A commit that could not be synced is called a success."""

    def swallowing(writer: Writer, group: Sequence[Any]) -> None:
        try:
            writer._execute("COMMIT", ())
        except sqlite3.Error:
            writer._rolled_back()

    _put(Writer, "_commit", swallowing)


@bug("sqlite/statement/full/COMMIT", numbers=range(30, 60), by_chance=True)  # about where events come twice
def tells_a_refusal_of_a_failed_commit() -> None:
    """Who was refused because of another one of the group is told so, although that one has failed."""
    commit = Writer._commit

    def partly(writer: Writer, group: Sequence[Any]) -> None:
        commit(writer, [unit for unit in group if unit.error is None])

    find = SqliteStore.delivery

    async def believing(store: SqliteStore, connection: str, event_id: str) -> Any:
        return await find(store, connection, event_id) or _Believed(event_id)

    _put(Writer, "_commit", partly)
    _put(SqliteStore, "delivery", believing)


class _Believed:
    """A delivery that is taken to be there."""

    id = connection = event_type = ""

    def __init__(self, event_id: str) -> None:
        self.event_id = event_id


@bug(*KILLS)
def keeps_claims_for_ever() -> None:
    """A claim has no end, so that what a dead worker had taken is never done."""
    claim = SqliteStore.claim

    async def for_ever(store: SqliteStore, *, now: Instant, lease_until: Instant, limit: int) -> Any:
        return await claim(store, now=now, lease_until=EVERYTHING, limit=limit)

    _put(SqliteStore, "claim", for_ever)


@bug("sqlite/statement/kill/INSERT")
def queues_in_memory() -> None:
    """A delivery is answered first and kept later."""
    keep = Inbox._keep

    async def later(inbox: Inbox, delivery: Any, *rest: Any) -> Any:
        known = await inbox._store.delivery(delivery.connection, delivery.event_id)
        if known is not None:
            return await keep(inbox, delivery, *rest)
        _later(keep(inbox, delivery, *rest))
        return DeliveryReceipt(delivery.id, delivery.connection, delivery.event_id, "", PENDING)

    _put(Inbox, "_keep", later)


@bug(*KILLS)
def sends_again_under_another_key() -> None:
    """A command whose answer was lost is sent again as a new one."""
    create = SandboxProvider.create_checkout

    async def anew(provider: SandboxProvider, request: Any, *, key: str) -> Any:
        return await create(provider, request, key=f"{key}-{os.getpid()}-{time.monotonic_ns()}")

    _put(SandboxProvider, "create_checkout", anew)


@bug(*KILLS, by_chance=True)
def records_after_calling() -> None:
    """A command is written down once the provider has answered."""
    place, change = CommandLog.place, CommandLog.change
    waiting: dict[str, tuple[Any, ...]] = {}

    async def wait(log: CommandLog, command: Any, facts: Any, offers: Any, *, version: Any = None) -> None:
        waiting[command.key] = (command, facts, offers)

    async def both(log: CommandLog, command: Any, *rest: Any) -> Any:
        if command.key in waiting:
            await place(log, *waiting.pop(command.key))
        return await change(log, command, *rest)

    _put(CommandLog, "place", wait)
    _put(CommandLog, "change", both)


@bug("sqlite/statement/kill/CREATE")
def migrates_in_pieces() -> None:
    """Each statement of a migration is a transaction of its own."""
    run = Migrate.run

    def in_pieces(migration: Migrate, execute: Any) -> int:
        execute("COMMIT", ())
        done = run(migration, execute)
        execute("BEGIN", ())
        return done

    _put(Migrate, "run", in_pieces)


@bug("sqlite/writer/kill/pwrite64")
def keeps_no_journal() -> None:
    """The database is written in place, without a journal."""

    def none(connection: sqlite3.Connection, deadline: float) -> None:
        connection.execute("PRAGMA journal_mode = OFF")

    _put(connect, "_use_wal", none)


@bug("postgres/line/cut", "postgres/line/kill")
def writes_without_a_transaction() -> None:
    """Each statement of a batch is sent and done by itself."""

    async def one_by_one(runner: Runner, operations: Sequence[Any], *, guarded: bool) -> None:
        for text, values in operations:
            await runner.written_rows(text, values)

    _put(Runner, "write", one_by_one)


@bug("d1/request/kill", numbers=range(90, 190))
def sends_a_batch_in_pieces() -> None:
    """Each statement of a batch is a request of its own."""
    write = D1Runner.write

    async def one_by_one(runner: D1Runner, statements: Sequence[Any]) -> None:
        for one in statements:
            await write(runner, [one])

    _put(D1Runner, "write", one_by_one)


@bug("d1/request/cut", numbers=range(20, 60))
def takes_silence_for_success() -> None:
    """A batch that nobody answered is called written."""
    answer = HttpTransport.batch

    async def hopeful(transport: HttpTransport, statements: Sequence[Any]) -> Any:
        try:
            return await answer(transport, statements)
        except Unanswered as lost:
            if not lost.maybe_written or statements[0][0].startswith(("SELECT", "WITH")):
                raise
            return [[] for _ in statements]

    _put(HttpTransport, "batch", hopeful)
