"""Bugs in moving customers to another provider, and in telling what time alone brings."""

from __future__ import annotations

from itertools import count
from typing import Any

import attrs

from purchase_core.access import evaluate
from purchase_core.instants import DAY
from purchase_core.outbox import due
from purchase_core.outbox.due import FallenDue
from purchase_core.workflows import mover, moves

from .planting import Planter, bug


@bug
def moves_without_a_trial(to: Planter) -> None:
    """Whoever is moved pays at once for days that they have paid for."""
    to.everywhere(moves.moved_version, lambda version, ends, now: version)


@bug
def moves_a_day_early(to: Planter) -> None:
    """Days that are left are rounded down, so that the new one bills before the old one has ended."""

    def short(version: Any, ends: Any, now: Any) -> Any:
        return attrs.evolve(version, trial_days=max(1, (ends - now) // DAY), trial_card=True)

    to.everywhere(moves.moved_version, short)


@bug
def lets_go_who_was_not_moved(to: Planter) -> None:
    """Where nobody has accepted in time, the old one ends all the same."""
    undoing = moves._undoing

    def gone(*what: Any) -> Any:
        step = undoing(*what)
        return attrs.evolve(step, act=moves.Act.NOTHING) if step.act is moves.Act.KEEP_OLD else step

    to.put(moves, "_undoing", gone)


@bug
def ends_the_old_one_at_once(to: Planter) -> None:
    """Whoever is to be moved loses what they have paid for, until they have accepted."""
    end_old = mover.Mover._end_old

    async def at_once(self: Any, *what: Any) -> Any:
        told, self._subscriptions = self._subscriptions, _AtOnce(self._subscriptions)
        try:
            return await end_old(self, *what)
        finally:
            self._subscriptions = told

    to.put(mover.Mover, "_end_old", at_once)


class _AtOnce:
    def __init__(self, subscriptions: Any) -> None:
        self._subscriptions = subscriptions

    async def cancel(self, *what: Any, **how: Any) -> Any:
        return await self._subscriptions.cancel(*what, **{**how, "at_period_end": False})


@bug
def grants_on_both_sides(to: Planter) -> None:
    """While somebody is moved, the new one grants beside the old one."""
    to.everywhere(evaluate.stands_back, lambda *_: False)


@bug
def keeps_both(to: Planter) -> None:
    """A page that could not be closed and is paid later bills beside the one that went on."""
    watched = moves._watched

    def kept(*what: Any) -> Any:
        step = watched(*what)
        if step.act is not moves.Act.END_NOW:
            return step
        return attrs.evolve(step, act=moves.Act.WAIT)

    to.put(moves, "_watched", kept)


@bug
def tells_nobody_of_what_has_lapsed(to: Planter) -> None:
    """What time alone has ended is told to nobody."""
    _leaving_out(to, "subscription.lapsed")


@bug
def tells_of_a_trial_each_time(to: Planter) -> None:
    """That a trial ends is told at each look."""
    looks = count()

    def anew(row: Any) -> Any:
        found = trial_ending(row)
        return attrs.evolve(found, key=f"{found.key}:{next(looks)}")

    trial_ending = due._trial_ending
    to.put(due, "_trial_ending", anew)


@bug
def forgets_that_credits_expire(to: Planter) -> None:
    """That credits have expired is told to nobody."""
    _leaving_out(to, "credits.expired")


def _leaving_out(to: Planter, name: str) -> None:
    between = FallenDue.between

    async def others(self: Any, *when: Any) -> Any:
        async for page in between(self, *when):
            yield [one for one in page if one.name != name]

    to.put(FallenDue, "between", others)
