"""Numbered parameters are written out, and each value goes wherever its number stood."""

from __future__ import annotations

import sqlite3
import warnings

import pytest

from purchase_sql.generated.sqlite import STATEMENTS
from purchase_sqlite.binding import bound, written_out


@pytest.mark.parametrize(
    ("text", "values", "plain", "ordered"),
    [
        ("BEGIN", (), "BEGIN", ()),
        ("SELECT ?1, ?2", ("a", "b"), "SELECT ?, ?", ("a", "b")),
        ("SELECT ?2, ?1", ("a", "b"), "SELECT ?, ?", ("b", "a")),
        ("SELECT ?1, ?2, ?1", ("a", "b"), "SELECT ?, ?, ?", ("a", "b", "a")),
        ("SELECT ?1 + ?1", (2,), "SELECT ? + ?", (2, 2)),
    ],
)
def test_values_go_where_their_numbers_stood(
    text: str, values: tuple[object, ...], plain: str, ordered: tuple[object, ...]
) -> None:
    assert bound(text, values) == (plain, ordered)  # type: ignore[arg-type]


def test_eleven_parameters_are_not_one_and_a_one() -> None:
    text = ", ".join(f"?{number}" for number in range(1, 12))
    assert bound(f"SELECT {text}", tuple(range(11))) == ("SELECT " + ", ".join("?" * 11), tuple(range(11)))


def test_every_shipped_statement_is_bound_without_a_word_from_the_driver() -> None:
    """Python 3.12 warns of numbered parameters, and 3.14 refuses them."""
    connection = sqlite3.connect(":memory:")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in STATEMENTS.values():
            plain, _ = written_out(text)
            values = ["1"] * plain.count("?")
            with pytest.raises(sqlite3.OperationalError, match="no such table"):
                connection.execute(plain, values)
    connection.close()
