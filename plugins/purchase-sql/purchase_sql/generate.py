"""Writes the statements' texts, one module a database: `python -m purchase_sql.generate`.

What is shipped is tested to be what this would write. With `--tables NAME` it prints the tables of a
database instead, for whoever writes the next migration; migrations themselves are written by people.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy.schema import CreateIndex, CreateTable

from purchase_sql import operating, reading, schema, writing
from purchase_sql.dialects import TARGETS, Target
from purchase_sql.statement import Listed, Single, Statement

_HEAD = '''"""Statements for {name}, as `python -m purchase_sql.generate` writes them. Do not edit."""

# fmt: off
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STATEMENTS: Final[Mapping[str, str]] = {{
'''


_KINDS = """
# What the rows of a statement hold, a letter a column: text, integer, bytes.
KINDS: Final[Mapping[str, str]] = {
"""


def statements(target: Target) -> Sequence[Statement]:
    """Every statement, as this database is given its values."""
    return [
        *writing.statements(Listed if target.lists_rows else Single),
        *reading.statements(),
        *operating.statements(joins_in_order=target.joins_in_order),
    ]


def module(target: Target) -> str:
    """The text of the generated module."""
    written = statements(target)
    lines = [f"    {one.name!r}: {target.text(one.clause, one.parameters)!r},\n" for one in written]
    text = _HEAD.format(name=target.name) + "".join(lines) + "}\n"
    if target.lists_rows:
        kinds = [f"    {one.name!r}: {one.kinds!r},\n" for one in written if one.kinds]
        text += _KINDS + "".join(kinds) + "}\n"
    return text


def tables(target: Target) -> Iterable[str]:
    """The statements that make all tables and indexes; each may be run twice."""
    for table in schema.metadata.tables.values():
        yield _ddl(CreateTable(table, if_not_exists=True), target)
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            yield _ddl(CreateIndex(index, if_not_exists=True), target)


def _ddl(statement: CreateTable | CreateIndex, target: Target) -> str:
    text = target.table_text(statement).replace("\t", "    ")
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines).replace("\n)\n ", "\n) ").replace(",\n STRICT", ", STRICT") + ";"


def main(arguments: Sequence[str]) -> int:
    """Write every module, or print the tables of one database."""
    if arguments[:1] == ["--tables"]:
        (target,) = (one for one in TARGETS if one.name == arguments[1])
        sys.stdout.write("\n\n".join(tables(target)) + "\n")
        return 0
    for target in TARGETS:
        path = Path(__file__).parent / "generated" / f"{target.name}.py"
        path.write_text(module(target), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
