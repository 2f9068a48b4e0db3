"""The same history on several stores, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

import attrs

from purchase_contract_tests.equivalence.engine import MakeDatabase, OpenStore
from purchase_contract_tests.equivalence.steps import history
from purchase_contract_tests.equivalence.world import Told, World, prepare

BEFORE_CHARACTERS, BEHIND_CHARACTERS = 60, 300  # of the place where they differ
SEEDS_OF_A_DATABASE = 100


@attrs.frozen
class Difference:
    """Two stores that should be the same tell different things."""

    seed: int
    step: int
    what: str
    about: str
    said: Mapping[str, str]

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, step {self.step} ({self.what}): {self.about}"]
        columns = enumerate(zip(*self.said.values(), strict=False))
        same = next((place for place, column in columns if len(set(column)) > 1), 0)
        shown = slice(max(0, same - BEFORE_CHARACTERS), same + BEHIND_CHARACTERS)
        lines += [f"  {name}, from {shown.start}: {text[shown]}" for name, text in self.said.items()]
        return "\n".join(lines)


@attrs.define
class Spent:
    """Seconds that each store took, and steps that were taken."""

    seconds: dict[str, float] = attrs.field(factory=dict)
    steps: int = 0
    seeds: int = 0


async def compare(
    seeds: Sequence[int], databases: Mapping[str, MakeDatabase], spent: Spent
) -> Difference | None:
    """Run the histories of some seeds in one database of each kind. Returns the first difference."""
    async with AsyncExitStack() as stack:
        opened = {name: await stack.enter_async_context(make()) for name, make in databases.items()}
        for open_store in opened.values():
            async with open_store() as store:
                await prepare(store)
        for seed in seeds:
            found = await _one(seed, opened, spent)
            spent.seeds += 1
            if found is not None:
                return found
    return None


async def _one(seed: int, opened: Mapping[str, OpenStore], spent: Spent) -> Difference | None:
    happening = history(seed)
    async with AsyncExitStack() as stack:
        worlds = {
            name: await stack.enter_async_context(World(happening, one)) for name, one in opened.items()
        }
        for number, step in enumerate(happening.steps):
            last = number == len(happening.steps) - 1
            outcomes: dict[str, str] = {}
            told: dict[str, Told] = {}
            for name, world in worlds.items():
                started = time.perf_counter()
                outcomes[name] = await world.take(step)
                told[name] = await world.tell(everything=last)
                spent.seconds[name] = spent.seconds.get(name, 0.0) + time.perf_counter() - started
            spent.steps += 1
            different = _different(outcomes, told)
            if different is not None:
                about, said = different
                return Difference(seed, number, type(step).__name__, about, said)
    return None


def _different(outcomes: Mapping[str, str], told: Mapping[str, Told]) -> tuple[str, Mapping[str, str]] | None:
    if len(set(outcomes.values())) > 1:
        return "how it ended", outcomes
    reference = next(iter(told.values()))
    for about in dict.fromkeys(key for one in told.values() for key in one):
        said = {name: one.get(about, "nothing") for name, one in told.items()}
        if any(text != reference.get(about) for text in said.values()):
            return about, said
    return None


Progress = Callable[[int, Spent], None]


async def run(
    seeds: range, databases: Mapping[str, MakeDatabase], progress: Progress, spent: Spent
) -> Difference | None:
    """Run all seeds, a hundred in a database; tell the next seed and what was spent after each hundred."""
    for start in range(seeds.start, seeds.stop, SEEDS_OF_A_DATABASE):
        part = range(start, min(seeds.stop, start + SEEDS_OF_A_DATABASE))
        found = await compare(part, databases, spent)
        if found is not None:
            return found
        progress(part.stop, spent)
    return None
