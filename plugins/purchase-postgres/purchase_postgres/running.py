"""Running statements: a batch in one transaction and round trip, a question in one snapshot, and reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import psycopg

from purchase_core.errors import PurchaseError
from purchase_postgres.config import PostgresConfig
from purchase_postgres.connect import Connection, Pool
from purchase_postgres.troubles import FAILURES, first_error, trouble
from purchase_sql.encode import Operation
from purchase_sql.shapes import Value

BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Settings of a transaction, and not of a connection: behind a pooler, that belongs to others too.
SET_TIMEOUTS = "SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)"

Records: TypeAlias = list[Any]


class GuardBroken(Exception):  # an answer, not a fault; it never leaves the store
    """A constraint ended a batch, and nothing of it was written."""

    def __init__(self, constraint: str, error: PurchaseError) -> None:
        super().__init__(constraint)
        self.constraint = constraint
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
        return await self._alone(text, values, writes=False)

    async def written_rows(self, text: str, values: tuple[Value, ...]) -> Records:
        """Every row of one statement that writes."""
        return await self._alone(text, values, writes=True)

    async def _alone(self, text: str, values: tuple[Value, ...], *, writes: bool) -> Records:
        sent = False
        try:
            async with asyncio.timeout(self._seconds), self._pool.connection() as connection:
                sent = writes
                return await (await connection.execute(text, values, binary=True)).fetchall()
        except FAILURES as error:
            raise trouble(error, outcome_unknown=sent) from None

    async def snapshot(self, operations: Sequence[Operation]) -> Sequence[Records]:
        """The rows of several statements, all as of one moment, in one round trip."""
        try:
            async with asyncio.timeout(self._seconds), self._pool.connection() as connection:
                async with _pipeline(connection):
                    await connection.execute(BEGIN_SNAPSHOT)
                    asked = [
                        await connection.execute(text, values, binary=True) for text, values in operations
                    ]
                    await connection.execute("COMMIT")
                return [await one.fetchall() for one in asked]
        except FAILURES as error:
            raise trouble(error) from None

    async def write(self, operations: Sequence[Operation], *, guarded: bool) -> None:
        """Run statements in one transaction, none of which looks at what another returned.

        Raises GuardBroken, or what `trouble` makes of an error.
        """
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
