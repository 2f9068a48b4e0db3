"""The simulator finds bugs, and each of its checks is needed. All: `python -m tests.simulation.planted`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from purchase_core.testing.simulation import Plan, play
from purchase_core.testing.simulation.world import CHECKS

from .planted import BUGS, planted
from .planted.__main__ import ONLY_FOUND_BY
from .planted.hunting import hunt
from .planted.planting import Planter

PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"

# One of each kind, of those that are found soon.
SOON = {
    "plans-twice": 150,
    "forgets-keys-of-checkouts": 60,
    "refunds-without-a-bound": 150,
    "counts-refunds-by-event": 60,
    "matches-by-total": 200,
    "spends-expired-credits": 150,
    "guards-no-lane": 400,
    "answers-before-keeping": 60,
}


@pytest.mark.parametrize("bug", sorted(BUGS))
def test_every_bug_fits_the_code_that_it_is_planted_in(bug: str) -> None:
    with planted(bug):
        pass


def test_what_cannot_be_called_as_what_it_stands_for_is_no_bug() -> None:
    """A worker would log its TypeError and go on, and something else be found of it."""

    class Closing:
        def close(self, session: str, *, watched: bool = False) -> str:
            return session

    def before_it_was_watched(self: object, session: str) -> str:
        return ""

    def whatever(self: object, *what: object, **how: object) -> str:
        return ""

    with ExitStack() as stack:
        planter = Planter(stack)
        with pytest.raises(ValueError, match="before_it_was_watched cannot stand for"):
            planter.put(Closing, "close", before_it_was_watched)
        planter.put(Closing, "close", whatever)
        assert Closing().close("cs_1") == ""


@pytest.mark.parametrize("bug", SOON)
def test_a_bug_is_found(bug: str) -> None:
    assert hunt(bug, SOON[bug]).seed >= 0


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_can_be_planted_and_taken_out_again(bug: str) -> None:
    with planted(bug):
        pass
    assert not play(Plan(0, liveness=False)).findings


@pytest.mark.parametrize("check", ["cases", "purchases", "told"])
def test_a_bug_escapes_where_its_check_is_left_out(check: str) -> None:
    assert hunt(ONLY_FOUND_BY[check], 60, unchecked=check).seed == -1


def test_every_check_has_a_bug_that_only_it_finds() -> None:
    assert set(ONLY_FOUND_BY) == set(CHECKS)
    assert set(ONLY_FOUND_BY.values()) <= set(BUGS)
    assert len(set(ONLY_FOUND_BY.values())) == len(CHECKS)


def test_the_page_tells_of_every_bug_and_of_every_check() -> None:
    page = PAGE.read_text("utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")]
    names = [row[0].removeprefix("| ") for row in rows]
    assert [name for name in BUGS if name not in names] == []
    assert [check for check in CHECKS if check not in names] == []
    missed = [row[0] for row in rows if len(row) > 2 and row[2].startswith("not found")]
    assert len(missed) * 20 <= len(BUGS) >= 40
