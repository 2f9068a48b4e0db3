"""For tests: a D1 that is SQLite in this process, and tables of one's own in a D1 that several tests share.

`FakeD1` takes batches only, as D1 does, has its limits, makes floats of numbers, and loses replies when it is
told to. It is held to what the real engine does by tests that ask both the same.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from purchase_d1.config import D1Config
from purchase_d1.http import HttpTransport
from purchase_d1.local import Address
from purchase_d1.transport import Answer, Transport, Unanswered
from purchase_d1.troubles import failure
from purchase_sql.wire import Cells, Sent

Parameter: TypeAlias = str | float | Sequence[int] | None

LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 2_000_000,  # bytes of a row, a text or a blob
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 100,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 5,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 32,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 50,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
}
TRANSACTION = ("BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE")
FORBIDDEN = ("ATTACH", "DETACH", "VACUUM", "PRAGMA")
NO_TRANSACTION = (
    "To execute a transaction, please use the state.storage.transaction() APIs instead of the SQL "
    "BEGIN TRANSACTION or SAVEPOINT statements."
)
OWN_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, length(?1)) = ?1"

_prefixes = itertools.count(1)


class D1Error(Exception):
    """What D1 says of a batch that it ended."""


class FakeD1:
    """A database of its own, empty at first. Several transports may share it."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        for limit, most in LIMITS.items():
            self._connection.setlimit(limit, most)
        self._connection.create_function("unhex", 1, _unhex, deterministic=True)  # since SQLite 3.41

    def batch(self, statements: Sequence[tuple[str, Sequence[Parameter]]]) -> Answer:
        """Run statements in one transaction, and return the rows of each. Raises D1Error."""
        execute = self._connection.execute
        execute("BEGIN")
        try:
            answer = [self._run(text, values) for text, values in statements]
        except sqlite3.Error as error:
            self._roll_back()
            raise D1Error(_said(error)) from None
        except D1Error:
            self._roll_back()
            raise
        execute("COMMIT")
        return answer

    def close(self) -> None:
        """Let go of it. Nothing is left."""
        self._connection.close()

    def _run(self, text: str, values: Sequence[Parameter]) -> Sequence[Cells]:
        (first, *_) = text.upper().split(maxsplit=1) or ("",)
        if first in TRANSACTION:
            raise D1Error(f"D1_ERROR: {NO_TRANSACTION}")
        if first in FORBIDDEN:
            raise D1Error("D1_ERROR: not authorized: SQLITE_AUTH")
        bound = {str(number): _bound(value) for number, value in enumerate(values, 1)}
        cursor = self._connection.execute(text, bound)
        names = [column[0] for column in cursor.description or ()]
        # Rows are objects on their way: of columns that share a name, one is left.
        return [list(dict(zip(names, map(_cell, row), strict=True)).values()) for row in cursor]

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


class FakeTransport(Transport):
    """A way to a fake D1, on which requests and replies get lost: `lost` of them, from 0 to 1."""

    def __init__(self, database: FakeD1, *, lost: float = 0.0, seed: int = 0) -> None:
        self.database = database
        self.requests: list[Sequence[Sent]] = []
        self.lost = lost
        self._chance = random.Random(seed)  # noqa: S311  # not for secrets
        self._closed = False

    async def batch(self, statements: Sequence[Sent]) -> Answer:
        """Run statements in one transaction, and return the rows of each."""
        if self._closed:
            raise Unanswered("the store is closed", maybe_written=False, hint="", lasting=True)
        self.requests.append(statements)
        await asyncio.sleep(0)  # others come in between, as they do on a network
        request_lost, reply_lost = (self._chance.random() < self.lost for _ in range(2))
        if request_lost:
            raise Unanswered("a request was lost", maybe_written=True)
        try:
            answer = self.database.batch(statements)
        except D1Error as error:
            if not reply_lost:
                raise failure(str(error)) from None
        await asyncio.sleep(0)
        if reply_lost:
            raise Unanswered("a reply was lost", maybe_written=True)
        return answer

    async def aclose(self) -> None:
        """Send nothing more."""
        self._closed = True


@asynccontextmanager
async def own_tables(address: Address) -> AsyncIterator[D1Config]:
    """How to reach tables of one's own: with a prefix that nobody else here has. They are dropped after."""
    config = D1Config(address.url, address.token, prefix=f"t{next(_prefixes)}_")
    try:
        yield config
    finally:
        async with reached(address) as line:
            (names,) = await line.batch([(OWN_TABLES, (config.prefix,))])
            if names:
                await line.batch([(f'DROP TABLE "{name}"', ()) for (name,) in names])


@asynccontextmanager
async def reached(address: Address) -> AsyncIterator[HttpTransport]:
    """A way to a database over HTTP."""
    line = HttpTransport(address.url, address.token)
    try:
        yield line
    finally:
        await line.aclose()


def _unhex(text: str | None) -> bytes | None:
    try:
        return None if text is None else bytes.fromhex(text)
    except ValueError:
        return None


def _bound(value: Parameter) -> str | float | bytes | None:
    if isinstance(value, int | float):
        return float(value)  # as JavaScript has it
    return value if isinstance(value, str) or value is None else bytes(value)


def _cell(value: Any) -> object:
    if isinstance(value, bytes):
        return list(value)
    if isinstance(value, int | float) and float(value).is_integer():
        return int(float(value))
    return value


def _said(error: sqlite3.Error) -> str:
    extended = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    if isinstance(error, sqlite3.DataError):
        extended = "SQLITE_TOOBIG"
    primary = "_".join(extended.split("_")[:2])
    return f"D1_ERROR: {error}: {primary} (extended: {extended})"
