"""Running statements: a batch in one transaction and round trip, a question in one snapshot, and reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import psycopg

from purchase_core.errors import PurchaseError, StoreUnavailable
from purchase_postgres.config import PostgresConfig
from purchase_postgres.connect import Connection, Pool
from purchase_postgres.troubles import FAILURES, ended, first_error, lost, trouble
from purchase_sql.encode import Operation
from purchase_sql.shapes import Value

BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Settings of a transaction, and not of a connection: behind a pooler, that belongs to others too.
SET_TIMEOUTS = "SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)"

SENDS_MAX = 3

Records: TypeAlias = list[Any]
T = TypeVar("T")


class GuardBroken(Exception):  # an answer, not a fault; it never leaves the store
    """A constraint ended a batch, and nothing of it was written."""

    def __init__(self, constraint: str, error: PurchaseError) -> None:
        super().__init__(constraint)
        self.constraint = constraint
        self.error = error


class _MaySendAgain(Exception):
    """A batch ended without an answer, or in favour of another."""

    def __init__(self, error: PurchaseError) -> None:
        super().__init__()
        self.error = error


class Runner:
    """Statements over the pool, each bounded in time."""

    def __init__(self, pool: Pool, config: PostgresConfig) -> None:
        self._pool = pool
        self._seconds = config.statement_timeout_seconds
        self._timeouts = tuple(
            f"{max(1, round(seconds * 1000))}ms"
            for seconds in (config.lock_timeout_seconds, config.statement_timeout_seconds)
        )

    async def rows(self, text: str, values: tuple[Value, ...]) -> Records:
        """Every row of one statement, which is a transaction by itself."""

        async def ask() -> Records:
            async with asyncio.timeout(self._seconds), self._pool.connection() as connection:
                return await (await connection.execute(text, values, binary=True)).fetchall()

        return await self._read(ask)

    async def written_rows(self, text: str, values: tuple[Value, ...]) -> Records:
        """Every row of one statement that writes. It is sent once: nothing would tell it from another."""
        sent = False
        try:
            async with asyncio.timeout(self._seconds), self._pool.connection() as connection:
                sent = True
                return await (await connection.execute(text, values, binary=True)).fetchall()
        except FAILURES as error:
            raise trouble(error, outcome_unknown=sent) from None

    async def snapshot(self, operations: Sequence[Operation]) -> Sequence[Records]:
        """The rows of several statements, all as of one moment, in one round trip."""

        async def ask() -> Sequence[Records]:
            async with asyncio.timeout(self._seconds), self._pool.connection() as connection:
                async with _pipeline(connection):
                    await connection.execute(BEGIN_SNAPSHOT)
                    asked = [
                        await connection.execute(text, values, binary=True) for text, values in operations
                    ]
                    await connection.execute("COMMIT")
                return [await one.fetchall() for one in asked]

        return await self._read(ask)

    async def _read(self, ask: Callable[[], Awaitable[T]]) -> T:
        """An answer; asked again on another connection if the first was lost."""
        for left in reversed(range(SENDS_MAX)):
            try:
                return await ask()
            except FAILURES as error:
                if not left or not lost(error):
                    raise trouble(error) from None
        raise AssertionError

    async def write(self, operations: Sequence[Operation], *, guarded: bool) -> None:
        """Run the statements of a batch in one transaction, none of which looks at what another returned.

        The first of them looks for the batch itself. So if the connection is lost, even at COMMIT, all of it
        is sent again on another: what was written is found, what is still under way is waited for, and what
        was lost is written now, if its guards still hold. `guarded`: it was decided under lanes, and what the
        server ends in favour of another is to be decided again; without them it is sent again.

        Raises GuardBroken, or what `trouble` makes of an error.
        """
        unknown = False
        for left in reversed(range(SENDS_MAX)):
            try:
                return await self._write_once(operations, guarded=guarded)
            except _MaySendAgain as failed:
                unknown = unknown or failed.error.outcome_unknown
                if not left:
                    raise StoreUnavailable(
                        failed.error.message, outcome_unknown=unknown, hint=failed.error.hint
                    ) from None
            except StoreUnavailable as error:
                error.outcome_unknown = unknown or error.outcome_unknown
                raise
        raise AssertionError

    async def _write_once(self, operations: Sequence[Operation], *, guarded: bool) -> None:
        committing = False
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._pool.connection() as connection,
                _pipeline(connection),
            ):
                cursor = connection.cursor()
                await cursor.execute("BEGIN")
                await cursor.execute(SET_TIMEOUTS, self._timeouts)
                for text, values in operations:
                    await cursor.execute(text, values)
                committing = True
                await cursor.execute("COMMIT")
        except FAILURES as error:
            meant = trouble(error, outcome_unknown=committing, guarded=guarded)
            constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
            if constraint:
                raise GuardBroken(constraint, meant) from None
            if lost(error) or (ended(error) and not guarded):
                raise _MaySendAgain(meant) from None
            raise meant from None


@asynccontextmanager
async def _pipeline(connection: Connection) -> AsyncIterator[None]:
    """Pipeline mode that raises what happened first, and logs nothing of what followed from it."""
    first: Exception | None = None
    try:
        async with connection.pipeline():
            try:
                yield
            except (psycopg.Error, UnicodeEncodeError) as error:
                first = error  # if it left the pipeline, psycopg would warn of every statement after it
    except psycopg.Error as error:
        raise (first or first_error(error)) from None
    if first is not None:
        raise first
