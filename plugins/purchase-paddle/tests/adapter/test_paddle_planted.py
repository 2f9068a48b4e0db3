"""Bugs planted in Paddle's adapter are caught, each by what it names; and the page says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from purchase_contract_tests.planting import Bug, written_into

from .bugs import BUGS
from .test_paddle_contract import TestPaddleProvider as Contract

PAGE = Path(__file__).parents[4] / "docs" / "contract-bugs.md"


@pytest.mark.parametrize("bug", BUGS.all, ids=str)
def test_a_planted_bug_is_caught(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    assert BUGS.caught(bug, Contract, monkeypatch)


def test_the_page_of_bugs_is_current() -> None:
    page = PAGE.read_text()
    assert written_into(page, "paddle", BUGS.section()) == page
