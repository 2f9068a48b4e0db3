"""What a doctor should know of a SQLite file: versions and settings that endanger what is promised."""

from __future__ import annotations

import sqlite3

from purchase_core.records.finding import ERROR, WARNING, Finding
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.connect import WAL_RESET_FIXED
from purchase_sqlite.writer import Execute


def examined(execute: Execute, config: SqliteConfig) -> list[Finding]:
    """Everything that is not as it should be."""
    found = []
    if config.several_writers and sqlite3.sqlite_version_info < WAL_RESET_FIXED:
        message = f"SQLite {sqlite3.sqlite_version} can corrupt a file that several processes write"
        wanted = ".".join(map(str, WAL_RESET_FIXED))
        fix = f"Use SQLite {wanted} or later, or one writing process without several_writers."
        found.append(Finding("sqlite.version", ERROR, message, fix=fix))
    ((mode,),) = execute("PRAGMA journal_mode", ()).fetchall()
    if mode not in ("wal", "memory"):  # memory: there is no file yet
        message = f"the file is in journal mode {mode}, so that readers and the writer wait for each other"
        found.append(Finding("sqlite.journal", WARNING, message, fix="Open it once for writing."))
    ((sound,),) = execute("PRAGMA quick_check(1)", ()).fetchall()
    if sound != "ok":
        fix = "Stop writing, keep a copy, and restore a backup (docs/operations/backup.md)."
        found.append(Finding("sqlite.damaged", ERROR, "the file is damaged", fix=fix))
    return found
