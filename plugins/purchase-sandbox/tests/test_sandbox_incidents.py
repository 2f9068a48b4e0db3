"""The incidents, each played to its end through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from purchase_core.testing.sales import CATALOG
from purchase_sandbox.incidents.scene import Scene
from purchase_sandbox.incidents.stories import STORIES, database_was_restored


@pytest.mark.parametrize("number", [number for number in STORIES if number != 7])
def test_the_operator_gets_out_of_it(number: int, tmp_path: Path) -> None:
    told: list[str] = []
    STORIES[number].tell(Scene(tmp_path, CATALOG, told.append))
    assert any(line.startswith("$ purchase ") for line in told)


def test_f87_a_restored_database_is_brought_up_to_date_and_nothing_is_sold_twice(tmp_path: Path) -> None:
    database_was_restored(Scene(tmp_path, CATALOG, lambda line: None))
