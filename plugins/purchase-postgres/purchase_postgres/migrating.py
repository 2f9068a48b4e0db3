"""Taking the steps that are missing, in one transaction, one process at a time."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.errors import SchemaError
from purchase_core.instants import Clock
from purchase_postgres.connect import Connection
from purchase_sql.migration import Migration, pending
from purchase_sql.texts import Texts

# Held until the transaction ends, so that no pooler can keep it. Others wait, and then find nothing to do.
LOCK = (
    "SELECT pg_advisory_xact_lock("
    "hashtextextended('purchase.' || coalesce(nullif($1, ''), current_schema()) || '.' || $2, 0))"
)
# Who may use a schema need not have the right to make one, so it is looked for first.
MISSING = "SELECT $1 <> '' AND to_regnamespace(quote_ident($1)) IS NULL"
VERSIONED = "SELECT to_regclass($1) IS NOT NULL"
TAKEN = (
    "SELECT relname::text FROM pg_catalog.pg_class "
    "WHERE relnamespace = quote_ident(coalesce(nullif($1, ''), current_schema()))::regnamespace "
    "AND relname::text = ANY ($2)"
)


async def migrate(connection: Connection, texts: Texts, steps: Sequence[Migration], clock: Clock) -> None:
    """Take the steps that are missing. Raises SchemaError where the tables are newer, or not ours."""
    async with connection.transaction():
        await connection.execute(LOCK, (texts.schema, texts.prefix))
        found = await _version(connection, texts)
        if found == 0:
            await _make_schema(connection, texts)
            await _refuse_other_tables(connection, texts, steps)
        for step in pending(steps, found):
            for statement in step.statements:
                await connection.execute(statement, prepare=False)
            await connection.execute(texts.version_insert, (step.version, clock.now()))


async def _version(connection: Connection, texts: Texts) -> int:
    # A statement that fails would end the transaction, so the table is looked for first.
    qualified = f'"{texts.schema}".' if texts.schema else ""
    cursor = await connection.execute(VERSIONED, (f'{qualified}"{texts.prefix}schema_version"',))
    if await cursor.fetchone() != (True,):
        return 0
    found = await (await connection.execute(texts.schema_version, ())).fetchone()
    return int(found[0]) if found else 0


async def _make_schema(connection: Connection, texts: Texts) -> None:
    missing = await connection.execute(MISSING, (texts.schema,))
    if await missing.fetchone() == (True,):
        await connection.execute(f'CREATE SCHEMA "{texts.schema}"')


async def _refuse_other_tables(connection: Connection, texts: Texts, steps: Sequence[Migration]) -> None:
    """Tables without a version are not ours: never mix rows into them."""
    names = [name for step in steps for name in step.tables]
    taken = [name for (name,) in await (await connection.execute(TAKEN, (texts.schema, names))).fetchall()]
    if taken:
        raise SchemaError(
            f"the database has tables of these names, which are not ours: {', '.join(sorted(taken))}",
            hint="Set a prefix, or use a schema of its own.",
        )
