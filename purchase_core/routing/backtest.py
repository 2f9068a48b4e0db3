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
    return _Account(router).of(trials)


def support(recorded: RoutingDecision, again: RoutingDecision) -> float:
    """How much of the new decision's chance lies where the recorded one could have gone."""
    could = {one.connection for one in recorded.verdicts if one.propensity > 0}
    return sum([one.propensity for one in again.verdicts if one.propensity and one.connection in could])


def weight(recorded: RoutingDecision, again: RoutingDecision) -> float:
    """How much more likely the new policy is to choose what was chosen; 0 where it never would."""
    chosen = recorded.order[0] if recorded.order else ""
    old, new = propensity(recorded, chosen), propensity(again, chosen)
    return new / old if old > 0 else 0.0


def propensity(decision: RoutingDecision, connection: str) -> float:
    """The recorded probability that the connection was first."""
    for one in decision.verdicts:
        if one.connection == connection:
            return one.propensity
    return 0.0


class _Account:
    """Adds up while it goes over the trials once; keeps nothing of them but some that differ."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._terms = router.by.connections if isinstance(router, PolicyRouter) else {}
        self._priced = any(terms.costs for terms in self._terms.values())
        self._differences: list[Difference] = []
        self._success, self._cost, self._refunds = Sums(), Sums(), Sums()
        self._seen: dict[str, Sums] = {}
        self._was: dict[str, int] = {}
        self._would: dict[str, float] = {}
        self._same = self._differ = self._nowhere = self._censored = self._unknown = 0

    def of(self, trials: Iterable[Trial]) -> Backtest:
        for trial in trials:
            self._add(trial, self._router.decide(trial.decision.request, trial.decision.candidates))
        return self._summed()

    def _add(self, trial: Trial, again: RoutingDecision) -> None:
        recorded = trial.decision
        was, would = _first(recorded), _first(again)
        self._was[was] = self._was.get(was, 0) + 1
        for verdict in again.verdicts:
            if verdict.propensity:
                expected = self._would.get(verdict.connection, 0.0)
                self._would[verdict.connection] = expected + verdict.propensity
        if was == would:
            self._same += 1
        else:
            self._differs(trial, again, was, would)
        if trial.paid is None:
            self._censored += 1
        else:
            self._finish(trial, again, was)

    def _differs(self, trial: Trial, again: RoutingDecision, was: str, would: str) -> None:
        self._differ += 1
        self._nowhere += not would
        if len(self._differences) < DIFFERENCES_MAX:
            request = trial.decision.request
            self._differences.append(
                Difference(trial.receipt, request.country, request.offer, was, would, again.rule)
            )

    def _finish(self, trial: Trial, again: RoutingDecision, was: str) -> None:
        recorded, paid = trial.decision, float(bool(trial.paid))
        weighs = weight(recorded, again)
        self._unknown += support(recorded, again) < 0.5  # noqa: PLR2004  # half its chance
        self._success.add(weighs, paid)
        self._seen.setdefault(was, Sums()).add(1.0, paid)
        if paid:
            self._refunds.add(weighs, float(trial.refunded))
        if self._priced:
            self._cost.add(weighs, cost_of(self._terms.get(was, PLAIN), recorded.request))

    def _summed(self) -> Backtest:
        names = sorted({*self._was, *self._would} - {""})
        return Backtest(
            policy=self._router.policy,
            checkouts=self._same + self._differ,
            same=self._same,
            differ=self._differ,
            nowhere=self._nowhere,
            censored=self._censored,
            unknown=self._unknown,
            success_was=self._success.old(),
            success=self._success.new(),
            success_change=self._success.change(),
            cost_was=self._cost.old(),
            cost=self._cost.new(),
            cost_change=self._cost.change(),
            refunds=self._refunds.new(),
            parts=tuple(self._part(name) for name in names),
            differences=tuple(self._differences),
        )

    def _part(self, name: str) -> Part:
        seen = self._seen.get(name, Sums())
        return Part(name, self._was.get(name, 0), self._would.get(name, 0.0), seen.old())


def _first(decision: RoutingDecision) -> str:
    return decision.order[0] if decision.order else ""
