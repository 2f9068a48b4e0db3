"""Backtest: a policy decides again what was decided, by the code that decides live, over what came of it."""

from __future__ import annotations

from collections.abc import Iterable

from purchase_core.ports.router import Router, RouteRequest, RoutingDecision
from purchase_core.routing.estimate import UNKNOWN, Estimate, Weighed, difference, mean_of, weighed_mean
from purchase_core.routing.policy import Terms
from purchase_core.routing.router import PolicyRouter
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
    return sum(one.propensity for one in again.verdicts if one.connection in could)


def weight(recorded: RoutingDecision, again: RoutingDecision) -> float:
    """How much more likely the new policy is to choose what was chosen; 0 where it never would."""
    chosen = recorded.order[0] if recorded.order else ""
    old, new = propensity(recorded, chosen), propensity(again, chosen)
    return new / old if old > 0 else 0.0


def propensity(decision: RoutingDecision, connection: str) -> float:
    """The recorded probability that the connection was first."""
    return next((one.propensity for one in decision.verdicts if one.connection == connection), 0.0)


class _Account:
    """Counts while it goes over the trials once."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._terms = router.by.connections if isinstance(router, PolicyRouter) else {}
        self._differences: list[Difference] = []
        self._finished: list[tuple[Trial, RoutingDecision, float]] = []
        self._was: dict[str, int] = {}
        self._would: dict[str, float] = {}
        self._same = self._differ = self._nowhere = self._censored = self._unknown = 0

    def of(self, trials: Iterable[Trial]) -> Backtest:
        count = 0
        for count, trial in enumerate(trials, 1):  # noqa: B007  # it is read after the loop
            self._add(trial, self._router.decide(trial.decision.request, trial.decision.candidates))
        return self._summed(count)

    def _add(self, trial: Trial, again: RoutingDecision) -> None:
        recorded = trial.decision
        was, would = _first(recorded), _first(again)
        self._was[was] = self._was.get(was, 0) + 1
        for verdict in again.verdicts:
            self._would[verdict.connection] = self._would.get(verdict.connection, 0.0) + verdict.propensity
        self._same += was == would
        self._differ += was != would
        self._nowhere += not would
        if was != would and len(self._differences) < DIFFERENCES_MAX:
            request = recorded.request
            self._differences.append(
                Difference(trial.receipt, request.country, request.offer, was, would, again.rule)
            )
        if trial.paid is None:
            self._censored += 1
            return
        self._unknown += support(recorded, again) < 0.5  # noqa: PLR2004  # half its chance
        self._finished.append((trial, again, weight(recorded, again)))

    def _summed(self, count: int) -> Backtest:
        paid = [Weighed(of, float(bool(trial.paid))) for trial, _, of in self._finished]
        refunds = [Weighed(of, float(trial.refunded)) for trial, _, of in self._finished if trial.paid]
        costs = [
            Weighed(of, self._cost(trial.decision.request, _first(trial.decision)))
            for trial, _, of in self._finished
        ]
        names = sorted({*self._was, *self._would} - {""})
        return Backtest(
            policy=self._router.policy,
            checkouts=count,
            same=self._same,
            differ=self._differ,
            nowhere=self._nowhere,
            censored=self._censored,
            unknown=self._unknown,
            success_was=mean_of([one.value for one in paid]),
            success=weighed_mean(paid),
            success_change=difference(paid),
            cost_was=mean_of([one.value for one in costs]) if self._priced() else UNKNOWN,
            cost=weighed_mean(costs) if self._priced() else UNKNOWN,
            cost_change=difference(costs) if self._priced() else UNKNOWN,
            refunds=weighed_mean(refunds),
            parts=tuple(self._part(name) for name in names),
            differences=tuple(self._differences),
        )

    def _part(self, name: str) -> Part:
        seen = [float(bool(trial.paid)) for trial, _, _ in self._finished if _first(trial.decision) == name]
        return Part(name, self._was.get(name, 0), self._would.get(name, 0.0), mean_of(seen))

    def _cost(self, request: RouteRequest, connection: str) -> float:
        return cost_of(self._terms.get(connection, Terms()), request)

    def _priced(self) -> bool:
        return any(terms.costs for terms in self._terms.values())


def _first(decision: RoutingDecision) -> str:
    return decision.order[0] if decision.order else ""
