"""What goes through JSON comes back as it was."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

import pytest

from purchase_core.errors import InvalidArgument, InvalidText
from purchase_sql.generated.d1 import KINDS, STATEMENTS
from purchase_sql.wire import ROWS_BYTES_MAX, WHOLE_MAX, WHOLE_MIN, Reader, as_texts, grouped


def test_a_statement_comes_once_for_all_of_its_rows_where_it_first_came() -> None:
    sent = grouped([("a", (1,)), ("b", ("x",)), ("a", (2,)), ("c", (None,)), ("b", (b"\x00\xff",))])
    assert [(text, json.loads(rows)) for text, (rows,) in sent] == [
        ("a", [[1], [2]]),
        ("b", [["x"], ["00ff"]]),
        ("c", [[None]]),
    ]


def test_rows_are_split_where_they_are_too_long_for_one_parameter_and_stay_in_order() -> None:
    rows = [("a", (number, "x" * 300_000)) for number in range(11)]
    sent = grouped(rows)
    assert len(sent) > 1
    assert max(len(part) for _, (part,) in sent) <= ROWS_BYTES_MAX
    assert [row[0] for _, (part,) in sent for row in json.loads(part)] == list(range(11))


def test_a_row_that_is_too_long_by_itself_is_left_to_the_database() -> None:
    ((_, (part,)),) = grouped([("a", ("x" * (2 * ROWS_BYTES_MAX),))])
    assert len(part) > ROWS_BYTES_MAX


@pytest.mark.parametrize("value", [WHOLE_MIN, WHOLE_MAX, 2**53, -(2**53) - 1, 0, 7])
def test_an_integer_keeps_its_digits_both_ways(value: int) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (n INTEGER NOT NULL) STRICT")
    ((_, rows),) = grouped([("", (value,))])
    connection.execute("INSERT INTO t SELECT value ->> 0 FROM json_each(?)", rows)
    (parameter,) = as_texts((value,))
    found = connection.execute("SELECT CAST(n AS TEXT) FROM t WHERE n = CAST(? AS INTEGER)", (parameter,))
    assert found.fetchall() == [(str(value),)]
    connection.close()


@pytest.mark.parametrize("value", [WHOLE_MIN - 1, WHOLE_MAX + 1, 2**64, -(2**200)])
def test_an_integer_of_more_than_64_bits_is_refused(value: int) -> None:
    with pytest.raises(InvalidArgument, match="64 bits"):
        grouped([("a", (value,))])
    with pytest.raises(InvalidArgument, match="64 bits"):
        as_texts((value,))


def test_f29_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidText, match="surrogate"):
        grouped([("a", ("\ud800",))])


def test_rows_are_read_by_the_kinds_of_their_statement() -> None:
    reader = Reader(STATEMENTS, KINDS, "app_")
    lane = STATEMENTS["lane"].replace("{prefix}", "app_")
    rows: list[Sequence[object]] = [
        ["a", "9223372036854775807", "00ff", "", "1", "1"],
        ["b", 7, [0, 255], "", 0, 0],
        ["c", None, "", "", None, "0"],
    ]
    assert reader.read(lane, rows) == [
        ("a", 2**63 - 1, b"\x00\xff", "", 1, 1),
        ("b", 7, b"\x00\xff", "", 0, 0),
        ("c", None, b"", "", None, 0),
    ]


@pytest.mark.parametrize(
    "row",
    [
        [],
        ["a", "1", "", "", "1"],
        ["a", "1", "", "", "1", "0", ""],
        ["a", "x", "", "", "1", "0"],
        ["a", "1", "0", "", "1", "0"],
        [1, "1", "", "", "1", "0"],
    ],
)
def test_a_row_that_is_none_of_the_statements_is_no_answer(row: Sequence[object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Reader(STATEMENTS, KINDS, "").read(STATEMENTS["lane"].replace("{prefix}", ""), [row])
