"""A Paddle simulator for each test; whatever goes through it is held against Paddle's own document."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from purchase_simulators.paddle.conformance import OPENAPI, PaddleDocument
from purchase_simulators.paddle.deviations import ADDITIONS, OPERATIONS
from purchase_simulators.paddle.testing import Desk

REQUIRED = os.environ.get("PURCHASE_SPECS") == "required"
SPECS = Path(os.environ.get("PURCHASE_SPECS_FOLDER") or Path(__file__).parents[5] / "shared" / "specs")

seen: Counter[str] = Counter()


def _read(path: Path) -> Any:
    """The document; what YAML takes for points in time becomes text again, as it is on the wire."""
    found = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    return json.loads(json.dumps(found, default=lambda time: time.isoformat().replace("+00:00", "Z")))


@pytest.fixture(scope="session")
def openapi() -> PaddleDocument | None:
    """Paddle's document, if it is there."""
    path = SPECS / OPENAPI
    if path.is_file():
        return PaddleDocument(_read(path))
    if REQUIRED:
        pytest.fail(f"{OPENAPI} is required, and is not in {SPECS}")
    return None


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
