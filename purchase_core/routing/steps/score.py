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
    success, cost, latency, plugins = weights.success, weights.cost, weights.latency, weights.plugins
    rates = _success_rates(sheet, weights) if success else {}
    for one in sheet.live:
        candidate = one.candidate
        parts: list[tuple[str, float]] = []
        if success:
            parts.append(("success", success * rates[candidate.connection]))
        if cost:
            parts.append(("cost", -cost * cost_of(one.terms, sheet.request)))
        if latency:
            parts.append(("latency", -latency * candidate.health.latency_ms / MILLISECONDS))
        if plugins and candidate.said:
            parts += [(f"plugin {said.plugin}", plugins * said.score) for said in candidate.said]
        if parts:
            total = sum([value for _, value in parts])
            if not -PART_MAX <= total <= PART_MAX:
                parts = [(name, _bounded(value)) for name, value in parts]
                total = sum([value for _, value in parts])
            one.scores, one.score = tuple(parts), total


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
    least = weights.evidence_min
    for one in sheet.live:
        seen: Evidence = one.candidate.evidence
        if seen.opened >= least:
            known[one.candidate.connection] = wilson(seen.paid, seen.opened)[0]
        else:
            one.note(f"success: {seen.opened} outcomes are too few")
    if len(known) == len(sheet.live):
        return known
    mean = sum(known.values()) / len(known) if known else 0.0
    return {one.candidate.connection: known.get(one.candidate.connection, mean) for one in sheet.live}
