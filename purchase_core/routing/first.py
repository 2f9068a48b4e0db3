"""The simplest router: the first connection that can, where the customer is known already before others."""

from __future__ import annotations

from purchase_core.canonical import content_hash
from purchase_core.ports.router import Candidate, Router, RouteRequest, RoutingDecision, Verdict


class FirstCapable(Router):
    """Leaves out what cannot take the checkout, then orders by score, by acquaintance, and as configured."""

    name = "first"

    def decide(self, request: RouteRequest, candidates: tuple[Candidate, ...]) -> RoutingDecision:
        """An order of those that can; the verdicts say why the others cannot."""
        verdicts = tuple(Verdict(one.connection, unfit(request, one), one.score) for one in candidates)
        places = {one.connection: place for place, one in enumerate(candidates)}
        able = [one for one in verdicts if not one.excluded]
        able.sort(key=lambda one: (-one.score, one.connection not in request.links, places[one.connection]))
        return RoutingDecision(
            router=self.name,
            policy=content_hash([self.name, 1]),
            request=request,
            candidates=candidates,
            verdicts=verdicts,
            order=tuple(one.connection for one in able),
        )


def unfit(request: RouteRequest, candidate: Candidate) -> str:
    """Why a connection cannot take this checkout; "" if it can."""
    if candidate.excluded:
        return candidate.excluded
    missing = [need for need in request.needs if need not in candidate.capabilities]
    if missing:
        return f"{candidate.plugin} has no {', '.join(missing)}"
    if candidate.currencies is not None and request.currency not in candidate.currencies:
        return f"{candidate.plugin} does not sell in {request.currency}"
    return ""
