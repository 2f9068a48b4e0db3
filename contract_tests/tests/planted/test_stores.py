"""Every planted bug is caught, every promise catches one, and the table says which."""

from __future__ import annotations

import pytest
from purchase_core.testing.memory_store import MemoryStore

from purchase_contract_tests.store import StoreContract
from purchase_contract_tests.verify import Verdict

from .stores import planted_stores
from .table import MADE_UP, TABLE, caught_by, store_verdicts, table

MADE_UP_CATCHES_MIN = 15


def test_the_reference_keeps_every_promise() -> None:
    assert {one.verdict for one in store_verdicts(MemoryStore)} == {Verdict.KEPT}


@pytest.mark.parametrize("planted", planted_stores())
def test_a_planted_bug_is_caught(planted: type[MemoryStore]) -> None:
    assert planted.__doc__
    assert caught_by(planted) - {MADE_UP}


def test_every_promise_catches_a_planted_bug() -> None:
    caught = frozenset[str]().union(*map(caught_by, planted_stores()))
    assert set(StoreContract.promises()) - caught == set()


def test_made_up_histories_catch_many_bugs() -> None:
    assert sum(MADE_UP in caught_by(planted) for planted in planted_stores()) >= MADE_UP_CATCHES_MIN


def test_the_table_of_bugs_is_current() -> None:
    assert TABLE.read_text() == table()
