"""Shrinking: the same finding with fewer steps and fewer kinds of faults."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from purchase_core.testing.simulation.history import Plan, Played

TRIES_MAX = 400


def shrunk(found: Played, again: Callable[[Plan], Played]) -> Played:
    """A smaller history in which the same check finds something. `again` plays a plan."""
    check = found.findings[0].check
    best, tries = found, 0

    def better(plan: Plan) -> bool:
        nonlocal best, tries
        tries += 1
        played = again(plan)
        if not played.findings or played.findings[0].check != check:
            return False
        best = played
        return True

    for kind in found.kinds:
        better(attrs.evolve(best.plan, without=best.plan.without | {kind}))
    size = max(1, len(best.steps) // 2)
    while tries < TRIES_MAX:
        before = best.steps
        for start in range(0, len(before), size):
            left = frozenset(best.steps) - frozenset(before[start : start + size])
            if left and len(left) < len(best.steps):
                better(attrs.evolve(best.plan, only=left))
        if size == 1 and best.steps == before:
            break
        size = max(1, size // 2)
    return best
