"""Experiments: what came of the arms of a share, and what a shadow policy would have done. Pure.

An arm is a connection; who was dealt to it counts there, wherever a fail-over ended: that is what chance has
decided. Only decisions in which chance had a say count, so that the arms differ in nothing but luck.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from purchase_core.ports.router import RoutingDecision, Verdict
from purchase_core.routing.estimate import UNKNOWN, Estimate
from purchase_core.routing.intervals import wilson
from purchase_core.values import Value

GUARDRAIL = "guardrail:"
AGREES, DIFFERS, FAILED = "agrees", "differs", "failed"


class Observed(Value, frozen=True):
    """One routed checkout. `paid`: within the horizon; None: too young. `shadow`: as its receipt has it."""

    decision: RoutingDecision
    paid: bool | None
    refunded: bool = False
    disputed: bool = False
    shadow: str = ""


class Arm(Value, frozen=True):
    """One arm. `finished` are those dealt to it that are old enough, `rate` the part of them that was paid.

    `change` is that above the first arm's. `refunded` and `disputed` count paid ones; `stopped` decisions in
    which the guardrail dealt it nothing; `stopped_now`: so did the newest one.
    """

    connection: str
    dealt: int
    finished: int
    paid: int
    refunded: int
    disputed: int
    rate: Estimate
    change: Estimate
    stopped: int
    stopped_now: bool


class Pair(Value, frozen=True):
    """How often the policy in force and the shadow chose these; "none" where nobody was chosen."""

    live: str
    shadow: str
    count: int


class Shadowing(Value, frozen=True):
    """What a second policy would have done, where it decided beside the first one."""

    agreed: int
    differed: int
    failed: int
    pairs: tuple[Pair, ...]


class Experiment(Value, frozen=True):
    """What came of it. `excluded` counts decisions in which chance had no say."""

    checkouts: int
    excluded: int
    censored: int
    arms: tuple[Arm, ...]
    shadow: Shadowing | None


def experiment(observed: Iterable[Observed]) -> Experiment:
    """Arms and shadow over decisions, oldest first."""
    arms: dict[str, _Counts] = {}
    pairs: dict[tuple[str, str, str], int] = {}
    checkouts = excluded = censored = 0
    for one in observed:
        checkouts += 1
        for verdict in one.decision.verdicts:
            guarded = _is_guarded(verdict)
            if guarded or verdict.connection in arms:
                counts = arms.setdefault(verdict.connection, _Counts())
                counts.stopped, counts.stopped_now = counts.stopped + guarded, guarded
        chosen = one.decision.order[0] if one.decision.order else ""
        if one.shadow:
            pair = _pair(chosen, one.shadow)
            pairs[pair] = pairs.get(pair, 0) + 1
        if not _by_chance(one.decision, chosen):
            excluded += 1
            continue
        censored += one.paid is None
        arms.setdefault(chosen, _Counts()).add(one)
    names = sorted(arms, key=lambda name: (-arms[name].dealt, name))
    first = arms[names[0]] if names else None
    made = tuple(arms[name].arm(name, first) for name in names)
    return Experiment(checkouts, excluded, censored, made, _shadowing(pairs))


class _Counts:
    """What was dealt to one arm."""

    def __init__(self) -> None:
        self.dealt = self.finished = self.paid = self.refunded = self.disputed = self.stopped = 0
        self.stopped_now = False

    def add(self, one: Observed) -> None:
        self.dealt += 1
        if one.paid is not None:
            self.finished += 1
            self.paid += one.paid
            self.refunded += one.paid and one.refunded
            self.disputed += one.paid and one.disputed

    def arm(self, name: str, first: _Counts | None) -> Arm:
        change = (
            UNKNOWN
            if first is None or first is self
            else difference(self.paid, self.finished, first.paid, first.finished)
        )
        low, high = wilson(self.paid, self.finished)
        rate = Estimate(self.paid / self.finished, low, high, self.finished) if self.finished else UNKNOWN
        return Arm(
            name, self.dealt, self.finished, self.paid, self.refunded, self.disputed, rate, change,
            self.stopped, self.stopped_now,
        )  # fmt: skip


def difference(paid: int, finished: int, other_paid: int, other_finished: int) -> Estimate:
    """How far one rate is above another, with Newcombe's interval (1998, his tenth, of two Wilson ones)."""
    if not finished or not other_finished:
        return UNKNOWN
    rate, other = paid / finished, other_paid / other_finished
    low, high = wilson(paid, finished)
    other_low, other_high = wilson(other_paid, other_finished)
    below = sqrt((rate - low) ** 2 + (other_high - other) ** 2)
    above = sqrt((high - rate) ** 2 + (other - other_low) ** 2)
    change = rate - other
    return Estimate(change, change - below, change + above, finished + other_finished)


def _by_chance(decision: RoutingDecision, chosen: str) -> bool:
    return any(one.connection == chosen and 0 < one.propensity < 1 for one in decision.verdicts)


def _is_guarded(verdict: Verdict) -> bool:
    return any(note.startswith(GUARDRAIL) for note in verdict.notes)


def _pair(live: str, shadow: str) -> tuple[str, str, str]:
    kind, _, rest = shadow.partition(": ")
    return kind, live or "none", rest.partition(" by ")[0] if kind != FAILED else ""


def _shadowing(pairs: dict[tuple[str, str, str], int]) -> Shadowing | None:
    if not pairs:
        return None
    totals = {kind: sum(count for key, count in pairs.items() if key[0] == kind) for kind in
              (AGREES, DIFFERS, FAILED)}  # fmt: skip
    differing = sorted(
        (Pair(live, other, count) for (kind, live, other), count in pairs.items() if kind == DIFFERS),
        key=lambda one: (-one.count, one.live, one.shadow),
    )
    return Shadowing(totals[AGREES], totals[DIFFERS], totals[FAILED], tuple(differing))
