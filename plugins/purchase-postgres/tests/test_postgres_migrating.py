"""Migrating: several processes at once, what comes of it compared with the schema, and the printed SQL."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys

import psycopg
import pytest
import sqlalchemy as sa

from purchase_core.errors import SchemaError
from purchase_core.secret import Secret
from purchase_postgres.config import PostgresConfig
from purchase_postgres.plugin import purchase_register_stores
from purchase_postgres.store import PostgresStore
from purchase_sql.metadata import purchase_metadata
from purchase_sql.migration import migrations

PROCESSES = 4
MIGRATE = """
import asyncio, sys
from purchase_contract_tests.store.samples import NOW, step
from purchase_core.ports.batch import Batch
from purchase_core.secret import Secret
from purchase_postgres.config import PostgresConfig
from purchase_postgres.store import PostgresStore

async def run():
    async with await PostgresStore.open(PostgresConfig(Secret(sys.stdin.readline().strip()))) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        state = await store.migrate()
        await store.commit(Batch("batch " + sys.argv[1], NOW, lanes=(step("customer:" + sys.argv[1]),)))
        print(state.current)

asyncio.run(run())
"""
# Whatever the catalog knows of columns, constraints and indexes of the schema in use.
COLUMNS = (
    "SELECT table_name, column_name, ordinal_position, data_type, is_nullable, collation_name, is_identity, "
    "column_default FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 3"
)
CONSTRAINTS = (
    "SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = current_schema()::regnamespace AND contype <> 'n' ORDER BY 1, 2"
)
INDEXES = (
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1, 2"
)
STRUCTURE = (COLUMNS, CONSTRAINTS, INDEXES)


async def migrate(address: str, prefix: str = "") -> None:
    async with await PostgresStore.open(PostgresConfig(Secret(address), prefix=prefix)) as store:
        assert (await store.migrate()).current


def structure(address: str) -> list[list[tuple[object, ...]]]:
    """What the catalog says, without the schema's own name."""
    with psycopg.connect(address) as connection:
        ((schema,),) = connection.execute("SELECT current_schema()").fetchall()
        found = [connection.execute(query).fetchall() for query in STRUCTURE]
    own = re.compile(rf"\b{schema}\.")
    return [
        [tuple(own.sub("", cell) if isinstance(cell, str) else cell for cell in row) for row in rows]
        for rows in found
    ]


def empty(address: str) -> None:
    """Drop every table of the schema in use."""
    with psycopg.connect(address, autocommit=True) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        for (name,) in tables.fetchall():
            connection.execute(f'DROP TABLE "{name}" CASCADE')


def test_f88_processes_that_start_at_once_all_find_their_tables(address: str) -> None:
    processes = [
        subprocess.Popen(  # noqa: S603  # our own code
            [sys.executable, "-c", MIGRATE, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for one in processes:
        assert one.stdin is not None
        assert one.stdout is not None
        one.stdin.write(f"{address}\n")
        one.stdin.flush()
        assert one.stdout.readline() == "ready\n"
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in processes:
        said, errors = one.communicate()
        assert (one.returncode, said) == (0, "True\n"), errors
    with psycopg.connect(address) as connection:
        steps = len(migrations("postgresql", ""))
        assert connection.execute("SELECT count(*) FROM schema_version").fetchone() == (steps,)
        assert connection.execute("SELECT count(*) FROM lanes").fetchone() == (PROCESSES,)


@pytest.mark.parametrize("prefix", ["", "billing_"])
def test_migrations_make_what_the_schema_says(address: str, prefix: str) -> None:
    asyncio.run(migrate(address, prefix))
    migrated = structure(address)
    empty(address)
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(address))
    purchase_metadata(prefix).create_all(engine)
    engine.dispose()
    made = structure(address)
    assert migrated == made
    assert all(migrated)


def test_the_printed_sql_makes_the_same_and_is_known_to_have_been_run(address: str) -> None:
    (plugin,) = purchase_register_stores()
    assert plugin.sql is not None
    config = PostgresConfig(Secret(address), prefix="billing_")
    asyncio.run(migrate(address, "billing_"))
    migrated = structure(address)
    empty(address)
    with psycopg.connect(address) as connection:
        connection.execute(plugin.sql(config))

    async def run() -> None:
        async with await PostgresStore.open(config) as store:
            state = await store.schema()
            assert state.current
            assert await store.migrate() == state

    asyncio.run(run())
    assert structure(address) == migrated


def test_f98_newer_tables_are_refused_and_left_alone(address: str) -> None:
    asyncio.run(migrate(address))
    with psycopg.connect(address) as connection:
        connection.execute("INSERT INTO schema_version (version, migrated_at) VALUES (999, 0)")
    before = structure(address)
    with pytest.raises(SchemaError, match="version 999"):
        asyncio.run(migrate(address))
    assert structure(address) == before


def test_printing_sql_needs_no_server() -> None:
    (plugin,) = purchase_register_stores()
    assert plugin.sql is not None
    text = plugin.sql(PostgresConfig(Secret("not an address"), prefix="app_"))
    assert 'CREATE TABLE IF NOT EXISTS "app_lanes"' in text
