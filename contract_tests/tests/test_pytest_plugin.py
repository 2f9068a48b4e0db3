"""The plugin, as an adapter's author meets it: installed, in a run of its own, over two adapters."""

from __future__ import annotations

import re

import pytest

from purchase_contract_tests.report import decode

pytest_plugins = ["pytester"]

ADAPTERS = """
from contextlib import asynccontextmanager

from purchase_contract_tests.store import StoreCapability, StoreContract
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore


class Shallow(MemoryStore):
    async def price_for(self, connection, version, currency, variant=""):
        return None


class TestMemory(StoreContract):
    capabilities = frozenset({StoreCapability.DURABLE})

    @asynccontextmanager
    async def store(self):
        async with MemoryStore(MemoryDatabase()) as store:
            yield store

    def reopen(self, store):
        return MemoryStore(store.database)


class TestShallow(StoreContract):
    known_gaps = {
        "test_the_newest_price_on_sale_is_found": "no prices yet",
        "test_every_lane_of_a_batch_is_a_guard": "once it was none",
    }

    @asynccontextmanager
    async def store(self):
        async with Shallow(MemoryDatabase()) as store:
            yield store
"""


@pytest.fixture
def adapters(pytester: pytest.Pytester) -> pytest.Pytester:
    """A directory with a test module of two adapters."""
    pytester.makepyfile(test_adapters=ADAPTERS)
    pytester.makeini("[pytest]\nxfail_strict = false\naddopts = --strict-markers\n")
    return pytester


def test_the_summary_is_a_matrix_of_promises_and_adapters(adapters: pytest.Pytester) -> None:
    result = adapters.runpytest_subprocess("-k", "price or lane or restart")
    table = [re.split(r"\s{2,}", line) for line in result.outlines]
    rows = {cells[0]: cells[1:] for cells in table if len(cells) == 3}
    assert rows[""] == ["Memory", "Shallow"]
    assert rows["restart"] == ["3/3", "3 not declared"]
    assert rows["prices"] == ["8/8", "2/8, 5 broken, 1 known"]
    assert rows["lanes"] == ["4/4", "3/4, 1 broken"]
    assert list(rows).index("lanes") < list(rows).index("prices") < list(rows).index("restart")


def test_the_report_holds_every_promise(adapters: pytest.Pytester) -> None:
    adapters.runpytest_subprocess("-k", "lane_of_a_batch or restart", "--contract-report", "found.json")
    found = decode((adapters.path / "found.json").read_bytes())
    outcomes = {(one.adapter, one.promise): one.outcome for one in found.found}
    assert outcomes["Memory", "every_lane_of_a_batch_is_a_guard"] == "kept"
    assert outcomes["Shallow", "every_lane_of_a_batch_is_a_guard"] == "stale gap"
    assert outcomes["Shallow", "positions_go_on_after_a_restart"] == "not declared"
    assert not found.whole


def test_what_could_not_be_run_is_not_taken_for_undeclared(adapters: pytest.Pytester) -> None:
    adapters.makeconftest(
        "import pytest\n@pytest.fixture(autouse=True)\ndef server():\n    pytest.skip('no server')\n"
    )
    adapters.runpytest_subprocess("-k", "restart", "--contract-report", "found.json")
    found = decode((adapters.path / "found.json").read_bytes())
    assert {one.outcome for one in found.found} == {"not run"}


def test_an_adapter_that_is_not_shown_is_tested_all_the_same(adapters: pytest.Pytester) -> None:
    source = adapters.path / "test_adapters.py"
    source.write_text(source.read_text().replace("known_gaps =", "shown = False\n    known_gaps ="))
    result = adapters.runpytest_subprocess("-k", "TestShallow and the_newest_price")
    result.assert_outcomes(xfailed=1)
    assert not any("Shallow" in line for line in result.outlines)


def test_a_stale_gap_turns_the_run_red(adapters: pytest.Pytester) -> None:
    result = adapters.runpytest_subprocess("-k", "TestShallow and every_lane_of_a_batch")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*once it was none*"])


def test_a_failing_promise_shows_its_values(adapters: pytest.Pytester) -> None:
    result = adapters.runpytest_subprocess("-k", "TestShallow and recorded_again")
    result.stdout.fnmatch_lines(["*assert None == PriceReference(connection='acme'*"])


def test_contract_tests_can_be_selected_by_their_marker(adapters: pytest.Pytester) -> None:
    adapters.makepyfile(test_other="def test_other():\n    pass\n")
    result = adapters.runpytest_subprocess("-m", "purchase_contract", "--collect-only", "-q")
    collected = [line for line in result.outlines if "::" in line]
    assert collected
    assert all("test_adapters.py::Test" in line for line in collected)
