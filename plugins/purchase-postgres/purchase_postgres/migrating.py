"""Taking the steps that are missing, in one transaction, one process at a time."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.errors import SchemaError
from purchase_core.instants import Clock
from purchase_postgres.connect import Connection
from purchase_sql.migration import Migration, pending
from purchase_sql.texts import Texts

# Held until the transaction ends, so that no pooler can keep it. Others wait, and then find nothing to do.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('purchase.' || current_schema() || '.' || $1, 0))"
VERSIONED = "SELECT to_regclass($1) IS NOT NULL"
TAKEN = (
    "SELECT relname::text FROM pg_catalog.pg_class "
    "WHERE relnamespace = current_schema()::regnamespace AND relname::text = ANY ($1)"
)


async def migrate(connection: Connection, texts: Texts, steps: Sequence[Migration], clock: Clock) -> None:
    """Take the steps that are missing. Raises SchemaError where the tables are newer, or not ours."""
    async with connection.transaction():
        await connection.execute(LOCK, (texts.prefix,))
        found = await _version(connection, texts)
        if found == 0:
            await _refuse_other_tables(connection, steps)
        for step in pending(steps, found):
            for statement in step.statements:
                await connection.execute(statement, prepare=False)
            await connection.execute(texts.version_insert, (step.version, clock.now()))


async def _version(connection: Connection, texts: Texts) -> int:
    # A statement that fails would end the transaction, so the table is looked for first.
    cursor = await connection.execute(VERSIONED, (f'"{texts.prefix}schema_version"',))
    if await cursor.fetchone() != (True,):
        return 0
    found = await (await connection.execute(texts.schema_version, ())).fetchone()
    return int(found[0]) if found else 0


async def _refuse_other_tables(connection: Connection, steps: Sequence[Migration]) -> None:
    """Tables without a version are not ours: never mix rows into them."""
    names = [name for step in steps for name in step.tables]
    taken = [name for (name,) in await (await connection.execute(TAKEN, (names,))).fetchall()]
    if taken:
        raise SchemaError(
            f"the database has tables of these names, which are not ours: {', '.join(sorted(taken))}",
            hint="Set a prefix, or use a schema of its own.",
        )
