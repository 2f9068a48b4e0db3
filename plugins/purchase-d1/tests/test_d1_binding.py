"""The store over a Worker's binding: its contract, in Pyodide, against the real engine.

A Python Worker is Pyodide in workerd. That one needs what only Cloudflare serves; this one, in node, runs
the same Python with the same restrictions: no threads, no sockets, no greenlets.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import NoReturn

import pytest

from purchase_contract_tests.store import StoreContract
from purchase_core.errors import StoreUnavailable
from purchase_d1.local import installed

CACHE = Path.home() / ".cache" / "purchase-d1"
ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent / "pyodide"
SOURCES = (ROOT, ROOT / "plugins" / "purchase-sql", ROOT / "plugins" / "purchase-d1", ROOT / "contract_tests")
WHEELS = (
    *("attrs", "msgspec", "pluggy"),
    *("hypothesis", "iniconfig", "packaging", "pygments", "pytest", "sortedcontainers"),
)
PYODIDE = ("--python-version=3.14", "--implementation=cp", "--abi=cp314", "--abi=none")
PLATFORMS = ("--platform=pyemscripten_2026_0_wasm32", "--platform=any")
SECONDS_MAX = 600


def locked() -> str:
    """What is locked for the tests, of what runs in there."""
    text = (ROOT / "requirements" / "test.txt").read_text()
    entries = [match[0] for match in re.finditer(r"^[a-z0-9-]+==(?:.*\\\n)*.*\n", text, re.MULTILINE)]
    chosen = [one for one in entries if one.partition("==")[0] in WHEELS]
    assert len(chosen) == len(WHEELS)
    return "".join(chosen)


def missing(what: str) -> NoReturn:
    """Skip, or fail where it is required."""
    if os.environ.get("PURCHASE_D1") == "required":
        pytest.fail(what)
    pytest.skip(what)


def wheels() -> Path:
    """The folder of wheels for Pyodide, downloaded by pip if they were not."""
    requirements = locked()
    folder = CACHE / f"wheels-{hashlib.sha256(requirements.encode()).hexdigest()[:16]}"
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    fresh = Path(mkdtemp(dir=CACHE))
    try:
        (fresh / "requirements.txt").write_text(requirements)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        command = [*pip, "--only-binary=:all:", *PYODIDE, *PLATFORMS, "-r", "requirements.txt", "-d", "."]
        done = subprocess.run(command, cwd=fresh, check=False, capture_output=True, text=True)  # noqa: S603  # by hash
        if done.returncode:
            missing(f"no wheels for Pyodide: {done.stderr[-500:]}")
        if not folder.exists():
            fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


@pytest.fixture(scope="module")
def printed() -> Sequence[list[str]]:
    """What the contract printed in there, line by line."""
    try:
        modules = installed(CACHE)
    except StoreUnavailable as none:
        missing(str(none))
    command = ["node", HERE / "run.mjs", modules, wheels(), HERE / "contract.py", *SOURCES]
    for _ in range(2):  # on a busy machine Pyodide's own file system was seen to fail before our code began
        done = subprocess.run(  # noqa: S603  # our own
            [str(part) for part in command], check=False, capture_output=True, text=True, timeout=SECONDS_MAX
        )
        if done.returncode == 0 or "PythonError: " in done.stderr:
            break
    assert done.returncode == 0, (
        done.stdout[-2_000:] + done.stderr[done.stderr.find("PythonError: ") :][:4_000]
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def test_f84_the_binding_keeps_every_promise_of_stores(printed: Sequence[list[str]]) -> None:
    outcomes = {promise: (verdict, why) for promise, verdict, why in printed[1:-1]}
    assert outcomes.keys() == StoreContract.promises().keys()
    alone = {name for name, one in StoreContract.promises().items() if one.drives_itself}
    assert {name for name, (verdict, _) in outcomes.items() if verdict == "not declared"} == alone
    assert {name: why for name, (verdict, why) in outcomes.items() if verdict == "broken"} == {}
    assert len([one for one, (verdict, _) in outcomes.items() if verdict == "kept"]) == len(outcomes) - len(
        alone
    )


def test_f84_over_the_binding_that_miniflare_hands_out_a_refused_batch_leaves_nothing(
    printed: Sequence[list[str]],
) -> None:
    assert printed[0] == ["direct", [1, "lane 'customer:ana' is at 1, not at 0", False]]


def test_a_worker_imports_no_driver_and_starts_no_thread(printed: Sequence[list[str]]) -> None:
    assert printed[-1] == ["imported", [], 1]
