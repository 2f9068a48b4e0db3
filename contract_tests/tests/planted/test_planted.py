"""Every planted bug is caught, every promise catches one, and the page says which."""

from __future__ import annotations

from itertools import islice

import pytest

from purchase_contract_tests.provider import ProviderContract
from purchase_contract_tests.router import RouterContract
from purchase_contract_tests.store import StoreContract
from purchase_contract_tests.verify import Verdict
from purchase_core.routing.router import PolicyRouter
from purchase_core.testing.memory_store import MemoryStore

from .providers import planted_providers
from .routers import planted_routers
from .stores import planted_stores, restart, spending
from .table import (
    MADE_UP,
    TABLE,
    Planted,
    caught_by,
    caught_by_histories,
    page,
    provider_outcomes,
    router_outcomes,
    store_outcomes,
)
from .tiny.variants import VARIANTS

# Hypothesis decides what a made-up history finds; there are many bugs that it can find.
MADE_UP_CATCHES_MIN = 15


def test_the_references_keep_every_promise() -> None:
    assert {one.verdict for one in store_outcomes(MemoryStore)} == {Verdict.KEPT}
    assert not caught_by_histories(MemoryStore)
    assert {one.verdict for one in router_outcomes(PolicyRouter)} == {Verdict.KEPT}


def test_providers_of_every_make_keep_what_they_declare() -> None:
    kept: set[str] = set()
    for kind in VARIANTS:
        outcomes = provider_outcomes(kind)
        wrong = [one for one in outcomes if one.verdict not in (Verdict.KEPT, Verdict.NOT_DECLARED)]
        assert not wrong, (kind, wrong)
        kept |= {one.promise for one in outcomes if one.verdict is Verdict.KEPT}
    assert set(ProviderContract.promises()) - kept == set()


@pytest.mark.parametrize("planted", [*planted_stores(), *planted_providers(), *planted_routers()])
def test_a_planted_bug_is_caught(planted: Planted) -> None:
    assert planted.__doc__
    assert caught_by(planted)


def test_every_promise_of_stores_catches_a_planted_bug() -> None:
    caught = frozenset[str]().union(*map(caught_by, planted_stores()))
    assert set(StoreContract.promises()) - caught == {MADE_UP}  # see below


def test_every_promise_of_providers_catches_a_planted_bug() -> None:
    caught = frozenset[str]().union(*map(caught_by, planted_providers()))
    assert set(ProviderContract.promises()) - caught == set()


def test_every_promise_of_routers_catches_a_planted_bug() -> None:
    caught = frozenset[str]().union(*map(caught_by, planted_routers()))
    assert set(RouterContract.promises()) - caught == set()


def test_made_up_histories_catch_many_bugs() -> None:
    caught = filter(caught_by_histories, planted_stores())
    assert len(list(islice(caught, MADE_UP_CATCHES_MIN))) == MADE_UP_CATCHES_MIN


@pytest.mark.parametrize(
    "planted",
    [
        spending.ForgetsTheLedger,
        spending.AddsToTheLedger,
        spending.KeepsTheFirstOfTheLedger,
        spending.ListsTheJournalByKey,
        spending.SpendsBeforeItChecks,
        restart.AcknowledgesMovementsBeforeItWrites,
    ],
)
def test_made_up_histories_spend_and_catch_bugs_of_it(planted: type[MemoryStore]) -> None:
    assert caught_by_histories(planted)


def test_the_page_of_bugs_is_current() -> None:
    assert TABLE.read_text() == page()
