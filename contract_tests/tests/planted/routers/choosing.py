"""Bugs of choosing: who is put into the order, and who is left out."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from msgspec.structs import replace

from purchase_core.ports.router import Candidate, RouteRequest, RoutingDecision
from purchase_core.routing.router import PolicyRouter

Candidates = tuple[Candidate, ...]


class RaisesOnNobody(PolicyRouter):
    """There is always somebody."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        assert candidates[0].connection
        return super().decide(request, candidates)


class DividesByThePrice(PolicyRouter):
    """Nothing is for nothing."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        assert 100 // request.unit_amount >= 0
        return super().decide(request, candidates)


class AnswersWithNothing(PolicyRouter):
    """Where nobody can, there is no decision."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> Any:
        decision = super().decide(request, candidates)
        return decision if decision.order else None


class LeavesItOpen(PolicyRouter):
    """An empty order says it all."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        return replace(super().decide(request, candidates), refused="")


class RefusesWhatItRoutes(PolicyRouter):
    """The word for nobody is there beforehand, and stays."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        return replace(decision, refused=decision.refused or "none_fits")


class HasAFallback(PolicyRouter):
    """One connection takes whatever is left."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        return replace(decision, order=(*decision.order, "fallback"), refused="")


class TriesTheFirstAgain(PolicyRouter):
    """The best one gets a second chance."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        return replace(decision, order=(*decision.order, *decision.order[:1]))


class RevivesTheExcluded(PolicyRouter):
    """What plugins say is taken for advice."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        deaf = tuple(
            replace(one, said=tuple(replace(said, excluded="") for said in one.said)) for one in candidates
        )
        return replace(super().decide(request, deaf), candidates=candidates)


class ChoosesTheUnfit(PolicyRouter):
    """What an adapter declares is all that counts."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        fit = tuple(replace(one, unfit="") for one in candidates)
        return replace(super().decide(request, fit), candidates=candidates)


class SpeaksForPlugins(PolicyRouter):
    """A plugin's reason is put into other words."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        verdicts = tuple(
            replace(one, excluded="excluded by a plugin") if one.excluded else one
            for one in decision.verdicts
        )
        return replace(decision, verdicts=verdicts)


class IgnoresCapabilities(PolicyRouter):
    """The provider will say so if it cannot."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        return replace(super().decide(replace(request, needs=()), candidates), request=request)


class IgnoresCurrencies(PolicyRouter):
    """Currencies are converted somehow."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        worldly = tuple(replace(one, currencies=None) for one in candidates)
        return replace(super().decide(request, worldly), candidates=candidates)


class TakesNobody(PolicyRouter):
    """Where one cannot, nobody can."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        if len(decision.order) == len(candidates):
            return decision
        verdicts = tuple(
            replace(one, excluded=one.excluded or "not all can", propensity=0.0) for one in decision.verdicts
        )
        return replace(decision, order=(), verdicts=verdicts, refused="none_fits")


class TriesEveryOrder(PolicyRouter):
    """The best order is found by trying all of them."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        best = min(permutations(candidates), key=lambda some: [-len(one.said) for one in some])
        assert len(best) == len(candidates)
        return super().decide(request, candidates)
