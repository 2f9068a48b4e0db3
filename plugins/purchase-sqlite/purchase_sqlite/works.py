"""What the writer does: commit a batch, take what waits, migrate."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import attrs

from purchase_core.errors import LaneConflict, SchemaError
from purchase_core.instants import Clock
from purchase_core.ports.batch import Batch
from purchase_sql.decode import Record
from purchase_sql.encode import Operation
from purchase_sql.migration import Migration, pending
from purchase_sql.refusals import broken_guard, inquiry, refusal
from purchase_sql.shapes import Value
from purchase_sql.texts import Texts
from purchase_sqlite.troubles import trouble
from purchase_sqlite.writer import Execute


@attrs.define(eq=False)
class Commit:
    """Write one batch."""

    texts: Texts
    batch: Batch
    operations: Sequence[Operation]

    def run(self, execute: Execute) -> None:
        """Run its statements."""
        for text, values in self.operations:
            execute(text, values)

    def refused(self, error: sqlite3.IntegrityError, execute: Execute) -> None:
        """Raise what the broken guard means; a batch that was written before is a success."""
        guard = broken_guard(str(error), self.texts.prefix)
        if guard is None:
            raise trouble(error)
        found = execute(*inquiry(self.texts, self.batch, guard)).fetchall()
        meant = refusal(self.batch, guard, found)
        if meant is not None:
            raise meant


@attrs.define(eq=False)
class CommitAll:
    """Write several batches, all of them or nothing."""

    texts: Texts
    batches: Sequence[Batch]
    operations: Sequence[Operation]

    def run(self, execute: Execute) -> None:
        """Run their statements."""
        for text, values in self.operations:
            execute(text, values)

    def refused(self, error: sqlite3.IntegrityError, execute: Execute) -> None:
        """Raise LaneConflict whatever broken guard it was, unless all of them were written before."""
        guard = broken_guard(str(error), self.texts.prefix)
        if guard is None:
            raise trouble(error)
        if not all(execute(self.texts.batch, (one.id,)).fetchall() for one in self.batches):
            raise LaneConflict(f"one of {len(self.batches)} batches is refused: {guard}")


@attrs.define(eq=False)
class Take:
    """Run one statement that writes rows and returns them: what a worker takes."""

    text: str
    values: tuple[Value, ...]

    def run(self, execute: Execute) -> Sequence[Record]:
        """Take them, in whatever order they were updated in."""
        return execute(self.text, self.values).fetchall()

    def refused(self, error: sqlite3.IntegrityError, execute: Execute) -> Sequence[Record]:
        """It breaks no guard."""
        raise trouble(error)


@attrs.define(eq=False)
class Migrate:
    """Take the steps that are missing, in one transaction: a process that dies leaves none half taken."""

    texts: Texts
    steps: Sequence[Migration]
    clock: Clock

    def run(self, execute: Execute) -> int:
        """Take them, and return the version that the tables are at. Raises SchemaError."""
        found = version_found(self.texts, execute)
        if found == 0:
            self._refuse_other_tables(execute)
        for step in pending(self.steps, found):
            for statement in step.statements:
                execute(statement, ())
            execute(self.texts.version_insert, (step.version, self.clock.now()))
        return len(self.steps)

    def refused(self, error: sqlite3.IntegrityError, execute: Execute) -> int:
        """It breaks no guard."""
        raise trouble(error)

    def _refuse_other_tables(self, execute: Execute) -> None:
        """Tables without a version are not ours: never mix rows into them."""
        names = {name for (name,) in execute("SELECT name FROM sqlite_master WHERE type = 'table'", ())}
        taken = names.intersection(name for step in self.steps for name in step.tables)
        if taken:
            raise SchemaError(
                f"the database has tables of these names, which are not ours: {', '.join(sorted(taken))}",
                hint="Set a prefix, or use a file of its own.",
            )


def version_found(texts: Texts, execute: Execute) -> int:
    """The version that the tables are at; 0 where there are none."""
    try:
        ((version,),) = execute(texts.schema_version, ()).fetchall()
    except sqlite3.OperationalError as error:
        if str(error).startswith("no such table"):
            return 0
        raise
    return int(version)
