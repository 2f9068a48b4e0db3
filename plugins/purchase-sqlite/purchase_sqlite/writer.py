"""The one writer of a process: a thread that commits whatever waits, in one transaction.

Making a transaction durable costs the same for one batch as for fifty, so those that wait share one, each
behind its own savepoint: a batch that is refused takes no other with it. Nobody hears of success before
COMMIT has returned. A unit of work hops to this thread once and back once, not once a statement.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeAlias, TypeVar

import attrs

from purchase_core.errors import PurchaseError, StoreUnavailable
from purchase_sql.shapes import Value
from purchase_sqlite.binding import written_out
from purchase_sqlite.troubles import FAILURES, PRIMARY, trouble

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Execute: TypeAlias = Callable[[str, Sequence[Value]], sqlite3.Cursor]
Recorder: TypeAlias = Callable[[str, Sequence[Value]], None]
"""Is told of every statement and its parameters just before it runs, on the thread that runs it."""

LOST_WRITES = (sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC)


class Work(Protocol[T_co]):
    """Something to do within a transaction, all of it or nothing."""

    def run(self, execute: Execute) -> T_co:
        """Do it."""
        ...

    def refused(self, error: sqlite3.IntegrityError, execute: Execute) -> T_co:
        """A constraint ended it and nothing of it is left: raise what that means, or return."""
        ...


@attrs.define(eq=False)
class _Unit:
    work: Work[object]
    future: asyncio.Future[Any]
    value: object = None
    error: Exception | None = None

    def settle(self) -> None:
        """Tell who waits; whoever was cancelled waits no more."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.value)


def executing(connection: sqlite3.Connection, recorder: Recorder | None) -> Execute:
    """Executes on a connection, and tells the recorder if there is one."""
    run = connection.execute

    def execute(text: str, values: Sequence[Value]) -> sqlite3.Cursor:
        plain, order = written_out(text)
        ordered = values if order is None else order(values)
        if recorder is not None:
            recorder(plain, ordered)
        return run(plain, ordered)

    return execute


