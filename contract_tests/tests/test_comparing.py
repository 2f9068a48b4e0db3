"""The first difference is found, and told in one line however long both sides are."""

from __future__ import annotations

import pytest

from purchase_contract_tests.comparing import first_difference


@pytest.mark.parametrize(
    ("found", "expected", "said"),
    [
        ([], [], ""),
        ([1, 2], (1, 2), ""),
        ([1, 2, 9], [1, 3, 8], "at 1 is 2 instead of 3"),
        ([1], [1, None], "at 1 is nothing instead of None"),
        ([1, "x"], [1], "at 1 is 'x' instead of nothing"),
    ],
)
def test_the_first_difference_is_told(found: list[object], expected: list[object], said: str) -> None:
    assert first_difference(found, expected) == said


def test_only_one_is_told_of_many() -> None:
    assert first_difference(range(100_000), range(1, 100_001)) == "at 0 is 0 instead of 1"
