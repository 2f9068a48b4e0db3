"""How a worker opens each store, with what goes wrong at its statements."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import msgspec

from purchase_core.instants import Clock
from purchase_core.ports.store import Store
from purchase_core.secret import Secret
from purchase_sql.shapes import Value
from tests.crash_points.messages import Start
from tests.crash_points.requests import MUTE_REQUESTS

CHECKPOINT_PAGES = 64
"""The log is folded into the file so often that one story sees it happen more than once."""

ERRORS = {"full": sqlite3.SQLITE_FULL, "io": sqlite3.SQLITE_IOERR_WRITE}
DRIVERS = ("aiosqlite", "purchase_sqlite.store", "purchase_postgres.store", "purchase_d1.http")


class Statements:
    """Told of each statement just before it runs. Counts them by their verb, and does harm at one."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, text: str, values: Sequence[Value]) -> None:
        """Count; kill, or raise what SQLite would."""
        verb = text.split(maxsplit=1)[0]
        with self._lock:
            self._counts[verb] += 1
            number = self._counts[verb]
            if self._start.counts:
                Path(self._start.counts).write_bytes(msgspec.json.encode(self._counts))
        if not self._start.harm or (verb, number) != (self._start.verb, self._start.at):
            return
        if self._start.harm == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        error = sqlite3.OperationalError("planted")
        error.sqlite_errorcode = ERRORS[self._start.harm]
        raise error


def imported() -> None:
    """Load every store that is there, so that workers need not: they are forked from whoever called this."""
    for name in DRIVERS:
        with suppress(ImportError):
            import_module(name)


async def opened(start: Start, clock: Clock) -> Store:
    """The store of a worker."""
    return await {"sqlite": _sqlite, "postgres": _postgres, "d1": _d1}[start.store](start, clock)


async def _sqlite(start: Start, clock: Clock) -> Store:
    from purchase_sqlite.config import SqliteConfig  # noqa: PLC0415  # only what a worker needs
    from purchase_sqlite.store import SqliteStore  # noqa: PLC0415

    store = await SqliteStore.open(SqliteConfig(start.place), clock=clock, recorder=Statements(start))
    assert store._writer is not None
    store._writer.connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    return store


async def _postgres(start: Start, clock: Clock) -> Store:
    from purchase_postgres.config import PostgresConfig  # noqa: PLC0415
    from purchase_postgres.store import PostgresStore  # noqa: PLC0415

    config = PostgresConfig(Secret(start.place), pool_connections_max=2)
    return await PostgresStore.open(config, clock=clock)


async def _d1(start: Start, clock: Clock) -> Store:
    from purchase_d1.config import D1Config  # noqa: PLC0415
    from purchase_d1.store import D1Store  # noqa: PLC0415

    url, token, prefix = msgspec.json.decode(start.place, type=tuple[str, str, str])
    config = D1Config(url, Secret(token), prefix=prefix, tries_max=MUTE_REQUESTS, retry_seconds=0.01)
    return await D1Store.open(config, clock=clock)
