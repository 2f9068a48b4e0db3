"""Migrations lead to what the schema says, may be run again, and leave transactions to who runs them."""

from __future__ import annotations

import re
import sqlite3
from importlib.resources import files

import pytest

from purchase_core.errors import SchemaError
from purchase_sql.dialects import TARGETS, Target
from purchase_sql.generate import tables
from purchase_sql.migration import Migration, migrations, pending
from purchase_sql.prefix import with_prefix


def described(statements: list[str]) -> dict[str, str]:
    """What SQLite says of a database that these statements made."""
    connection = sqlite3.connect(":memory:")
    for one in statements:
        connection.execute(one)
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: " ".join(text.split()) for name, text in found}


@pytest.mark.parametrize("prefix", ["", "app_"])
def test_migrations_of_sqlite_lead_to_the_tables_of_the_schema(prefix: str) -> None:
    migrated = [one for step in migrations("sqlite", prefix) for one in step.statements]
    (sqlite,) = (one for one in TARGETS if one.name == "sqlite")
    wanted = [with_prefix(one, prefix).rstrip(";") for one in tables(sqlite)]
    assert described(migrated) == described(wanted)
    assert described([*migrated, *migrated]) == described(wanted)  # each may be run again


def test_migrations_of_postgresql_are_the_tables_of_the_schema() -> None:
    # Compared as text while there is one step; the second needs a comparison of catalogs, on a server.
    (target,) = (one for one in TARGETS if one.name == "postgresql")
    for schema in ("", "billing"):
        (step,) = migrations("postgresql", "app_", schema)
        wanted = [with_prefix(one, "app_", schema).rstrip(";") for one in tables(target)]
        assert list(step.statements) == wanted
        assert "app_lanes" in step.tables


def test_tables_that_two_databases_share_are_the_same_on_both() -> None:
    made = {target.name: list(tables(target)) for target in TARGETS}
    for target in TARGETS:
        assert made[target.name] == made[target.tables]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: str(target.name))
def test_migrations_neither_begin_nor_end_a_transaction(target: Target) -> None:
    steps = migrations(target.tables, "app_")
    assert [step.version for step in steps] == list(range(1, len(steps) + 1))
    for statement in (one for step in steps for one in step.statements):
        assert not re.search(r"\b(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|PRAGMA)\b", statement, re.IGNORECASE)
        assert "IF NOT EXISTS" in statement
        assert ";" not in statement


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: str(target.name))
def test_migrations_lie_in_the_package(target: Target) -> None:
    shipped = [one.name for one in (files("purchase_sql") / "migrations" / target.tables).iterdir()]
    assert "0001_tables.sql" in shipped


def test_a_database_takes_the_steps_it_lacks() -> None:
    steps = [Migration(version, f"{version:04}", ()) for version in (1, 2, 3)]
    assert list(pending(steps, 0)) == steps
    assert list(pending(steps, 2)) == steps[2:]
    assert list(pending(steps, 3)) == []


def test_f98_a_database_of_newer_code_is_refused() -> None:
    steps = migrations("sqlite", "")
    with pytest.raises(SchemaError, match=f"version {len(steps) + 1}"):
        pending(steps, len(steps) + 1)


def test_a_migration_knows_the_tables_it_makes() -> None:
    (first, *_) = migrations("sqlite", "app_")
    assert {"app_schema_version", "app_lanes", "app_cases"} <= set(first.tables)
    assert (
        len(first.tables) == len(set(first.tables)) == sum("CREATE TABLE" in one for one in first.statements)
    )
