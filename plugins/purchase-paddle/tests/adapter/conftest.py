"""Paddle's own document, if it is there: whatever the adapter sends is held against it."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from purchase_paddle.testing import PaddleHarness
from purchase_simulators.paddle.conformance import OPENAPI, PaddleDocument

REQUIRED = os.environ.get("PURCHASE_SPECS") == "required"
SPECS = Path(os.environ.get("PURCHASE_SPECS_FOLDER") or Path(__file__).parents[5] / "shared" / "specs")


def _read(path: Path) -> Any:
    """The document; what YAML takes for points in time becomes text again, as it is on the wire."""
    found = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    return json.loads(json.dumps(found, default=lambda time: time.isoformat().replace("+00:00", "Z")))


@cache
def _load() -> PaddleDocument | None:
    path = SPECS / OPENAPI
    return PaddleDocument(_read(path)) if path.is_file() else None


@pytest.fixture(scope="session")
def openapi() -> PaddleDocument | None:
    """Paddle's document."""
    found = _load()
    if found is None and REQUIRED:
        pytest.fail(f"{OPENAPI} is required, and is not in {SPECS}")
    return found


@pytest.fixture
def paddle(openapi: PaddleDocument | None) -> Callable[[], AbstractAsyncContextManager[PaddleHarness]]:
    """Opens a harness that agrees with the document to the end."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[PaddleHarness]:
        async with PaddleHarness(document=openapi) as harness:
            yield harness
            harness.webhooks()
            if harness.conformance is not None:
                assert harness.conformance.problems == []

    return opened


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly if nothing was held against the document."""
    if _load() is None:
        terminalreporter.write_line(f"Paddle: NOT COMPARED with its document: {OPENAPI} is not in {SPECS}")
