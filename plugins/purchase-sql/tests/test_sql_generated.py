"""What is shipped is what Core compiles now, fits every database, and runs without SQLAlchemy."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import attrs
import msgspec
import pytest

import purchase_sql
from purchase_core.facts.rows import CASE_STATUSES, ROW_TYPES
from purchase_core.ports.deadlines import DEADLINES
from purchase_core.ports.operator_reads import RELATIONS, TALLIES, WAITING_TYPES
from purchase_core.ports.store import NEWEST_BY, TABLES, TableRow
from purchase_core.records.delivery import DELIVERY_STATES
from purchase_sql import operating, reading, schema, writing
from purchase_sql.dialects import TARGETS, Target
from purchase_sql.generate import module, statements
from purchase_sql.generated.d1 import KINDS
from purchase_sql.generated.d1 import STATEMENTS as D1
from purchase_sql.generated.postgresql import STATEMENTS as POSTGRES
from purchase_sql.generated.sqlite import STATEMENTS
from purchase_sql.statement import Statement, text
from purchase_sql.texts import Texts, texts

PACKAGE = Path(purchase_sql.__file__).parent
ALL = [*writing.statements(), *reading.statements(), *operating.statements(joins_in_order=True)]

# The narrowest database (D1): parameters and bytes of a statement, columns of a table.
PARAMETERS_MAX = 100
STATEMENT_BYTES_MAX = 100_000
COLUMNS_MAX = 100


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: str(target.name))
def test_shipped_statements_are_what_core_compiles_now(target: Target) -> None:
    shipped = (PACKAGE / "generated" / f"{target.name}.py").read_text(encoding="utf-8")
    assert shipped == module(target), "run python -m purchase_sql.generate"


def test_every_statement_has_a_place_in_texts() -> None:
    rows = {f"{one.TABLE}_{kind}" for one in TABLES for kind in ("put", "page", "page_of_lane")}
    rows |= {f"{one.TABLE}_{kind}" for one in ROW_TYPES for kind in ("drop", "held")}
    rows |= {f"{one.TABLE}_waiting" for one in WAITING_TYPES}
    rows |= {f"{one.TABLE}_newest" for one in NEWEST_BY}
    rows |= {f"cases_{one}" for one in CASE_STATUSES}
    rows |= {f"deliveries_{one}" for one in DELIVERY_STATES}
    rows |= {f"due_{one.name}" for one in DEADLINES}
    rows |= {f"dangling_{one.replace('.', '_')}" for one in RELATIONS}
    rows |= {f"tally_{one}" for one in TALLIES}
    grouped = {"prefix", "schema", "cases", "deliveries_in", "due", "dangling", "tallies"}
    names = {one.name for one in attrs.fields(Texts)} - grouped
    single = {one for one in names if not one.startswith("row_")}
    assert {one.name for one in ALL} == single | rows
    assert len(ALL) == len(STATEMENTS) == len(texts(STATEMENTS, "").all)


@pytest.mark.parametrize("statement", ALL, ids=lambda statement: str(statement.name))
def test_a_statement_numbers_its_parameters_as_it_declares_them(statement: Statement) -> None:
    written = STATEMENTS[statement.name]
    used = {int(number) for number in re.findall(r"\?(\d+)", written)}
    assert used == set(range(1, len(statement.parameters) + 1))
    assert not re.search(r"\?(?!\d)|:\w|%s", written)


@pytest.mark.parametrize("statement", ALL, ids=lambda statement: str(statement.name))
def test_a_statement_for_postgres_numbers_its_parameters_as_the_server_does(statement: Statement) -> None:
    written = POSTGRES[statement.name]
    used = {int(number) for number in re.findall(r"\$(\d+)", written)}
    assert used == set(range(1, len(statement.parameters) + 1))
    assert not re.search(r"\$(?!\d)|\?|(?<!:):\w|%", written)


@pytest.mark.parametrize("statement", statements(TARGETS[-1]), ids=lambda statement: str(statement.name))
def test_a_statement_for_d1_takes_and_returns_text(statement: Statement) -> None:
    written = D1[statement.name]
    assert len(statement.parameters) <= PARAMETERS_MAX
    assert len(written.encode()) <= STATEMENT_BYTES_MAX
    used = {int(number) for number in re.findall(r"\?(\d+)", written)}
    assert used == set(range(1, len(statement.parameters) + 1))
    if statement.parameters == ("rows",):
        assert "json_each(?1) AS listed" in written
    returned = re.search(r"(?:^SELECT|RETURNING) (.*?)(?: FROM |$)", written)
    assert (statement.name in KINDS) == bool(returned)
    if returned:
        kinds = KINDS[statement.name]
        assert returned[1].count("AS TEXT)") == kinds.count("i")
        assert returned[1].count("ELSE hex(") == kinds.count("b")
        assert len(re.split(r", (?![^(]*\))", returned[1])) == len(kinds)


def test_statements_are_the_same_on_every_database() -> None:
    for others in (POSTGRES, D1):
        assert list(others) == list(STATEMENTS)
        assert len(texts(others, "").all) == len(ALL)


def test_tables_fit_the_narrowest_database() -> None:
    assert max(len(table.columns) for table in schema.metadata.tables.values()) <= COLUMNS_MAX


def test_a_parameter_that_was_not_declared_is_an_error() -> None:
    for clause, declared in ((text("a"), ()), (text("a"), ("a", "b"))):
        with pytest.raises(ValueError, match="not in"):
            TARGETS[0].text(clause, declared)


@pytest.mark.parametrize("row_type", TABLES)
def test_a_row_class_has_a_table_with_a_column_an_attribute(row_type: type[TableRow]) -> None:
    table = schema.rows[row_type]
    assert table.name == "{prefix}" + row_type.TABLE
    assert [column.name for column in table.columns] == list(row_type.__struct_fields__)
    kinds: dict[str, object] = {
        "str": schema.TEXT,
        "int": schema.WHOLE,
        "bool": schema.FLAG,
        "Instant": schema.WHOLE,
    }
    for one in msgspec.structs.fields(row_type):
        kind, _, optional = str(row_type.__annotations__[one.name]).partition(" | ")
        assert table.c[one.name].type is kinds[kind]
        assert table.c[one.name].nullable == (optional == "None")


def test_names_leave_room_for_the_prefix_and_are_used_once() -> None:
    names: list[str] = []
    for table in schema.metadata.tables.values():
        constraints = [one.name for one in table.constraints if one.name]
        names += map(str, [table.name, *constraints, *(index.name for index in table.indexes)])
    assert all(name.startswith("{prefix}") for name in names)
    assert max(len(name.removeprefix("{prefix}")) for name in names) <= schema.NAME_CHARACTERS_MAX
    assert len(set(names)) == len(names)


def test_running_statements_imports_no_sqlalchemy() -> None:
    code = (
        "import sys, purchase_sql.encode, purchase_sql.decode\n"
        "import purchase_sql.refusals, purchase_sql.migration, purchase_sql.wire\n"
        "from purchase_sql.generated.sqlite import STATEMENTS\n"
        "from purchase_sql.texts import texts\n"
        "texts(STATEMENTS, 'app_')\n"
        "print([name for name in ('sqlalchemy', 'sqlite3', 'aiosqlite', 'asyncio') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # our own code
    assert found.stdout.strip() == "[]"


def test_where_a_join_may_walk_a_whole_table_what_lanes_hold_is_looked_up() -> None:
    held = [text for name, text in POSTGRES.items() if name.endswith("_held")]
    assert len(held) == len(ROW_TYPES) + 5
    assert [text for text in held if " JOIN " in text] == []
