"""A statement as it is written once, for every database. Needs the extra `schema`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert, insert

from purchase_sql.dialects import OneOf, PairList, TextList
from purchase_sql.schema import BYTES, TEXT, WHOLE


@attrs.frozen
class Statement:
    """A clause under the name by which it is found, and its parameters in the order they are passed in."""

    name: str
    parameters: tuple[str, ...]
    clause: sa.ClauseElement

    @property
    def kinds(self) -> str:
        """What its rows hold, a letter a column: text, integer, bytes. "" if it returns none."""
        if not isinstance(self.clause, sa.SelectBase | sa.UpdateBase):
            return ""
        columns = self.clause.exported_columns
        return "".join(_kind(column.type) for column in columns)


def _kind(type_: sa.types.TypeEngine[Any]) -> str:
    if isinstance(type_, sa.LargeBinary):
        return "b"
    return "i" if isinstance(type_, sa.Integer | sa.Boolean) else "t"


def text(name: str) -> sa.BindParameter[str]:
    """A parameter that is text."""
    return sa.bindparam(f"p_{name}", type_=TEXT)


def whole(name: str) -> sa.BindParameter[int]:
    """A parameter that is an integer."""
    return sa.bindparam(f"p_{name}", type_=WHOLE)


def number(value: int) -> sa.ColumnElement[int]:
    """An integer that is part of the text."""
    return sa.literal_column(str(value), WHOLE)


def word(value: str) -> sa.ColumnElement[str]:
    """A text of ours that is part of the text."""
    return sa.literal_column(f"'{value}'", TEXT)


IMPOSSIBLE = number(-1)  # what a guard sets, so that a named CHECK ends the batch
NOWHERE = word("")


def chosen(table: sa.Table, names: Sequence[str]) -> sa.Select[Any]:
    """These columns of the rows of a table."""
    return sa.select(*(table.c[name] for name in names))


def all_of(table: sa.Table) -> sa.Select[Any]:
    """Whole rows of a table."""
    return sa.select(*table.columns)


def in_texts(column: sa.ColumnElement[Any], parameter: str) -> sa.ColumnElement[bool]:
    """Whether a column is one of the texts of a JSON list."""
    return OneOf(column, TextList(text(parameter)))


def in_pairs(
    one: sa.ColumnElement[Any], other: sa.ColumnElement[Any], parameter: str
) -> sa.ColumnElement[bool]:
    """Whether two columns are one of the pairs of a JSON list."""
    both = sa.tuple_(one, other)
    return both.op("IN", is_comparison=True, return_type=sa.Boolean())(PairList(text(parameter)))


class Given(ABC):
    """The values that a statement writes: their names, in the order in which they are passed in."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    @property
    @abstractmethod
    def parameters(self) -> tuple[str, ...]:
        """The parameters of the statement's text."""

    @abstractmethod
    def value(self, name: str, type_: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
        """The value of this name."""

    @abstractmethod
    def insert(self, table: sa.Table, values: Mapping[str, sa.ColumnElement[Any]]) -> Insert:
        """Inserts a row of these values by column."""

    @abstractmethod
    def select(self, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """Columns of other tables, for each of the rows that are given."""

    @abstractmethod
    def is_one(self, key: sa.Column[Any]) -> sa.ColumnElement[bool]:
        """Whether a row is one of those that are given by their key."""

    def of_column(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """The value that becomes this column's."""
        return self.value(column.name, column.type)


class Single(Given):
    """One row, a parameter for each of its values."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Its values."""
        return self.names

    def value(self, name: str, type_: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
        """A parameter."""
        return sa.bindparam(f"p_{name}", type_=type_)

    def insert(self, table: sa.Table, values: Mapping[str, sa.ColumnElement[Any]]) -> Insert:
        """Inserts it."""
        # The insert of the Postgres dialect is the generic one with ON CONFLICT, as SQLite has it too.
        return insert(table).inline().values(dict(values))

    def select(self, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """The columns, for the one row."""
        return sa.select(*columns)

    def is_one(self, key: sa.Column[Any]) -> sa.ColumnElement[bool]:
        """Whether a row is that of this key."""
        return key == self.of_column(key)


class Listed(Given):
    """Any number of rows, which are one parameter: a JSON list of lists. Bytes are in hexadecimals there.

    So that a batch is few statements, however much it writes, and integers keep all of their digits.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._rows = sa.func.json_each(text("rows")).table_valued("value", name="listed")

    @property
    def parameters(self) -> tuple[str, ...]:
        """The list."""
        return ("rows",)

    def value(self, name: str, type_: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
        """An element of the row."""
        place = number(self.names.index(name))
        element = self._rows.c.value.op("->>", return_type=type_)(place)
        return sa.func.unhex(element) if type_ is BYTES else element

    def insert(self, table: sa.Table, values: Mapping[str, sa.ColumnElement[Any]]) -> Insert:
        """Inserts them one after the other."""
        # Without WHERE, SQLite would take the ON of ON CONFLICT for that of a join.
        rows = sa.select(*values.values()).select_from(self._rows).where(sa.true())
        return insert(table).from_select(list(values), rows)

    def select(self, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """The columns, joined to the list."""
        return sa.select(*columns).select_from(self._rows)

    def is_one(self, key: sa.Column[Any]) -> sa.ColumnElement[bool]:
        """Whether a row is that of one of these keys."""
        return OneOf(key, sa.select(self.of_column(key)))
