"""The migrations as SQL for people: to review, to run by a database's own tool, to put into other migrations.

Whoever runs them instead of `purchase migrate` records the version as that does, so it makes no difference
which of the two was used.
"""

from __future__ import annotations

from collections.abc import Sequence

from purchase_sql.migration import migrations
from purchase_sql.prefix import checked_prefix

_NOW_MICROSECONDS = {
    "sqlite": "CAST(strftime('%s', 'now') AS INTEGER) * 1000000",
    "postgresql": "(extract(epoch FROM now()) * 1000000)::bigint",
}


def statements(database: str, prefix: str = "", *, after: int = 0, to: int | None = None) -> Sequence[str]:
    """The statements that lead from version `after` to version `to` (the last), each of them recorded.

    `database` is `sqlite` (D1 too) or `postgresql`. Raises InvalidArgument for a prefix that is no name.
    """
    steps = migrations(database, checked_prefix(prefix))
    return [
        one
        for step in steps[after : len(steps) if to is None else to]
        for one in (*step.statements, _recorded(database, prefix, step.version))
    ]


def script(database: str, prefix: str = "") -> str:
    """All steps as one text. Begins and ends no transaction: `psql --single-transaction`, `sqlite3 -bail`."""
    parts = [f"-- Purchase: tables for {database}. Each statement may be run again.\n"]
    for step in migrations(database, checked_prefix(prefix)):
        parts.append(f"\n-- {step.name}\n\n")
        parts += [f"{one};\n\n" for one in step.statements]
        parts.append(f"{_recorded(database, prefix, step.version)};\n")
    return "".join(parts)


def _recorded(database: str, prefix: str, version: int) -> str:
    return (
        f'INSERT INTO "{prefix}schema_version" (version, migrated_at) '  # noqa: S608  # a prefix is a checked name
        f"VALUES ({version}, {_NOW_MICROSECONDS[database]}) ON CONFLICT (version) DO NOTHING"
    )
