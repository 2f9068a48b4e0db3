"""Score: success rate, cost, latency and what plugins say, each by its weight."""

from __future__ import annotations

from purchase_core.ports.router import Evidence, RouteRequest
from purchase_core.routing.intervals import wilson
from purchase_core.routing.policy import Scoring, Terms
from purchase_core.routing.sheet import Sheet

MILLISECONDS = 1_000
BASIS_POINTS = 10_000
PART_MAX = 1e300


def score(sheet: Sheet) -> None:
    """Give each candidate its score. A part of weight 0 is left out."""
    weights = sheet.policy.score
    rates = _success_rates(sheet, weights) if weights.success else {}
    for one in sheet.live:
        parts: list[tuple[str, float]] = []
        if weights.success:
            parts.append(("success", weights.success * rates[one.candidate.connection]))
        if weights.cost:
            parts.append(("cost", -weights.cost * cost_of(one.terms, sheet.request)))
        if weights.latency:
            parts.append(("latency", -weights.latency * one.candidate.health.latency_ms / MILLISECONDS))
        if weights.plugins and one.candidate.said:
            parts += [(f"plugin {said.plugin}", weights.plugins * said.score) for said in one.candidate.said]
        if parts:
            one.scores = tuple([(name, _bounded(value)) for name, value in parts])
            one.score = sum([value for _, value in one.scores])


def _bounded(value: float) -> float:
    """So that no sum of parts is infinite, which could be neither compared nor written down."""
    return min(max(value, -PART_MAX), PART_MAX)


def cost_of(terms: Terms, request: RouteRequest) -> float:
    """What a provider takes of the amount, as a part of it; 0 where no cost is known."""
    amount = request.unit_amount * request.quantity
    line = None
    for cost in terms.costs:
        if cost.currency == request.currency:
            line = cost
            break
        if not cost.currency:
            line = cost
    if line is None or amount <= 0:
        return 0.0
    return (line.basis_points * amount + line.fixed * BASIS_POINTS) / (BASIS_POINTS * amount)


def _success_rates(sheet: Sheet, weights: Scoring) -> dict[str, float]:
    """The lower end of each interval; where there is too little evidence, the mean of the others."""
    known: dict[str, float] = {}
    for one in sheet.live:
        seen: Evidence = one.candidate.evidence
        if seen.opened >= weights.evidence_min:
            known[one.candidate.connection] = wilson(seen.paid, seen.opened)[0]
        else:
            one.note(f"success: {seen.opened} outcomes are too few")
    mean = sum(known.values()) / len(known) if known else 0.0
    return {name: known.get(name, mean) for one in sheet.live for name in (one.candidate.connection,)}
