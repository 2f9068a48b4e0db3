"""Where the providers' own documents are, and whether what passes is compared with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from purchase_simulators.stripe.openapi import document_in, report

SPECS = Path(os.environ.get("PURCHASE_SPECS_FOLDER") or Path(__file__).parents[5] / "shared" / "specs")


def pytest_report_header() -> str:
    """Say so loudly, either way."""
    return report(SPECS)


@pytest.fixture(scope="session", autouse=True)
def _documents() -> None:
    if os.environ.get("PURCHASE_SPECS") == "required" and document_in(SPECS) is None:
        pytest.fail(f"the providers' documents are required, and there are none in {SPECS}")
