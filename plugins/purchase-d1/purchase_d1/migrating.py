"""Taking the steps that are missing, each in one batch, which is one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.errors import SchemaError
from purchase_core.instants import Clock
from purchase_d1.running import Runner
from purchase_sql.encode import text_list
from purchase_sql.migration import Migration, pending
from purchase_sql.texts import Texts
from purchase_sql.wire import Sent, grouped

TAKEN = "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN (SELECT value FROM json_each(?1))"


async def version(run: Runner, texts: Texts) -> int | None:
    """The version that the tables are at: 0 while the first step is half taken, None before."""
    try:
        found = await run.rows(texts.schema_version, ())
    except SchemaError:
        return None
    return int(found[0][0]) if found else None


async def migrate(run: Runner, texts: Texts, steps: Sequence[Migration], clock: Clock) -> None:
    """Take the steps that are missing. Raises SchemaError where the tables are newer, or not ours.

    Nobody can hold a lock. Processes that do so at once repeat each other's statements, which is harmless:
    each may be run again, and the row that records the version is one. So is what wrangler left half done.
    """
    found = await version(run, texts)
    if found is None:
        await _refuse_other_tables(run, texts, steps)
    for step in pending(steps, found or 0):
        made: list[Sent] = [(statement, ()) for statement in step.statements]
        recorded = grouped([(texts.version_insert, (step.version, clock.now()))])
        await run.write([*made, *recorded])


async def _refuse_other_tables(run: Runner, texts: Texts, steps: Sequence[Migration]) -> None:
    """Tables without a version are not ours: never mix rows into them."""
    names = text_list(name for step in steps for name in step.tables)
    taken = [str(name) for (name,) in await run.listed(TAKEN, names)]
    # Another process may have migrated since the version was looked for: then they are ours.
    if taken and await version(run, texts) is None:
        raise SchemaError(
            f"the database has tables of these names, which are not ours: {', '.join(sorted(taken))}",
            hint="Set a prefix, or use a database of its own.",
        )
