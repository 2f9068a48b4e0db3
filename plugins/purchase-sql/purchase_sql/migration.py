"""Migrations: reviewed SQL files of each database, applied forward only.

`migrations/<database>/0001_what.sql`, numbered without gaps. The statements of a file may be run again, since
not every database makes them one transaction; the row that records the version comes last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files

import attrs

from purchase_core.errors import SchemaError
from purchase_sql.prefix import with_prefix

_FILE = re.compile(r"(\d{4})_\w+\.sql")
_TABLE = re.compile(r'CREATE TABLE IF NOT EXISTS (?:"\w{1,63}"\.)?"(\w{1,63})"')
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)


@attrs.frozen
class Migration:
    """One step forward: the version it leads to, and its statements."""

    version: int
    name: str
    statements: tuple[str, ...]

    @property
    def tables(self) -> Sequence[str]:
        """Names of the tables that it makes."""
        return [found.group(1) for one in self.statements if (found := _TABLE.match(one))]


def migrations(database: str, prefix: str, schema: str = "") -> Sequence[Migration]:
    """All migrations of a database, in order."""
    folder = files("purchase_sql") / "migrations" / database
    found = sorted(one.name for one in folder.iterdir() if _FILE.fullmatch(one.name))
    steps = [_migration(name, (folder / name).read_text(encoding="utf-8"), prefix, schema) for name in found]
    if [step.version for step in steps] != list(range(1, len(steps) + 1)):
        raise SchemaError(f"the migrations of {database} are not numbered 1 to {len(steps)}")
    return steps


def pending(steps: Sequence[Migration], found: int) -> Sequence[Migration]:
    """The steps that a database at version `found` has still to take. Raises SchemaError if it is newer."""
    if found > len(steps):
        raise SchemaError(
            f"the tables are at version {found}; this code knows {len(steps)}",
            hint="Newer code has migrated this database: run that code, or restore a backup.",
        )
    return steps[found:]


def _migration(name: str, text: str, prefix: str, schema: str) -> Migration:
    plain = with_prefix(_COMMENT.sub("", text), prefix, schema)
    # A statement ends at a line's end, and no text in our files has a semicolon there.
    statements = [one.strip() for one in plain.split(";\n")]
    return Migration(int(name[:4]), name.removesuffix(".sql"), tuple(one for one in statements if one))
