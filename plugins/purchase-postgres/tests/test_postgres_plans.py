"""Every read of the port finds its rows by an index, on Postgres too."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from purchase_core.facts.rows import ROW_TYPES
from purchase_core.secret import Secret
from purchase_postgres.config import PostgresConfig
from purchase_postgres.store import PostgresStore
from purchase_sql.generated.postgresql import STATEMENTS

# Pages over a whole table walk its key in order; the version table has a handful of rows.
WALKS = {f"{one.TABLE}_page" for one in ROW_TYPES} | {"schema_version"}
GENERIC_PLANS_SINCE = 160_000


async def _migrate(address: str) -> None:
    async with await PostgresStore.open(PostgresConfig(Secret(address))) as store:
        await store.migrate()


def test_no_statement_reads_a_whole_table(address: str) -> None:
    asyncio.run(_migrate(address))
    scans = {}
    with psycopg.connect(address) as connection:
        if connection.info.server_version < GENERIC_PLANS_SINCE:
            pytest.skip("this server does not explain statements without their values")
        connection.execute("SET enable_seqscan = off")  # the tables are empty, and would be read whole
        for name, text in STATEMENTS.items():
            shown = connection.execute("EXPLAIN (GENERIC_PLAN) " + text.replace("{prefix}", ""), None)
            plan = [line for (line,) in shown.fetchall()]
            scans[name] = [line for line in plan if "Seq Scan" in line]
    assert {name for name, found in scans.items() if found} - WALKS == set()
