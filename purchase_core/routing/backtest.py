"""Backtest: a policy decides again what was decided, by the code that decides live, over what came of it."""

from __future__ import annotations

from collections.abc import Iterable

from purchase_core.ports.router import Router, RoutingDecision
from purchase_core.routing.estimate import Estimate, Sums
from purchase_core.routing.router import PolicyRouter
from purchase_core.routing.sheet import PLAIN
from purchase_core.routing.steps.score import cost_of
from purchase_core.values import Value

DIFFERENCES_MAX = 20  # examples that are listed
PART_TRIALS = 2_000
HALF = 0.5


class Trial(Value, frozen=True):
    """One recorded checkout. `paid`: within the horizon; None: too young to say. `refunded` is money that is
    gone again, by refund or dispute."""

    receipt: str
    decision: RoutingDecision
    paid: bool | None
    refunded: bool = False


class Difference(Value, frozen=True):
    """A checkout that would go elsewhere, or nowhere ("")."""

    receipt: str
    country: str
    offer: str
    was: str
    would: str
    rule: str


class Part(Value, frozen=True):
    """What a connection got, and would get: expected counts of all checkouts, and the rates of those paid."""

    connection: str
    was: int
    would: float
    success: Estimate


class Backtest(Value, frozen=True):
    """What a policy would have done over recorded checkouts.

    `same` and `differ` count those whose first choice is or is not the recorded one; `nowhere` those that
    would be refused; `censored` those too young for the horizon. `unknown` counts finished ones that the new
    policy would, more likely than not, have sent where the old one never went. `success`, `refunds` and
    `cost` (as part of the price) are of the new policy; `*_was` of the recorded one; `*_change` between them.
    """

    policy: str
    checkouts: int
    same: int
    differ: int
    nowhere: int
    censored: int
    unknown: int
    success_was: Estimate
    success: Estimate
    success_change: Estimate
    cost_was: Estimate
    cost: Estimate
    cost_change: Estimate
    refunds: Estimate
    parts: tuple[Part, ...]
    differences: tuple[Difference, ...]


def backtest(router: Router, trials: Iterable[Trial]) -> Backtest:
    """Run the router over recorded inputs. Evidence, health and scores are those of the time."""
    whole, part = Tally(), Tally()
    for number, trial in enumerate(trials, 1):
        part.add(router, trial)
        if number % PART_TRIALS == 0:
            whole, part = whole.with_(part), Tally()
    return whole.with_(part).summed(router)


class Tally:
    """What trials have come to, added up in parts: the same bits, whoever has worked on which part."""

    def __init__(self) -> None:
        self.differences: list[Difference] = []
        self.success, self.cost, self.refunds = Sums(), Sums(), Sums()
        self.seen: dict[str, Sums] = {}
        self.was: dict[str, int] = {}
        self.would: dict[str, float] = {}
        self.same = self.differ = self.nowhere = self.censored = self.unknown = 0

    def add(self, router: Router, trial: Trial) -> None:
        """Decide again, and compare."""
        recorded = trial.decision
        again = router.decide(recorded.request, recorded.candidates)
        was, would = _first(recorded), _first(again)
        self.was[was] = self.was.get(was, 0) + 1
        supported = weighs = 0.0
        for at, verdict in enumerate(again.verdicts):
            chance = verdict.propensity
            if chance:
                name = verdict.connection
                self.would[name] = self.would.get(name, 0.0) + chance
                before = _chance(recorded, at, name)
                if before > 0:
                    supported += chance
                    if name == was:
                        weighs = chance / before
        if was == would:
            self.same += 1
        else:
            self._differs(trial, again, was, would)
        if trial.paid is None:
            self.censored += 1
            return
        self.unknown += supported < HALF
        self._finish(router, trial, was, weighs)

    def _differs(self, trial: Trial, again: RoutingDecision, was: str, would: str) -> None:
        self.differ += 1
        self.nowhere += not would
        if len(self.differences) < DIFFERENCES_MAX:
            request = trial.decision.request
            self.differences.append(
                Difference(trial.receipt, request.country, request.offer, was, would, again.rule)
            )

    def _finish(self, router: Router, trial: Trial, was: str, weighs: float) -> None:
        """`weighs`: how much more likely the new policy is to choose what was chosen, if at all."""
        paid = float(bool(trial.paid))
        self.success.add(weighs, paid)
        seen = self.seen.get(was)
        if seen is None:
            seen = self.seen[was] = Sums()
        seen.see(paid)
        if paid:
            self.refunds.add(weighs, float(trial.refunded))
        if isinstance(router, PolicyRouter) and router.priced:
            self.cost.add(weighs, cost_of(router.by.connections.get(was, PLAIN), trial.decision.request))

    def with_(self, other: Tally) -> Tally:
        """Both together; what is listed of the other comes after."""
        both = Tally()
        for name in ("same", "differ", "nowhere", "censored", "unknown"):
            setattr(both, name, getattr(self, name) + getattr(other, name))
        both.differences = [*self.differences, *other.differences][:DIFFERENCES_MAX]
        both.success = self.success.with_(other.success)
        both.cost, both.refunds = self.cost.with_(other.cost), self.refunds.with_(other.refunds)
        for part in (self, other):
            for name, sums in part.seen.items():
                both.seen[name] = both.seen.get(name, Sums()).with_(sums)
            for name, count in part.was.items():
                both.was[name] = both.was.get(name, 0) + count
            for name, expected in part.would.items():
                both.would[name] = both.would.get(name, 0.0) + expected
        return both

    def summed(self, router: Router) -> Backtest:
        """What it comes to."""
        names = sorted({*self.was, *self.would} - {""})
        return Backtest(
            policy=router.policy,
            checkouts=self.same + self.differ,
            same=self.same,
            differ=self.differ,
            nowhere=self.nowhere,
            censored=self.censored,
            unknown=self.unknown,
            success_was=self.success.old(),
            success=self.success.new(),
            success_change=self.success.change(),
            cost_was=self.cost.old(),
            cost=self.cost.new(),
            cost_change=self.cost.change(),
            refunds=self.refunds.new(),
            parts=tuple(self._part(name) for name in names),
            differences=tuple(self.differences),
        )

    def _part(self, name: str) -> Part:
        seen = self.seen.get(name, Sums())
        return Part(name, self.was.get(name, 0), self.would.get(name, 0.0), seen.old())


def _chance(decision: RoutingDecision, at: int, connection: str) -> float:
    """How likely a connection was to be first; it mostly has the same place in both decisions."""
    verdicts = decision.verdicts
    if at < len(verdicts) and verdicts[at].connection == connection:
        return verdicts[at].propensity
    return next((one.propensity for one in verdicts if one.connection == connection), 0.0)


def _first(decision: RoutingDecision) -> str:
    return decision.order[0] if decision.order else ""
