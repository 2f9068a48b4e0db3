"""Several reads from one snapshot."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from purchase_sql.decode import Record
from purchase_sql.encode import Operation
from purchase_sqlite.writer import Execute


def snapshot(execute: Execute, asked: Sequence[Operation]) -> Sequence[Sequence[Record]]:
    """The rows of each statement, within one read transaction: the first is as old as the rest."""
    execute("BEGIN", ())
    try:
        return [execute(text, values).fetchall() for text, values in asked]
    finally:
        _end(execute)


def _end(execute: Execute) -> None:
    """End the read transaction, whatever happens: every later snapshot would begin one within it."""
    try:
        execute("COMMIT", ())
    except sqlite3.Error:
        execute("ROLLBACK", ())
        raise
