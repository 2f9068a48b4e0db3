"""A Paddle simulator for each test; whatever goes through it is held against Paddle's own document."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from purchase_simulators.paddle.conformance import OPENAPI, PaddleDocument, document_in
from purchase_simulators.paddle.deviations import ADDITIONS, OPERATIONS
from purchase_simulators.paddle.testing import Desk

REQUIRED = os.environ.get("PURCHASE_SPECS") == "required"
SPECS = Path(os.environ.get("PURCHASE_SPECS_FOLDER") or Path(__file__).parents[5] / "shared" / "specs")

seen: Counter[str] = Counter()


@pytest.fixture(scope="session")
def openapi() -> PaddleDocument | None:
    """Paddle's document, if it is there."""
    found = document_in(SPECS)
    if found is None and REQUIRED:
        pytest.fail(f"{OPENAPI} is required, and is not in {SPECS}")
    return found


@pytest.fixture
def desk(openapi: PaddleDocument | None) -> Iterator[Desk]:
    """A simulator with an account, and means to call it."""
    with Desk(openapi) as desk:
        yield desk
    if desk.conformance is not None:
        seen.update(desk.conformance.seen)
        assert desk.conformance.problems == []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly whether anything was held against the document."""
    if not (SPECS / OPENAPI).is_file():
        terminalreporter.write_line(f"Paddle: NOT COMPARED with its document: {OPENAPI} is not in {SPECS}")
        return
    # With several processes, each counts for itself.
    counted = f"{sum(seen.values())} exchanges and events of {len(seen)} kinds, " if seen else ""
    terminalreporter.write_line(
        f"Paddle: {counted}compared with {OPENAPI}, {len(ADDITIONS)} fields and {len(OPERATIONS)} operation "
        "that it does not have yet"
    )
