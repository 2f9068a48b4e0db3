"""docs/faults.md lists every fault that is defended against, and the tests that say so."""

from __future__ import annotations

import re

from .listing import LISTED, named, said, written

# The faults and threats of receiving and of plugins: each of them has a test, whatever else has.
REQUIRED = {
    *(f"F{number:02}" for number in [*range(1, 7), *range(8, 15), *range(16, 35)]),
    *("F102", "F103", "F104"),
    *("T01", "T02", "T03", "T07", "T08", "T10", "T11", "T12", "T15", "T16"),
}
SPELLED = re.compile(r"[FTI](?:\d{2}|1\d{2})")


def test_the_tests_that_are_listed_are_those_that_there_are() -> None:
    assert LISTED.read_text("utf-8") == written(), "write them anew: python -m tests.faults.listing"


def test_every_id_that_a_test_is_named_for_is_listed_and_the_other_way_round() -> None:
    assert sorted(named().keys() ^ said().keys()) == []


def test_every_id_is_spelled_alike() -> None:
    assert all(map(SPELLED.fullmatch, named()))


def test_the_ids_that_must_be_listed_are_listed() -> None:
    assert sorted(REQUIRED - said().keys()) == []


def test_the_list_is_in_order_and_says_something_of_each() -> None:
    ids = [(fault[0], int(fault[1:])) for fault in said()]
    assert ids == sorted(ids, key=lambda one: ("FTI".index(one[0]), one[1]))
    assert all(len(text) > 30 for text in said().values())