class Writer:
    """Owns the connection that writes, from when it is made until `stop`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        group_batches_max: int,
        queue_batches_max: int,
        recorder: Recorder | None,
    ) -> None:
        self.connection = connection
        self._execute = executing(connection, recorder)
        self._group_max = group_batches_max
        self._queue_max = queue_batches_max
        self._queue: SimpleQueue[_Unit | None] = SimpleQueue()
        self._waiting = 0
        self._stopped = False
        self._lost_writes = False
        self._process = os.getpid()
        # A daemon: an application that forgets to close must not hang, and a commit cut short is none.
        self._thread = threading.Thread(target=self._serve, name="purchase-sqlite-writer", daemon=True)
        self._thread.start()

    async def do(self, work: Work[T]) -> T:
        """Do some work in a transaction; durable when this returns.

        Raises what the work raises, and StoreUnavailable. Whoever is cancelled does not know if it was done.
        """
        if self._stopped:
            raise StoreUnavailable("the store is closed")
        if os.getpid() != self._process:
            raise StoreUnavailable(
                "the store was opened by another process, before a fork",
                hint="Open a store of its own in each process.",
            )
        if self._waiting >= self._queue_max:
            raise StoreUnavailable(
                f"{self._waiting} batches wait to be written already",
                hint="Try again; if it lasts, the disk is too slow for what arrives.",
            )
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting += 1
        self._queue.put(_Unit(work, future))
        return await future

    async def stop(self) -> None:
        """Finish what waits, and close the connection. Doing so again does nothing."""
        if not self._stopped:
            self._stopped = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    # --- from here on, in the writer's thread ------------------------------------------------

    def _serve(self) -> None:
        open_ = True
        while open_:
            group, open_ = self._next_group()
            try:
                self._write([unit for unit in group if not unit.future.cancelled()])
            except Exception as error:  # a fault of ours must not leave anybody waiting for ever
                for unit in group:
                    unit.error = unit.error or StoreUnavailable(
                        f"the writer failed: {type(error).__name__}", outcome_unknown=True
                    )
                self._rolled_back()
            self._answer(group)
        self.connection.close()

    def _next_group(self) -> tuple[list[_Unit], bool]:
        group: list[_Unit] = []
        unit = self._queue.get()
        while unit is not None:
            group.append(unit)
            if len(group) == self._group_max:
                return group, True
            try:
                unit = self._queue.get_nowait()
            except Empty:
                return group, True
        return group, False

    def _answer(self, group: Sequence[_Unit]) -> None:
        """One wake-up of the event loop for the whole group."""
        for loop in {unit.future.get_loop() for unit in group}:
            mine = [unit for unit in group if unit.future.get_loop() is loop]
            try:
                loop.call_soon_threadsafe(self._settle, mine)
            except RuntimeError:  # the loop is closed: nobody waits there any more
                self._waiting -= len(mine)

    def _settle(self, group: Sequence[_Unit]) -> None:
        self._waiting -= len(group)
        for unit in group:
            unit.settle()

    def _write(self, group: Sequence[_Unit]) -> None:
        if not group:
            return
        if self._lost_writes:
            for unit in group:
                unit.error = StoreUnavailable(
                    "the disk lost a write; this process writes no more",
                    hint="Check the disk and the database, then restart.",
                )
            return
        try:
            self._roll_back()  # what could not be rolled back at its time
            self._execute("BEGIN IMMEDIATE", ())
        except sqlite3.Error as error:
            for unit in group:
                unit.error = self._trouble(error)
            if getattr(error, "sqlite_errorcode", 0) & PRIMARY == sqlite3.SQLITE_BUSY:
                self._refuse_waiting(error)
            return
        if len(group) == 1:
            self._alone(group[0])
        else:
            self._together(group)

    def _refuse_waiting(self, error: sqlite3.Error) -> None:
        """Who came while a lock was waited for would wait for it anew, group after group: tell them now."""
        behind: list[_Unit] = []
        for _ in range(self._queue.qsize()):
            unit = self._queue.get()
            if unit is None:
                self._queue.put(None)  # to stop comes last
                break
            unit.error = self._trouble(error)
            behind.append(unit)
        self._answer(behind)

    def _alone(self, unit: _Unit) -> None:
        try:
            unit.value = unit.work.run(self._execute)
        except Exception as error:  # whatever it is, it is the caller's
            failed = self._rolled_back()
            if failed is None:
                self._explain(unit, error)
            else:  # asking now would show what the transaction has written, and is not to stay
                unit.error = self._trouble(failed)
        else:
            self._commit([unit])

    def _together(self, group: Sequence[_Unit]) -> None:
        try:
            for unit in group:
                self._within(unit)
        except sqlite3.Error:
            # A full disk and the like end the whole transaction: then each gets one of its own.
            self._rolled_back()
            for unit in group:
                unit.value = unit.error = None
                self._write([unit])
        else:
            self._commit(group)

    def _within(self, unit: _Unit) -> None:
        """One of a group, behind its savepoint. Raises sqlite3.Error if the transaction cannot go on."""
        execute = self._execute
        execute("SAVEPOINT batch", ())
        try:
            unit.value = unit.work.run(execute)
        except Exception as error:  # the others of the group are not to suffer from it
            execute("ROLLBACK TO batch", ())
            self._explain(unit, error)
        execute("RELEASE batch", ())

    def _explain(self, unit: _Unit, error: Exception) -> None:
        try:
            unit.value = self._meaning(unit, error)
        except sqlite3.Error as failed:  # asking what it means went wrong by itself
            unit.error = self._trouble(failed)
        except Exception as meant:
            meant.__cause__ = error if meant is not error else None
            unit.error = meant

    def _meaning(self, unit: _Unit, error: Exception) -> object:
        if isinstance(error, sqlite3.IntegrityError):
            return unit.work.refused(error, self._execute)
        raise self._trouble(error) if isinstance(error, FAILURES) else error

    def _commit(self, group: Sequence[_Unit]) -> None:
        try:
            self._execute("COMMIT", ())
        except sqlite3.Error as error:
            self._rolled_back()
            # What reached the log may come to life when the next process recovers it.
            unknown = getattr(error, "sqlite_errorcode", 0) & PRIMARY != sqlite3.SQLITE_BUSY
            for unit in group:
                # Those that were refused too: perhaps because of another one, which has not come to be.
                unit.error = self._trouble(error, outcome_unknown=unknown)

    def _trouble(self, error: Exception, *, outcome_unknown: bool = False) -> PurchaseError:
        # After a failed sync the system may drop what it did not write, and call the next sync a success.
        if getattr(error, "sqlite_errorcode", 0) in LOST_WRITES:
            self._lost_writes = True
        return trouble(error, outcome_unknown=outcome_unknown)

    def _rolled_back(self) -> sqlite3.Error | None:
        """Roll back, and return what went wrong; the next transaction makes up for it."""
        try:
            self._roll_back()
        except sqlite3.Error as error:
            return error
        return None

    def _roll_back(self) -> None:
        if self.connection.in_transaction:
            self._execute("ROLLBACK", ())
