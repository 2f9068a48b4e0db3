"""docs/operations names every finding that there can be, and every incident that is played."""

from __future__ import annotations

import re
from pathlib import Path

from purchase_sandbox.incidents.known import INCIDENTS as STORIES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations" / "rollout.md").read_text()
INCIDENTS = (ROOT / "docs" / "operations" / "incidents.md").read_text()
MADE = re.compile(r'Finding\(\s*"([a-z0-9-]+\.[a-z_-]+)"')
OTHERWISE = (
    "truth.rows",
    "truth.clusters",
    "truth.references",
    "truth.documents",
    "endpoint.redirect",
    "endpoint.answer",
)


def findings() -> set[str]:
    sources = [*ROOT.glob("purchase_core/**/*.py"), *ROOT.glob("plugins/*/purchase_*/**/*.py")]
    found = {one for path in sources for one in MADE.findall(path.read_text())}
    return {one for one in found if one != "limits.full"} | set(OTHERWISE)


def test_every_finding_has_a_line() -> None:
    listed = set()
    for row in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE):
        prefix = ""
        for one in re.findall(r"`([^`]+)`", row):
            prefix = one.partition(".")[0] if not one.startswith(".") else prefix
            listed.add(f"{prefix}{one}" if one.startswith(".") else one)
    assert findings() - listed == set()
    assert {one for one in listed if "*" not in one} - findings() == set()


def test_every_incident_has_a_runbook() -> None:
    assert len(re.findall(r"^## ", INCIDENTS, re.MULTILINE)) == len(STORIES)
