"""The simulator: it finds nothing in what is there, is the same each time, and its oracle stands alone."""

from __future__ import annotations

import ast
import asyncio
import gc
import json
import re
import subprocess
import sys
from contextvars import Context, ContextVar
from pathlib import Path
from typing import Any

import pytest

import purchase_core
from purchase_core.instants import Instant
from purchase_core.testing import simulate
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.simulation import Plan, Scenario, play
from purchase_core.testing.simulation.chance import Chance
from purchase_core.testing.simulation.turns import Activity, Turns

from . import stores
from .planted import planted

ROOT = Path(purchase_core.__file__).parent / "testing" / "simulation"
NAIVE = ("oracle", "provider/book.py", "provider/objects.py")
FORBIDDEN = ("facts", "projection", "access", "reads", "calendar", "ports", "workflows", "records")


@pytest.mark.parametrize("start", range(0, 400, 50))
def test_nothing_is_found(start: int) -> None:
    for seed in range(start, start + 50):
        played = play(Plan(seed))
        assert not played.findings, (played.plan.command(), played.findings)


def test_a_seed_is_the_same_history_whatever_hashes_python_has() -> None:
    """Bit for bit: also where sets have another order."""
    code = (
        "import json, logging; logging.disable();"
        "from purchase_core.testing.simulation import Plan, play;"
        "print(json.dumps([play(Plan(seed)).digest for seed in range(40)]))"
    )
    told = []
    for hashes in ("1", "2"):
        done = subprocess.run(  # noqa: S603  # our own
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": hashes},
        )  # fmt: skip
        told.append(json.loads(done.stdout))
    assert told[0] == told[1] == [play(Plan(seed)).digest for seed in range(40)]
    assert len(set(told[0])) == 40


def test_leaving_out_a_step_moves_no_other() -> None:
    whole = play(Plan(3))
    assert play(Plan(3, only=frozenset(whole.steps))).digest == whole.digest


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return {name for name in found if name.startswith("purchase_core")}


def test_the_oracle_shares_no_code_with_what_it_judges() -> None:
    """Directly or through anything of ours that it imports, but for the catalog, which says what is sold."""
    files = [path for part in NAIVE for path in (sorted((ROOT / part).glob("*.py")) or [ROOT / part])]
    assert len(files) >= 6
    seen: set[str] = set()
    waiting = {name for path in files for name in imports(path)}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        path = ROOT.parents[2] / Path(*name.split("."))
        source = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
        waiting |= imports(source) - seen
    judged = {name for name in seen if name.split(".")[1:2] and name.split(".")[1] in FORBIDDEN}
    assert judged == {"purchase_core.calendar"}  # of the catalog, for the names of its units


def test_the_command_plays_one_history_and_many(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert simulate.main(["--seeds", "7", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert one == {"seed": 7, "digest": play(Plan(7)).digest, "findings": []}
    file = tmp_path / "run.json"
    assert simulate.main(["--seeds", "0:20", "--json", "--resume", str(file)]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["histories"], summary["findings"]) == (20, 0)
    assert simulate.main(["--seeds", "0:20", "--json", "--resume", str(file)]) == 0
    assert json.loads(capsys.readouterr().out)["histories"] == 20
    assert simulate.main(["--seeds", "0:21", "--resume", str(file)]) == 2
    assert "is of --seeds 0:20" in capsys.readouterr().err


def test_more_people_and_longer_histories() -> None:
    for seed in range(20):
        assert not play(Plan(seed), Scenario(steps_max=60, customers=4)).findings


def test_a_history_is_the_same_on_sqlite_line_for_line() -> None:
    try:
        for seed in range(25):
            played = play(Plan(seed), make_store=stores.sqlite)
            assert not played.findings
            assert played.log == play(Plan(seed)).log
    finally:
        stores.close()


def test_a_finding_is_told_made_smaller_and_played_again(capsys: pytest.CaptureFixture[str]) -> None:
    with planted("refunds-without-a-bound"):
        assert simulate.main(["--seeds", "32:100"]) == 1
        told = capsys.readouterr().out
        again = re.findall(r"^  python -m purchase_core\.testing\.simulate (.+)$", told, re.MULTILINE)
        assert len(again) >= 2
        whole, small = again[:2]
        assert small.startswith(f"{whole} --only ")
        assert simulate.main([*small.split(), "--json"]) == 1
        assert "bounds" in json.loads(capsys.readouterr().out)["findings"][0]
    assert simulate.main(small.split()) == 0


def test_several_processes_find_what_one_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate.main(["--seeds", "0:60", "--jobs", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["histories"] == 60
    assert simulate.main(["--seeds", "0:60", "--mode", "safety", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == 0


def test_a_history_leaves_nothing_that_still_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: left.append(told.exc_value))
    asyncio.run(asyncio.sleep(0))  # from here on there is a loop only where one runs
    for seed in range(100):
        play(Plan(seed, liveness=False))
    gc.collect()
    assert left == []


def test_an_activity_keeps_its_context_over_its_turns() -> None:
    """What it has set in its first turn it finds in the next; nobody else does."""
    chance = Chance(1)
    turns = Turns(chance, ManualClock(Instant(0)))
    said: ContextVar[str] = ContextVar("said", default="nothing")
    found: list[object] = []

    async def activity(name: str) -> str:
        said.set(name)
        await turns.turn()
        return said.get()

    def played() -> None:
        for name in ("a", "b"):
            turns.start(Activity(name, activity(name), lambda result, error: found.append(result or error)))
        turns.run()

    Context().run(played)
    assert sorted(map(str, found)) == ["a", "b"]
    assert said.get() == "nothing"


def test_whoever_is_to_go_on_stands_still_until_their_turn() -> None:
    """If hours pass before that, they have stood still for hours, and whoever watches over them must know."""
    clock = ManualClock(Instant(0))
    turns = Turns(Chance(1), clock)
    turns.start(Activity("a process", turns.park(), lambda result, error: None))
    turns.run()
    turns.wake(0)
    clock.advance(microseconds=2)
    assert (turns.still_since(0), turns.still_since(1)) == ([], ["a process"])
    turns.run()
    assert turns.still_since(2) == []


def test_the_example_of_the_page_runs() -> None:
    page = (ROOT.parents[2] / "docs" / "simulation.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(example, scope)  # noqa: S102  # what readers are told to write
    scope["test_my_policy"]()
