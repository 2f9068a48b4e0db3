"""A history: what happens with one seed, and what is found in it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Sequence

import attrs

from purchase_core.ports.store import Store
from purchase_core.testing.memory_store import MemoryStore
from purchase_core.testing.simulation.chance import Chance, Mixture
from purchase_core.testing.simulation.checks import after_step, when_settled
from purchase_core.testing.simulation.faults import Faults
from purchase_core.testing.simulation.scenario import Scenario
from purchase_core.testing.simulation.settling import settle
from purchase_core.testing.simulation.turns import Activity, Stuck
from purchase_core.testing.simulation.workload import Kind, burst, buy, mixture, shop
from purchase_core.testing.simulation.world import Finding, World

STEPS_MIN = 6
THOROUGH_EVERY = 4
TRIES_MAX = 12
PRELUDE = (shop, buy, burst)  # how every history begins: else most would end before anything is sold
SAFETY, LIVENESS = "safety", "liveness"


@attrs.frozen
class Plan:
    """Which history: its seed, and what is left out of it. `only`: the steps that are taken (None: all)."""

    seed: int
    only: frozenset[int] | None = None
    without: frozenset[str] = frozenset()  # kinds of faults
    liveness: bool = True

    def command(self) -> str:
        """What plays it again."""
        parts = [f"python -m purchase_core.testing.simulate --seeds {self.seed}"]
        if self.only is not None:
            parts.append(f"--only {','.join(map(str, sorted(self.only)))}")
        if self.without:
            parts.append(f"--without {','.join(sorted(self.without))}")
        if not self.liveness:
            parts.append("--mode safety")
        return " ".join(parts)


@attrs.frozen
class Played:
    """What came of a history. `steps` are those that were taken; `digest` is of everything that happened."""

    plan: Plan
    findings: tuple[Finding, ...]
    steps: tuple[int, ...]
    kinds: tuple[str, ...]
    log: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Two histories of one digest are the same, event for event."""
        return hashlib.sha256("\n".join(self.log).encode()).hexdigest()[:16]


def play(
    plan: Plan, scenario: Scenario | None = None, make_store: Callable[[], Store] = MemoryStore
) -> Played:
    """Play one history to its end, or to its first finding. `make_store` makes an empty store."""
    scenario = scenario or Scenario()
    chance = Chance(plan.seed)
    faults = Faults.drawn(chance, plan.without)
    chance.at(1)
    world = World(scenario, plan.seed, make_store(), chance, faults)
    chance.at(2)
    taken: list[int] = []
    try:
        _happen(world, plan, taken)
        return Played(plan, tuple(world.problems), tuple(taken), tuple(faults.kinds()), tuple(world.log))
    finally:
        world.end()


def _happen(world: World, plan: Plan, taken: list[int]) -> None:
    """All that happens, until something is found. `taken` gets the steps."""
    kinds = mixture(world)
    try:
        for step in _steps(world.chance, world.scenario, plan.only):
            taken.append(step)
            world.chance.at(step + 10)
            _step(world, kinds, step)
            if world.problems:
                return
        if plan.liveness:
            world.chance.at(3)
            settle(world)
            if not world.problems:
                when_settled(world, thoroughly=plan.seed % THOROUGH_EVERY == 0)
    except Stuck as stuck:
        world.found("drained", str(stuck))


def _steps(chance: Chance, scenario: Scenario, only: Container[int] | None) -> Sequence[int]:
    count = STEPS_MIN + chance.below(scenario.steps_max - STEPS_MIN + 1)
    return [step for step in range(count) if only is None or step in only]


def _step(world: World, kinds: Mixture[Kind], step: int) -> None:
    """One thing happens, or several at the same time."""
    chance = world.chance
    many = 1 + (1 + chance.below(2) if chance.happens(world.present.together * 2) else 0)
    activities: list[Activity] = []
    for _ in range(many):
        found = PRELUDE[step](world) if step < len(PRELUDE) else _something(world, kinds)
        activities += [found] if isinstance(found, Activity) else found or []
    world.run(*activities)
    if chance.below(2):
        world.pass_time(1_300_000)
    after_step(world)


def _something(world: World, kinds: Mixture[Kind]) -> Activity | Sequence[Activity] | None:
    """What happens next: often there is nothing to do of a kind, and another one is tried."""
    for _ in range(TRIES_MAX):
        before = len(world.log), world.clock.now()
        activity = world.chance.weighted(kinds).act(world)
        if activity or (len(world.log), world.clock.now()) != before:
            return activity
    return None
