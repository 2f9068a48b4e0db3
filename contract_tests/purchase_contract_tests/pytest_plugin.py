"""The pytest plugin: contract tests explain their failures, carry a marker, and are summed up in a matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pytest

# Before anything imports them: else an adapter's author sees "assert False" and no values.
pytest.register_assert_rewrite(
    "purchase_contract_tests.store", "purchase_contract_tests.provider", "purchase_contract_tests.router"
)

MARKER = "purchase_contract"

Cell = tuple[str, int, str, str]  # contract, place of the group, group of promises, adapter


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, so that `-m purchase_contract` selects contract tests under strict markers."""
    config.addinivalue_line("markers", f"{MARKER}: a promise of purchase-contract-tests")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a contract test, and note on its report whose promise it is (reports travel between workers)."""
    # Imported late: this module is loaded by every run, also where no contract is tested.
    from purchase_contract_tests.contract import Contract, promise_of  # noqa: PLC0415

    one = promise_of(getattr(item, "function", None))
    owner = getattr(item, "cls", None)
    if one is not None and isinstance(owner, type) and issubclass(owner, Contract):
        item.add_marker(MARKER)
        groups = list(dict.fromkeys(promise.group for promise in owner.promises().values()))
        cell = (owner.title, owner.adapter(), groups.index(one.group), one.group)
        item.user_properties.append((MARKER, cell))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one matrix a contract: groups of promises down, adapters across."""
    counts: dict[Cell, Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped", "xfailed", "xpassed"):
        for report in terminalreporter.getreports(outcome):
            for cell in _cells(report):
                counts.setdefault(cell, Counter())[outcome] += 1
    for contract in sorted({cell[0] for cell in counts}):
        table = {cell[2:]: counts[cell] for cell in sorted(counts) if cell[0] == contract}
        terminalreporter.section(contract)
        for line in matrix(table):
            terminalreporter.write_line(line)


def matrix(counts: Mapping[tuple[str, str], Counter[str]]) -> Sequence[str]:
    """Lines of a table from the outcomes of each (group of promises, adapter).

    A cell says how many promises are kept, of how many; then what is broken, and which are known gaps or
    not declared.
    """
    groups = list(dict.fromkeys(group for group, _ in counts))
    adapters = list(dict.fromkeys(adapter for _, adapter in counts))
    cells = {key: _cell(count) for key, count in counts.items()}
    rows = [[group, *(cells.get((group, adapter), "-") for adapter in adapters)] for group in groups]
    rows.insert(0, ["", *adapters])
    widths = [max(len(row[column]) for row in rows) for column in range(len(adapters) + 1)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _cell(count: Counter[str]) -> str:
    asked = count.total() - count["skipped"]
    broken = count["failed"] + count["error"] + count["xpassed"]
    words = [f"{count['passed']}/{asked}"] if asked else []
    words += [f"{broken} broken"] if broken else []
    words += [f"{count['xfailed']} known"] if count["xfailed"] else []
    words += [f"{count['skipped']} not declared"] if count["skipped"] else []
    return ", ".join(words)


def _cells(report: object) -> Iterable[Cell]:
    for name, value in getattr(report, "user_properties", ()):
        if name == MARKER:
            contract, adapter, place, group = value
            yield contract, place, group, adapter
