"""Bugs of telling: what is recorded is not what was asked, decided or meant."""

from __future__ import annotations

import math
from itertools import count

from msgspec.structs import replace

from purchase_core.ports.router import Candidate, RouteRequest, RoutingDecision
from purchase_core.routing.policy import Policy
from purchase_core.routing.router import PolicyRouter

Candidates = tuple[Candidate, ...]
_numbers = count(1)


class TellsOfWinnersOnly(PolicyRouter):
    """Who is left out is left out of the record."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        return replace(decision, verdicts=tuple(one for one in decision.verdicts if not one.excluded))


class SortsItsVerdicts(PolicyRouter):
    """Verdicts come by name."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        return replace(decision, verdicts=tuple(sorted(decision.verdicts, key=lambda one: one.connection)))


class KeepsItsReasons(PolicyRouter):
    """Why somebody is left out is nobody's business."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        verdicts = tuple(replace(one, excluded="", propensity=one.propensity) for one in decision.verdicts)
        return replace(decision, verdicts=verdicts)


class OnlyWarns(PolicyRouter):
    """A reason against somebody is written down, and that is all."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        if len(decision.order) < 2:
            return decision
        last = decision.order[-1]
        verdicts = tuple(
            replace(one, excluded="rather not", propensity=0.0) if one.connection == last else one
            for one in decision.verdicts
        )
        return replace(decision, verdicts=verdicts)


class IsSureOfAll(PolicyRouter):
    """Whoever is in the order was certain."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        verdicts = tuple(
            replace(one, propensity=1.0 if one.connection in decision.order else 0.0)
            for one in decision.verdicts
        )
        return replace(decision, verdicts=verdicts)


class CreditsTheSecond(PolicyRouter):
    """The chance is written beside the wrong name."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        if len(decision.order) < 2:
            return decision
        verdicts = tuple(
            replace(one, propensity=float(one.connection == decision.order[1])) for one in decision.verdicts
        )
        return replace(decision, verdicts=verdicts)


class SharesTheChanceWithAll(PolicyRouter):
    """Chances are those before anybody was left out."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        if not decision.order:
            return decision
        even = 1 / len(candidates)
        return replace(decision, verdicts=tuple(replace(one, propensity=even) for one in decision.verdicts))


class ForgetsTheCountry(PolicyRouter):
    """What it did not read is not written down."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        return super().decide(replace(request, country=""), candidates)


class TidiesTheCandidates(PolicyRouter):
    """Candidates are recorded in the order in which they were chosen."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        place = {name: number for number, name in enumerate(decision.order)}
        tidy = sorted(candidates, key=lambda one: place.get(one.connection, len(place)), reverse=True)
        return replace(decision, candidates=tuple(tidy))


class ScoresNothingANumber(PolicyRouter):
    """Where nothing is known, the score is not a number."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        return replace(decision, verdicts=tuple(replace(one, score=math.nan) for one in decision.verdicts))


class HasNoVersion(PolicyRouter):
    """A policy has no name."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = ""


class SignsForAnother(PolicyRouter):
    """The version in the record is that of the last release."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        return replace(super().decide(request, candidates), policy="0" * 32)


class CountsItsStarts(PolicyRouter):
    """Each process has a version of its own."""

    def __init__(self) -> None:
        super().__init__(Policy(name=f"policy-{next(_numbers)}"))
