"""From SQLite's errors to ours, in one table."""

from __future__ import annotations

import sqlite3

from purchase_core.errors import InvalidArgument, InvalidText, PurchaseError, SchemaError, StoreUnavailable
from purchase_sql.encode import SURROGATE

FAILURES = (sqlite3.Error, UnicodeEncodeError, OverflowError)
"""What the driver raises: SQLite's errors, and its own for values that SQLite cannot be given."""

PRIMARY = 0xFF  # SQLite's extended codes carry the primary one in their low byte

_WHAT: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_BUSY: (
        "another process holds the database's write lock",
        "Try again; if it lasts, look for a long transaction, or raise busy_timeout_seconds.",
    ),
    sqlite3.SQLITE_LOCKED: ("another connection holds a table", "Try again."),
    sqlite3.SQLITE_FULL: ("the disk, or the database's own limit, is full", "Make room; reading goes on."),
    sqlite3.SQLITE_IOERR: ("the disk reports an error", "Check the disk before you go on."),
    sqlite3.SQLITE_READONLY: ("the database cannot be written", "Check the rights of file and folder."),
    sqlite3.SQLITE_CANTOPEN: ("the database cannot be opened", "Check the path, and the folder's rights."),
    sqlite3.SQLITE_CORRUPT: ("the database file is damaged", "Stop writing, and restore a backup."),
    sqlite3.SQLITE_NOTADB: ("the file is not a SQLite database", "Check the path."),
}
_OF_THE_FILE = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
}


def trouble(error: Exception, *, outcome_unknown: bool = False, file: object = "") -> PurchaseError:
    """What one of FAILURES means to the caller. Carries no values: a statement's are never in its error.

    `file` is named where it is what has to be looked at.
    """
    if isinstance(error, UnicodeEncodeError):
        return InvalidText(SURROGATE)
    if isinstance(error, OverflowError):
        return InvalidArgument("an integer has more than 64 bits")
    code = getattr(error, "sqlite_errorcode", 0) & PRIMARY
    if code in _WHAT:
        what, hint = _WHAT[code]
        what = f"{what}: {file}" if file and code in _OF_THE_FILE else what
        return StoreUnavailable(what, outcome_unknown=outcome_unknown, hint=hint)
    text = str(error)
    if code == sqlite3.SQLITE_ERROR and text.startswith(("no such table", "no such column", "table ")):
        return SchemaError(f"the tables are not those of this code: {text}", hint="Run `purchase migrate`.")
    if code in (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH):
        return InvalidArgument(f"a value does not fit its column: {text}")
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in text:
        return StoreUnavailable("the store is closed")
    return StoreUnavailable(f"SQLite says: {text}", outcome_unknown=outcome_unknown)
