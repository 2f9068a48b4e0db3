"""The smallest store over purchase-sql: what the author of another SQL store writes.

One connection of Python's own sqlite3, one transaction at a time. It keeps the whole contract of stores, and
lacks what makes the store of `purchase-sqlite` fast and hard to hurt: group commit, readers of their own, a
writer's lock, errors told apart. `docs/writing-a-store.md` explains it from top to bottom.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from purchase_core.errors import (
    InvalidArgument,
    InvalidText,
    LaneConflict,
    PurchaseError,
    SchemaError,
    StoreUnavailable,
)
from purchase_core.instants import Clock, SystemClock
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import SchemaState
from purchase_sql.decode import Record
from purchase_sql.encode import SURROGATE, Operation, operations
from purchase_sql.generated.sqlite import STATEMENTS
from purchase_sql.migration import migrations, pending
from purchase_sql.refusals import broken_guard, inquiry, refusal
from purchase_sql.shapes import Value
from purchase_sql.store import SqlStore
from purchase_sql.texts import texts

BUSY_SECONDS = 5.0
NUMBERED = re.compile(r"\?(\d+)")


class SmallStore(SqlStore):
    """A SQLite file, as plainly as can be."""

    def __init__(self, path: Path, prefix: str = "", clock: Clock | None = None) -> None:
        super().__init__(texts(STATEMENTS, prefix))
        self.path = path
        self._clock = clock or SystemClock()
        self._steps = migrations("sqlite", prefix)
        self._database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)

    # --- running statements: the whole of what a driver differs in ---------------------------

    def _execute(self, text: str, values: Sequence[Value] = ()) -> Sequence[Record]:
        """Run one statement. Its parameters are numbered; this driver takes them by name."""
        return self._database.execute(
            NUMBERED.sub(r":p\1", text), {f"p{number}": value for number, value in enumerate(values, 1)}
        ).fetchall()

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        """All of it or nothing. Raises our errors for the driver's."""
        try:
            self._execute(f"BEGIN {kind}")
            yield
            self._execute("COMMIT")
        except BaseException as error:
            if self._open and self._database.in_transaction:
                self._execute("ROLLBACK")
            raise (_meaning(error) if isinstance(error, Exception) else error) from error

    @property
    def _open(self) -> bool:
        try:
            return self._database.total_changes >= 0
        except sqlite3.ProgrammingError:
            return False

    async def _rows(self, text: str, values: tuple[Value, ...]) -> Sequence[Record]:
        with self._transaction("DEFERRED"):
            return self._execute(text, values)

    async def _snapshot(self, asked: Sequence[Operation]) -> Sequence[Sequence[Record]]:
        with self._transaction("DEFERRED"):
            return [self._execute(text, values) for text, values in asked]

    # --- writing -----------------------------------------------------------------------------

    async def commit(self, batch: Batch) -> None:
        """Run the batch's statements; a guard that breaks ends them, and an inquiry says what it means."""
        try:
            with self._transaction("IMMEDIATE"):
                for text, values in operations(self._texts, self._clusters, batch):
                    self._execute(text, values)
        except InvalidArgument as error:
            guard = broken_guard(str(error.__cause__), self._texts.prefix)
            if guard is None:
                raise
            meant = refusal(batch, guard, await self._rows(*inquiry(self._texts, batch, guard)))
            if meant is not None:  # none: the batch was written before
                raise meant from error

    async def commit_all(self, batches: Sequence[Batch]) -> None:
        """Several batches as one: if one of them is refused, nothing of any is written."""
        try:
            with self._transaction("IMMEDIATE"):
                for text, values in operations(self._texts, self._clusters, *batches):
                    self._execute(text, values)
        except InvalidArgument as error:
            if broken_guard(str(error.__cause__), self._texts.prefix) is None:
                raise
            if not all([await self.committed(one.id) for one in batches]):
                raise LaneConflict(f"one of {len(batches)} batches is refused") from error

    async def _taken(self, text: str, values: tuple[Value, ...]) -> Sequence[Record]:
        with self._transaction("IMMEDIATE"):
            return self._execute(text, values)

    # --- life cycle --------------------------------------------------------------------------

    async def schema(self) -> SchemaState:
        """Which version the tables are at, and which one this code wants."""
        try:
            ((found,),) = await self._rows(self._texts.schema_version, ())
        except SchemaError:  # there are none
            found = 0
        return SchemaState(found, len(self._steps))

    async def migrate(self) -> SchemaState:
        """Take the steps that are missing, in one transaction that nobody else can be in."""
        with self._transaction("IMMEDIATE"):
            tables = self._execute(
                "SELECT 1 FROM sqlite_master WHERE name = ?1", (f"{self._texts.prefix}schema_version",)
            )
            found = self._execute(self._texts.schema_version)[0][0] if tables else 0
            for step in pending(self._steps, found):
                for statement in step.statements:
                    self._execute(statement)
                self._execute(self._texts.version_insert, (step.version, self._clock.now()))
        return await self.schema()

    async def aclose(self) -> None:
        """Close the connection. Doing so again does nothing."""
        self._database.close()


def _meaning(error: Exception) -> Exception:
    """From the driver's errors to ours: every store has such a table."""
    match error:
        case PurchaseError():
            return error
        case UnicodeEncodeError():
            return InvalidText(SURROGATE)
        case sqlite3.IntegrityError() | OverflowError():
            return InvalidArgument("a value does not fit its column")
        case sqlite3.OperationalError() if str(error).startswith("no such table"):
            return SchemaError("there are no tables", hint="Run `purchase migrate`.")
        case sqlite3.Error():
            return StoreUnavailable("SQLite cannot do this now")
        case _:
            return error
