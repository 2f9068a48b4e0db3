"""The migrations as text lead to the same database, and are known to have been run."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from purchase_core.errors import InvalidArgument
from purchase_sql.migration import migrations
from purchase_sql.script import script, statements
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore


def test_the_script_makes_the_tables_and_records_their_version(tmp_path: Path) -> None:
    path = tmp_path / "purchase.db"
    for _ in range(2):  # each statement may be run again
        with closing(sqlite3.connect(path)) as database:
            database.executescript(script("sqlite", "app_"))

    async def run() -> None:
        async with await SqliteStore.open(SqliteConfig(str(path), prefix="app_")) as store:
            state = await store.schema()
            assert state.current
            assert await store.migrate() == state

    asyncio.run(run())
    with closing(sqlite3.connect(path)) as database:
        found = database.execute("SELECT version, migrated_at FROM app_schema_version").fetchall()
    assert [version for version, _ in found] == list(range(1, len(migrations("sqlite", "")) + 1))
    assert all(moment > 1_700_000_000_000_000 for _, moment in found)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_script_holds_every_statement_and_no_transaction(database: str) -> None:
    text = script(database, "app_")
    for step in migrations(database, "app_"):
        assert f"-- {step.name}\n" in text
        assert all(f"{statement};\n" in text for statement in step.statements)
    assert not re.search(r"\b(BEGIN|COMMIT|ROLLBACK)\b", text)
    assert "{prefix}" not in text


def test_steps_can_be_taken_one_by_one() -> None:
    last = len(migrations("sqlite", ""))
    assert statements("sqlite") == statements("sqlite", after=0, to=last)
    assert statements("sqlite", after=last) == []
    assert statements("sqlite")[-1].startswith('INSERT INTO "schema_version"')


def test_t07_a_hostile_prefix_makes_no_script() -> None:
    for make in (script, statements):
        with pytest.raises(InvalidArgument):
            make("sqlite", 'a"; DROP TABLE users; --')
