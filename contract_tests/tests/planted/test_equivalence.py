"""Histories: a seed says what happens, all of it happens, and a store that differs is found."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import pytest

from purchase_contract_tests.equivalence import running, steps, world
from purchase_contract_tests.equivalence.__main__ import main
from purchase_contract_tests.equivalence.engine import MakeDatabase, OpenStore
from purchase_contract_tests.equivalence.steps import history
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore

from .stores import planted_stores

MEMORY = "memory=purchase_contract_tests.equivalence.engine:memory"
CAUGHT_MIN = 30


def engine(kind: type[MemoryStore]) -> str:
    """An engine over a kind of memory store, under a name by which it is found."""

    @asynccontextmanager
    async def planted() -> AsyncIterator[MakeDatabase]:
        @asynccontextmanager
        async def database() -> AsyncIterator[OpenStore]:
            held = MemoryDatabase()
            yield lambda: kind(held)

        yield database

    setattr(sys.modules[__name__], kind.__name__, planted)
    return f"{kind.__name__}={__name__}:{kind.__name__}"


def test_a_seed_says_everything() -> None:
    assert history(7) == history(7)
    assert history(7) != history(8)
    mine, others = ({fact.object for fact in history(seed).facts} for seed in (7, 8))
    assert mine.isdisjoint(others)


def test_every_kind_of_step_is_taken() -> None:
    kinds = Counter(type(step) for seed in range(200) for step in history(seed).steps)
    assert set(kinds) == set(steps.Step.__args__)
    assert min(kinds.values()) >= 20


def test_steps_end_in_every_way(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[str] = Counter()
    take = world.World.take

    async def noted(self: world.World, step: steps.Step) -> str:
        outcome = await take(self, step)
        seen[outcome.split()[0]] += 1
        return outcome

    monkeypatch.setattr(world.World, "take", noted)
    assert main([MEMORY, "--seeds", "0:60"]) == 0
    assert {"LaneConflict", "KeyConflict", "LeaseLost", "committed", "held"} <= set(seen)


def test_stores_that_are_the_same_tell_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([MEMORY, MEMORY.replace("memory=", "other="), "--seeds", "0:10"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("10 histories of ")
    assert "memory, other tell the same" in said


def test_a_store_that_differs_is_found_and_can_be_seen_again(capsys: pytest.CaptureFixture[str]) -> None:
    (bug,) = (one for one in planted_stores() if one.__name__ == "OrdersEffectsByText")
    assert main([MEMORY, engine(bug), "--seeds", "0:400"]) == 1
    said = capsys.readouterr().out
    assert "effects of " in said
    again = next(line for line in said.splitlines() if "--seeds" in line).split()
    assert again[:3] == ["python", "-m", "purchase_contract_tests.equivalence"]
    assert main(again[3:]) == 1
    assert capsys.readouterr().out.splitlines()[0] == said.splitlines()[0]


def test_planted_bugs_are_found_by_histories_too(capsys: pytest.CaptureFixture[str]) -> None:
    """By the first history. Not all: the core does not write every batch that a store must take."""

    def found(bug: type[MemoryStore]) -> bool:
        try:
            return main([MEMORY, engine(bug), "--seeds", "0:1"]) == 1
        except Exception:  # it fails in another way: that is found as well
            return True

    caught = list(islice(filter(found, planted_stores()), CAUGHT_MIN))
    capsys.readouterr()
    assert len(caught) == CAUGHT_MIN


def test_a_long_run_goes_on_from_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    one = running._one

    async def noted(seed: int, opened: object, spent: object) -> None:
        taken.append(seed)
        if len(taken) == 13:
            raise KeyboardInterrupt
        await one(seed, opened, spent)  # type: ignore[arg-type]

    monkeypatch.setattr(running, "SEEDS_OF_A_DATABASE", 5)
    monkeypatch.setattr(running, "_one", noted)
    state = tmp_path / "state.json"
    with pytest.raises(KeyboardInterrupt):
        main([MEMORY, "--seeds", "0:20", "--resume", str(state)])
    assert json.loads(state.read_bytes())["next"] == 10
    taken.append(-1)
    assert main([MEMORY, "--seeds", "0:20", "--resume", str(state)]) == 0
    assert taken == [*range(13), -1, *range(10, 20)]
    with pytest.raises(SystemExit, match="another run"):
        main([MEMORY, "--seeds", "0:21", "--resume", str(state)])


@pytest.mark.parametrize("seeds", ["5:5", "9:3", "x"])
def test_seeds_that_are_none_are_refused(seeds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main([MEMORY, "--seeds", seeds])
    assert refused.value.code == 2
    assert "--seeds" in capsys.readouterr().err
