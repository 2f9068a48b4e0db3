"""How values travel where only JSON carries them: to D1, through JavaScript, which has no integers.

What is written goes as lists of rows (`statement.Listed`): one parameter a statement, whose integers keep all
of their digits, and bytes in hexadecimals. What is read comes as text, and `KINDS` of the generated module
says what it was. So every parameter is a text, and nothing depends on what becomes of numbers on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import starmap
from typing import Any, TypeAlias

import msgspec

from purchase_core.errors import InvalidArgument, InvalidText
from purchase_sql.encode import NUL, SURROGATE, Operation
from purchase_sql.prefix import with_prefix
from purchase_sql.shapes import Value

Sent: TypeAlias = tuple[str, tuple[str, ...]]
"""A statement's text and its parameters, as they are sent."""

Cells: TypeAlias = Sequence[Any]
"""A row as it arrives."""

ROWS_BYTES_MAX = 1_000_000  # of one parameter; D1 takes 2,000,000, also where a row alone is longer
WHOLE_MIN, WHOLE_MAX = -(2**63), 2**63 - 1

_json = msgspec.json.Encoder().encode


def as_texts(values: Iterable[Value]) -> tuple[str, ...]:
    """The parameters of a statement that reads. Raises InvalidArgument and InvalidText."""
    return tuple(_whole_text(value) if isinstance(value, str) else str(_plain(value)) for value in values)


def grouped(operations: Iterable[Operation]) -> list[Sent]:
    """A batch as few statements: each once for all of its rows, in the order in which it first comes.

    That keeps the order within a table, since no two statements write one, except that what is dropped is
    dropped first: right behind the batch's own row, which comes before everything. Raises InvalidArgument and
    InvalidText.
    """
    rows: dict[str, list[list[object]]] = {}
    for text, values in operations:
        rows.setdefault(text, []).append([_plain(value) for value in values])
    first = next(iter(rows), "")
    rows = dict(sorted(rows.items(), key=lambda one: (one[0] != first, not one[0].startswith("DELETE"))))
    try:
        return [(text, (part,)) for text, many in rows.items() for part in _parts(many)]
    except UnicodeEncodeError:
        raise InvalidText(SURROGATE) from None


def _parts(rows: Sequence[list[object]]) -> Iterable[str]:
    encoded = _json(rows)
    if len(encoded) <= ROWS_BYTES_MAX or len(rows) == 1:
        yield encoded.decode()
    else:
        middle = len(rows) // 2
        yield from _parts(rows[:middle])
        yield from _parts(rows[middle:])


def _whole_text(value: str) -> str:
    if "\x00" in value:
        raise InvalidText(NUL)
    try:
        value.encode()
    except UnicodeEncodeError:  # JavaScript would put another character in its place, and say nothing
        raise InvalidText(SURROGATE) from None
    return value


def _plain(value: Value) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str) and "\x00" in value:
        raise InvalidText(NUL)  # the database would end the text there
    if isinstance(value, int) and not WHOLE_MIN <= value <= WHOLE_MAX:
        raise InvalidArgument("an integer has more than 64 bits")
    return value


class Reader:
    """Makes of each row that arrives the values that it was, by the statement that it answers."""

    def __init__(self, statements: Mapping[str, str], kinds: Mapping[str, str], prefix: str) -> None:
        self._of_text = {
            with_prefix(statements[name], prefix): tuple(_FROM[kind] for kind in shape)
            for name, shape in kinds.items()
        }

    def read(self, text: str, rows: Iterable[Cells]) -> list[tuple[Any, ...]]:
        """The rows that this statement returned. Raises ValueError or TypeError if they are none."""
        shape = self._of_text[text]
        return [tuple(starmap(_convert, zip(shape, row, strict=True))) for row in rows]


def _convert(from_cell: Callable[[Any], Value], cell: object) -> Value:
    return None if cell is None else from_cell(cell)


def _text(cell: str) -> str:
    if not isinstance(cell, str):
        raise TypeError("no text")
    return cell


def _bytes(cell: str | Sequence[int]) -> bytes:
    return bytes.fromhex(cell) if isinstance(cell, str) else bytes(list(cell))


_FROM: Mapping[str, Callable[[Any], Value]] = {"t": _text, "i": int, "b": _bytes}
