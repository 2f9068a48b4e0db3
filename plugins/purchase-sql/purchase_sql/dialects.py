"""Which databases texts are generated for, and what they say differently."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine.interfaces import BindTyping
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect
    from sqlalchemy.sql.compiler import SQLCompiler


HEX_BYTES_MAX = 900_000  # D1 has no texts of more than 2,000,000 bytes


class TextList(ColumnElement[str]):
    """Every text of a JSON list that is one parameter: some databases take few parameters, or short texts.

    Stands right of IN, or in a OneOf.
    """

    inherit_cache = False

    def __init__(self, listed: sa.BindParameter[str]) -> None:
        self.listed = listed


class PairList(TextList):
    """Every pair of a JSON list of two texts each."""

    inherit_cache = False


@compiles(TextList, "sqlite")
def _text_list_sqlite(element: TextList, compiler: SQLCompiler, **options: object) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.listed)}))"  # noqa: S608  # a placeholder


@compiles(PairList, "sqlite")
def _pair_list_sqlite(element: PairList, compiler: SQLCompiler, **options: object) -> str:
    one, other = (f"json_extract(value, '$[{place}]')" for place in (0, 1))
    return f"(SELECT {one}, {other} FROM json_each({compiler.process(element.listed)}))"  # noqa: S608  # likewise


@compiles(TextList, "postgresql")
def _text_list_postgresql(element: TextList, compiler: SQLCompiler, **options: object) -> str:
    return f"(SELECT json_array_elements_text({compiler.process(element.listed)}::json))"


@compiles(PairList, "postgresql")
def _pair_list_postgresql(element: PairList, compiler: SQLCompiler, **options: object) -> str:
    listed = compiler.process(element.listed)
    return f"(SELECT value ->> 0, value ->> 1 FROM json_array_elements({listed}::json) AS value)"  # noqa: S608  # likewise


class OneOf(ColumnElement[bool]):
    """Whether a column is one of the values that a query or a list gives."""

    inherit_cache = False
    type = sa.Boolean()
    _is_implicitly_boolean = True  # where a database has no truth values, "= 1" would be appended

    def __init__(self, column: ColumnElement[Any], choices: sa.SelectBase | TextList) -> None:
        self.column = column
        self.choices = choices if isinstance(choices, TextList) else choices.scalar_subquery()


@compiles(OneOf, "sqlite")
def _one_of_sqlite(element: OneOf, compiler: SQLCompiler, **options: object) -> str:
    return f"{compiler.process(element.column)} IN {compiler.process(element.choices)}"


@compiles(OneOf, "postgresql")
def _one_of_postgresql(element: OneOf, compiler: SQLCompiler, **options: object) -> str:
    # An array is made once, and looked up in an index. IN would be a join, whose plan may run the query again
    # (a claim would lock more than its limit), or within OR a scan of the whole table.
    return f"{compiler.process(element.column)} = ANY (ARRAY{compiler.process(element.choices)})"


class Indexed(ColumnElement[bool]):
    """The condition of a partial index, which follows from what else is asked.

    SQLite takes such an index only where its condition is said. Postgres finds that it follows; were it said
    as well, what it excludes would count twice: much would look like little, and be read and sorted whole.
    """

    inherit_cache = False
    type = sa.Boolean()
    _is_implicitly_boolean = True

    def __init__(self, condition: str) -> None:
        self.condition = condition


@compiles(Indexed, "sqlite")
def _indexed_sqlite(element: Indexed, compiler: SQLCompiler, **options: object) -> str:
    return element.condition


@compiles(Indexed, "postgresql")
def _indexed_postgresql(element: Indexed, compiler: SQLCompiler, **options: object) -> str:
    return "true"


class BeforeColon(ColumnElement[str]):
    """A text up to its first colon; all of it where there is none."""

    inherit_cache = False
    type = sa.Text()

    def __init__(self, column: ColumnElement[str]) -> None:
        self.column = column


@compiles(BeforeColon, "sqlite")
def _before_colon_sqlite(element: BeforeColon, compiler: SQLCompiler, **options: object) -> str:
    column = compiler.process(element.column)
    return f"substr({column}, 1, instr({column} || ':', ':') - 1)"


@compiles(BeforeColon, "postgresql")
def _before_colon_postgresql(element: BeforeColon, compiler: SQLCompiler, **options: object) -> str:
    return f"split_part({compiler.process(element.column)}, ':', 1)"


class NoBytes(ColumnElement[bytes]):
    """Bytes, none of them."""

    inherit_cache = False
    type = sa.LargeBinary()


@compiles(NoBytes, "sqlite")
def _no_bytes_sqlite(element: NoBytes, compiler: SQLCompiler, **options: object) -> str:
    return "x''"


@compiles(NoBytes, "postgresql")
def _no_bytes_postgresql(element: NoBytes, compiler: SQLCompiler, **options: object) -> str:
    return "''::bytea"


class _WholePostgres(sa.BigInteger):
    render_bind_cast = True


class _Postgres(PGDialect):
    """Says that integers have 64 bits: beside a literal, a parameter of no type would get 32."""

    bind_typing = BindTyping.RENDER_CASTS
    supports_statement_cache = False
    colspecs = {**PGDialect.colspecs, sa.BigInteger: _WholePostgres}  # noqa: RUF012  # as SQLAlchemy declares it


class _WholeD1(sa.Integer):
    """JavaScript would make a float of an integer, cut at 53 bits. So it travels as text, both ways."""

    def bind_expression(self, bindparam: sa.BindParameter[int]) -> ColumnElement[int]:
        return sa.cast(bindparam, sa.Integer)

    def column_expression(self, column: ColumnElement[int]) -> ColumnElement[str]:  # type: ignore[override]  # what is read is text
        return sa.cast(column, sa.Text)


class _BytesD1(sa.LargeBinary):
    """JSON holds no bytes: they are read in hexadecimals. Only those too long for that come as a list."""

    def column_expression(self, column: ColumnElement[bytes]) -> ColumnElement[str]:  # type: ignore[override]  # likewise
        long = sa.func.length(column) > sa.literal_column(str(HEX_BYTES_MAX))
        return sa.case((long, column), else_=sa.func.hex(column))


class _D1(SQLiteDialect):
    """SQLite behind JSON."""

    supports_statement_cache = False
    colspecs = {**SQLiteDialect.colspecs, sa.Integer: _WholeD1, sa.LargeBinary: _BytesD1}  # noqa: RUF012  # as SQLAlchemy declares it


@attrs.frozen
class Target:
    """A database's way of writing things down. `placeholder` is what parameter number {number} looks like.

    `tables` is the database whose tables and migrations it has. `lists_rows`: what writes takes any number
    of rows as one parameter (`Listed`), and what its values are on the way is told beside the texts.
    `joins_in_order`: a join walks its left side and looks up the right one. Others may rather walk a whole
    table, as long as they have not counted what is in it.
    `table` is how a table is named, after its mark of the prefix.
    """

    name: str
    dialect: Dialect
    placeholder: str
    tables: str
    lists_rows: bool = False
    joins_in_order: bool = False
    table: str = '"{prefix}'

    def text(self, clause: sa.ClauseElement, parameters: Sequence[str]) -> str:
        """One line of SQL whose parameters are numbered in the order given. Raises ValueError on others."""
        # SQLite's compiler adds an offset of zero to every limit, as a parameter.
        compiled = _NO_OFFSET.sub("", str(clause.compile(dialect=self.dialect)))
        unused = set(parameters) - set(_PARAMETER.findall(compiled))
        if unused or ":param" in compiled:
            raise ValueError(f"parameters {sorted(unused)} are not in, or others are: {compiled}")
        compiled = _LABEL.sub("", compiled)
        numbered = _PARAMETER.sub(lambda found: self._number(found.group(1), parameters), compiled)
        return " ".join(numbered.replace(_TABLE, self.table).split())

    def table_text(self, clause: sa.schema.ExecutableDDLElement) -> str:
        """The statement that makes a table or an index; names of constraints are never qualified."""
        return _MAKING.sub(rf"\1{self.table}", str(clause.compile(dialect=self.dialect)))

    def _number(self, name: str, parameters: Sequence[str]) -> str:
        return self.placeholder.format(number=parameters.index(name) + 1)


_PARAMETER = re.compile(r":p_(\w+)")
_TABLE = '"{prefix}'
_MAKING = re.compile(r'(CREATE TABLE IF NOT EXISTS | ON )"\{prefix\}')
_LABEL = re.compile(r" AS (anon|unhex)_\d{1,3}")  # of what an insert selects: nobody reads it
_NO_OFFSET = re.compile(r" OFFSET (:param_1|CAST\(:param_1 AS INTEGER\))")

TARGETS = (
    # ?1 and not :1 : a number may be used twice, and Python binds a sequence to it without complaint.
    Target("sqlite", SQLiteDialect(paramstyle="named"), "?{number}", "sqlite", joins_in_order=True),
    # $1 is what the server itself reads: nobody need rewrite a text before it is sent.
    Target("postgresql", _Postgres(paramstyle="named"), "${number}", "postgresql", table='{schema}"{prefix}'),  # type: ignore[no-untyped-call]
    Target("d1", _D1(paramstyle="named"), "?{number}", "sqlite", lists_rows=True, joins_in_order=True),
)
