"""Connections: how each is set up, and the pool that keeps them."""

from __future__ import annotations

import asyncio
import select
from typing import Any, TypeAlias

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from purchase_core.errors import ConfigurationError, StoreMissing
from purchase_postgres.config import PostgresConfig
from purchase_postgres.troubles import FAILURES, database_is_missing, trouble

STATEMENTS_PREPARED_MAX = 256  # more than there are, so that none is ever prepared twice

Connection: TypeAlias = AsyncConnection[tuple[Any, ...]]
Pool: TypeAlias = AsyncConnectionPool[Connection]


class WholeDumper(Dumper):
    """Integers without a type: psycopg picks one by size, and would prepare a statement for each."""

    oid = 0

    def dump(self, obj: int) -> bytes:
        """As text; the statement says that it is a bigint."""
        return str(int(obj)).encode()


async def open_pool(config: PostgresConfig) -> Pool:
    """Connect. Raises ConfigurationError for an address that is none, StoreMissing, and StoreUnavailable."""
    url = config.url.reveal()
    try:
        name = conninfo_to_dict(url).get("dbname")
    except psycopg.Error:  # quotes the address, so it must not get out
        raise ConfigurationError(
            "the address of the Postgres database cannot be read",
            hint="postgresql://user:password@host/database",
        ) from None
    pool: Pool = AsyncConnectionPool(
        url,
        connection_class=AsyncConnection[tuple[Any, ...]],
        kwargs={
            "autocommit": True,  # nothing begins a transaction behind our back
            "client_encoding": "utf8",
            "context": _adapters(),
            "cursor_factory": AsyncRawCursor,
            "prepare_threshold": 0 if config.prepared_statements else None,
        },
        min_size=1,
        max_size=config.pool_connections_max,
        timeout=config.pool_wait_seconds,
        configure=_configure,
        check=_check,
        open=False,
        name="purchase",
    )
    try:
        await pool.open(wait=True, timeout=config.pool_wait_seconds)
    except BaseException as error:
        await pool.close()
        if isinstance(error, PoolTimeout) and await _is_missing(url, config.pool_wait_seconds):
            raise StoreMissing(
                f"the server has no database {name!r}",
                hint="Create it and run `purchase migrate`, or correct the address.",
            ) from None
        if isinstance(error, FAILURES):
            raise trouble(error) from None
        raise
    return pool


async def _is_missing(url: str, seconds: float) -> bool:
    """Whether there is a server, and not this database: a pool says only that it waited in vain."""
    try:
        async with asyncio.timeout(seconds):
            connection = await AsyncConnection.connect(url)
    except psycopg.Error as error:
        return database_is_missing(error)
    except TimeoutError:
        return False
    await connection.close()
    return False


def _adapters() -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_dumper(int, WholeDumper)
    return adapters


async def _check(connection: Connection) -> None:
    """Let nobody have a connection whose other end is gone; raises what psycopg does.

    A server that ends says so, and the line is closed: there is something to read on a connection that waits
    for nothing. Only then is it asked for an answer, so that one that is well costs no round trip.
    """
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    if waiting.poll(0):
        await AsyncConnectionPool.check_connection(connection)


async def _configure(connection: Connection) -> None:
    connection.prepared_max = STATEMENTS_PREPARED_MAX
