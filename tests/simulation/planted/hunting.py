"""Hunting: play histories of code that is wrong, until something is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import attrs

from purchase_core.testing.simulation import Plan, play
from purchase_core.testing.simulation.world import World

from .planting import planted

MISFITS = ("TypeError", "AttributeError", "NameError")
"""What a patch raises that was written for other code. No check has found a bug by these."""


@attrs.frozen
class Hunted:
    """What a hunt has come to. `seed`: that of the history in which something was found; -1: nothing was.

    `checks`: those that found something in it.
    """

    bug: str
    seed: int
    checks: tuple[str, ...] = ()
    finding: str = ""

    @property
    def histories(self) -> int:
        """How many it took."""
        return self.seed + 1


def hunt(bug: str, histories: int, *, unchecked: str = "") -> Hunted:
    """Play histories 0, 1, 2 … with a bug, whatever it is. `unchecked`: a check that is left out.

    Raises ValueError where the bug is none, but a patch that does not fit the code any more.
    """
    with planted(bug), _without(unchecked):
        for seed in range(histories):
            try:
                played = play(Plan(seed))
            except Exception as error:  # code that breaks is found by whoever runs it
                return _fitting(Hunted(bug, seed, ("broken",), f"{type(error).__name__}: {error}"))
            if played.findings:
                checks = tuple(sorted({one.check for one in played.findings}))
                return _fitting(Hunted(bug, seed, checks, str(played.findings[0])))
    return Hunted(bug, -1)


def _fitting(hunted: Hunted) -> Hunted:
    if any(error in hunted.finding for error in MISFITS):
        raise ValueError(f"the patch of {hunted.bug} does not fit what it patches: {hunted.finding}")
    return hunted


@contextmanager
def _without(check: str) -> Iterator[None]:
    """While the block lasts, this check finds nothing."""
    found: Callable[[World, str, str], None] = World.found

    def other(world: World, name: str, message: str) -> None:
        if name != check:
            found(world, name, message)

    with patch.object(World, "found", other):
        yield
