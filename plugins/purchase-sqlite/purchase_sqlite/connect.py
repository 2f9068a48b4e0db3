"""Opening the file: one connection that writes, others that cannot."""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path

from purchase_core.errors import StoreMissing, StoreUnavailable
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.troubles import PRIMARY, trouble

OLDEST = (3, 37, 0)  # the first that knows STRICT tables
WAL_RESET_FIXED = (3, 51, 3)
STATEMENTS_CACHED_MAX = 256  # more than there are, so that none is ever compiled twice
WAL_RETRY_SECONDS = 0.01
NOTHING = "file::memory:?mode=memory"

log = logging.getLogger("purchase.sqlite")


def open_writer(path: Path, config: SqliteConfig) -> sqlite3.Connection:
    """The connection that writes; makes the file if there is none. Raises StoreUnavailable."""
    if sqlite3.sqlite_version_info < OLDEST:
        raise StoreUnavailable(
            f"SQLite {sqlite3.sqlite_version} is too old: {'.'.join(map(str, OLDEST))} or later is needed",
            hint="Use a Python that comes with a newer SQLite, or a newer system library.",
        )
    if config.several_writers and sqlite3.sqlite_version_info < WAL_RESET_FIXED:
        log.warning(
            "SQLite %s can corrupt a database that several processes write (the WAL-reset bug); "
            "use %s or later, or one writing process without several_writers",
            sqlite3.sqlite_version,
            ".".join(map(str, WAL_RESET_FIXED)),
        )
    try:
        connection = sqlite3.connect(
            path,
            timeout=config.busy_timeout_seconds,
            isolation_level=None,  # nothing begins a transaction behind our back
            check_same_thread=False,
            cached_statements=STATEMENTS_CACHED_MAX,
        )
        try:
            _prepare(connection, config.busy_timeout_seconds)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise trouble(error, file=path) from error
    return connection


def open_reader(path: Path, config: SqliteConfig) -> sqlite3.Connection:
    """A connection that cannot write. Raises StoreUnavailable, and StoreMissing.

    A file that is not there has no tables, as an empty one has none; it is not made. A folder that is not
    there is another matter: it was not mounted, or the path is wrong.
    """
    need_folder(path)
    try:
        return sqlite3.connect(
            read_only_address(path) if path.exists() else NOTHING,
            uri=True,
            timeout=config.busy_timeout_seconds,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS_CACHED_MAX,
        )
    except sqlite3.Error as error:
        raise trouble(error, file=path) from error


def need_folder(path: Path) -> None:
    """Make sure that the folder of a file is there. Raises StoreMissing."""
    if not path.parent.is_dir():
        raise StoreMissing(
            f"there is no folder {path.parent}",
            hint="Create or mount the folder and run `purchase migrate`, or correct [store] path.",
        )


def read_only_address(path: Path) -> str:
    """The address under which SQLite opens a file for reading only."""
    return f"{path.absolute().as_uri()}?mode=ro"


def _prepare(connection: sqlite3.Connection, busy_timeout_seconds: float) -> None:
    _use_wal(connection, time.monotonic() + busy_timeout_seconds)
    # What was acknowledged survives a power cut; a log that is synced less often does not promise that.
    connection.execute("PRAGMA synchronous = FULL")
    # Savepoints copy pages aside; a file for that would cost more than what they guard.
    connection.execute("PRAGMA temp_store = MEMORY")


def _use_wal(connection: sqlite3.Connection, deadline: float) -> None:
    # Changing the mode does not wait for other connections by itself, unlike everything else.
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & PRIMARY == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= deadline:
                raise
            time.sleep(WAL_RETRY_SECONDS)
        else:
            if mode != "wal":
                raise StoreUnavailable(
                    f"the database cannot use a write-ahead log (it stays in mode {mode!r})",
                    hint="Put the file on a local disk; network file systems cannot share it safely.",
                )
            return
