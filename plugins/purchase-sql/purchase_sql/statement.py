"""A statement as it is written once, for every database. Needs the extra `schema`."""

from __future__ import annotations

from typing import Any

import attrs
import sqlalchemy as sa

from purchase_sql.dialects import OneOf, PairList, TextList
from purchase_sql.schema import TEXT, WHOLE


@attrs.frozen
class Statement:
    """A clause under the name by which it is found, and its parameters in the order they are passed in."""

    name: str
    parameters: tuple[str, ...]
    clause: sa.ClauseElement


def text(name: str) -> sa.BindParameter[str]:
    """A parameter that is text."""
    return sa.bindparam(f"p_{name}", type_=TEXT)


def whole(name: str) -> sa.BindParameter[int]:
    """A parameter that is an integer."""
    return sa.bindparam(f"p_{name}", type_=WHOLE)


def of_column(column: sa.Column[Any]) -> sa.BindParameter[Any]:
    """The parameter that becomes this column's value."""
    return sa.bindparam(f"p_{column.name}", type_=column.type)


def number(value: int) -> sa.ColumnElement[int]:
    """An integer that is part of the text."""
    return sa.literal_column(str(value), WHOLE)


def word(value: str) -> sa.ColumnElement[str]:
    """A text of ours that is part of the text."""
    return sa.literal_column(f"'{value}'", TEXT)


def in_texts(column: sa.ColumnElement[Any], parameter: str) -> sa.ColumnElement[bool]:
    """Whether a column is one of the texts of a JSON list."""
    return OneOf(column, TextList(text(parameter)))


def in_pairs(
    one: sa.ColumnElement[Any], other: sa.ColumnElement[Any], parameter: str
) -> sa.ColumnElement[bool]:
    """Whether two columns are one of the pairs of a JSON list."""
    both = sa.tuple_(one, other)
    return both.op("IN", is_comparison=True, return_type=sa.Boolean())(PairList(text(parameter)))
