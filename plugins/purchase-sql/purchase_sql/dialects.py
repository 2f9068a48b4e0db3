"""Which databases texts are generated for, and what they say differently."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect
    from sqlalchemy.sql.compiler import SQLCompiler


class TextList(ColumnElement[str]):
    """Every text of a JSON list that is one parameter: some databases take few parameters, or short texts.

    Stands right of IN.
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


@attrs.frozen
class Target:
    """A database's way of writing things down. `placeholder` is what parameter number {number} looks like."""

    name: str
    dialect: Dialect
    placeholder: str

    def text(self, clause: sa.ClauseElement, parameters: Sequence[str]) -> str:
        """One line of SQL whose parameters are numbered in the order given. Raises ValueError on others."""
        # SQLite's compiler adds an offset of zero to every limit, as a parameter.
        compiled = str(clause.compile(dialect=self.dialect)).replace(" OFFSET :param_1", "")
        unused = set(parameters) - set(_PARAMETER.findall(compiled))
        if unused or ":param" in compiled:
            raise ValueError(f"parameters {sorted(unused)} are not in, or others are: {compiled}")
        numbered = _PARAMETER.sub(lambda found: self._number(found.group(1), parameters), compiled)
        return " ".join(numbered.split())

    def _number(self, name: str, parameters: Sequence[str]) -> str:
        return self.placeholder.format(number=parameters.index(name) + 1)


_PARAMETER = re.compile(r":p_(\w+)")

TARGETS = (
    # ?1 and not :1 : a number may be used twice, and Python binds a sequence to it without complaint.
    Target("sqlite", SQLiteDialect(paramstyle="named"), "?{number}"),
)
