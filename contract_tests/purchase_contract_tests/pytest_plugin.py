"""The pytest plugin: contract tests explain their failures, carry a marker, and are summed up in a matrix."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from purchase_contract_tests.report import Found

# Before anything imports them: else an adapter's author sees "assert False" and no values.
pytest.register_assert_rewrite(
    "purchase_contract_tests.store", "purchase_contract_tests.provider", "purchase_contract_tests.router"
)

MARKER = "purchase_contract"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--contract-report FILE`: what every promise found, as JSON. `--live`: ask real providers."""
    group = parser.getgroup("purchase", "contracts of Purchase")
    group.addoption("--live", action="store_true", help="ask providers' test modes, with keys of yours")
    group.addoption("--contract-report", type=Path, metavar="FILE", help="write what every promise found")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, so that `-m purchase_contract` selects contract tests under strict markers."""
    config.addinivalue_line("markers", f"{MARKER}: a promise of purchase-contract-tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what asks a real provider, unless `--live` was said; in CI it cannot be said."""
    live = [item for item in items if getattr(getattr(item, "cls", None), "live", False)]
    if config.getoption("live"):
        if os.environ.get("CI"):
            raise pytest.UsageError("--live asks real providers with keys of yours: not in CI")
        return
    if live:
        config.hook.pytest_deselected(items=live)
        items[:] = [item for item in items if item not in live]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a contract test, and note on its report whose promise it is (reports travel between workers)."""
    # Imported late: this module is loaded by every run, also where no contract is tested.
    from purchase_contract_tests.contract import Contract, promise_of  # noqa: PLC0415

    one = promise_of(getattr(item, "function", None))
    owner = getattr(item, "cls", None)
    if one is not None and isinstance(owner, type) and issubclass(owner, Contract):
        item.add_marker(MARKER)
        if not owner.shown:
            return
        groups = list(dict.fromkeys(promise.group for promise in owner.promises().values()))
        whose = (owner.title, owner.adapter(), groups.index(one.group), one.group, one.name)
        item.user_properties.append((MARKER, whose))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one matrix a contract, groups of promises down and adapters across; or write the report."""
    from purchase_contract_tests import report  # noqa: PLC0415  # likewise

    if terminalreporter.config.getoption("live"):
        _tell_what_was_not_asked(terminalreporter)

    found = report.Report(tuple(_found(terminalreporter)))
    if not found.found:
        return
    path = terminalreporter.config.getoption("contract_report")
    if path is not None:
        path.write_bytes(report.encode(found))
        return
    terminalreporter.section("contracts")
    for line in report.for_terminal(found).splitlines():
        terminalreporter.write_line(line)


def _tell_what_was_not_asked(terminalreporter: pytest.TerminalReporter) -> None:
    """Loudly: a run without keys proves nothing."""
    reasons = Counter(
        str(one.longrepr[2]).removeprefix("Skipped: ")
        for one in terminalreporter.getreports("skipped")
        if isinstance(one.longrepr, tuple) and "cannot be asked" in str(one.longrepr[2])
    )
    terminalreporter.section("live")
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"NOT ASKED, {count} promises: {reason}", yellow=True)


def _found(terminalreporter: pytest.TerminalReporter) -> Iterable[Found]:
    from purchase_contract_tests import report  # noqa: PLC0415  # likewise

    for outcome in ("passed", "failed", "error", "skipped", "xfailed", "xpassed"):
        for one in terminalreporter.getreports(outcome):
            for name, value in getattr(one, "user_properties", ()):
                if name == MARKER:
                    contract, adapter, place, group, promise = value
                    meant = _meaning(outcome, str(getattr(one, "longrepr", "")))
                    yield report.Found(contract, adapter, place, group, promise, meant)


def _meaning(outcome: str, why: str) -> str:
    from purchase_contract_tests import report  # noqa: PLC0415  # likewise

    match outcome:
        case "passed":
            return report.PASSED
        case "xfailed":
            return report.KNOWN
        case "skipped":  # by the contract, or by a fixture that found no server
            return report.NOT_DECLARED if "does not declare" in why else report.NOT_RUN
        case _:
            return report.CLOSED if "XPASS" in why or outcome == "xpassed" else report.FAILED
