"""Documents of providers are read strictly, and what is wrong with one is said without quoting it."""

from __future__ import annotations

import msgspec
import pytest

from purchase_core.errors import MalformedBody
from purchase_core.ports.provider import reading


class Line(msgspec.Struct, frozen=True):
    amount: int


class Bill(msgspec.Struct, frozen=True):
    id: str
    lines: list[Line]


class Page(msgspec.Struct, frozen=True):
    data: list[msgspec.Raw]


def test_fields_that_nobody_knows_are_passed_over() -> None:
    body = b'{"id": "in_1", "new": {"a": 1}, "lines": [{"amount": 5, "tax": 1}]}'
    assert reading.read(body, Bill) == Bill("in_1", [Line(5)])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"id": "in_1", "lines": [{"amount": "canary"}]}', "wrong at `$.lines[0].amount`"),
        (b'{"id": "in_1"}', "not a bill: a field is missing or of the wrong kind"),
        (b'"canary"', "not a bill: a field is missing or of the wrong kind"),
        (b'{"id": "canary", "id": "in_1", "lines": []}', "the same key twice"),
        (b"<html>canary", "not valid JSON"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_place_and_not_quoted(body: bytes, says: str) -> None:
    with pytest.raises(MalformedBody) as refused:
        reading.read(body, Bill)
    assert says in str(refused.value)
    assert "canary" not in str(refused.value)


def test_rows_stay_as_they_came_and_are_checked_all_the_same() -> None:
    page = reading.read_raw(b'{"data": [{"id":  "a"}, 1.50]}', Page)
    assert [bytes(row) for row in page.data] == [b'{"id":  "a"}', b"1.50"]
    for body in (b'{"data": [{"a": 1, "a": 2}]}', b'{"rows": []}', b'{"data": [{]}'):
        with pytest.raises(MalformedBody):
            reading.read_raw(body, Page)
