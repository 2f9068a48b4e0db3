"""The router of the core: a policy's steps, in order, and the decision that they come to."""

from __future__ import annotations

from collections.abc import Set

from purchase_core.ports.router import (
    AGREEMENTS,
    EVIDENCE,
    NO_CANDIDATE,
    NONE_FITS,
    PRICES,
    Candidate,
    Learning,
    Router,
    RouteRequest,
    RoutingDecision,
    Verdict,
)
from purchase_core.routing.index import RuleIndex
from purchase_core.routing.policy import Policy
from purchase_core.routing.sheet import Sheet, Standing
from purchase_core.routing.steps.eligibility import eligibility
from purchase_core.routing.steps.health import health
from purchase_core.routing.steps.order import order
from purchase_core.routing.steps.rules import rules
from purchase_core.routing.steps.sameness import sameness
from purchase_core.routing.steps.score import score
from purchase_core.routing.steps.share import share
from purchase_core.routing.steps.stickiness import stickiness


class PolicyRouter(Router):
    """Decides by a policy: eligibility, stickiness, sameness, rules, share, score, health, order."""

    name = "policy"

    def __init__(self, policy: Policy | None = None) -> None:
        self.by = policy or Policy()  # what it decides by
        self.policy = self.by.hash
        self.document = self.by.encode()
        self.attributes = self.by.attributes
        self.wants = _wanted(self.by)
        self.priced = any(terms.costs for terms in self.by.connections.values())
        score = self.by.score
        self.learning = Learning(score.window_days, score.horizon_hours, score.segment)
        self._index = RuleIndex(self.by.rules)

    def decide(self, request: RouteRequest, candidates: tuple[Candidate, ...]) -> RoutingDecision:
        """An ordered answer; where there is none, the verdicts say why."""
        sheet = Sheet(self.by, request, candidates)
        eligibility(sheet)
        stickiness(sheet)
        sameness(sheet)
        rules(sheet, self._index)
        share(sheet)
        score(sheet)
        health(sheet)
        ordered = order(sheet)
        refused = sheet.refused
        if not ordered and not refused:
            refused = NONE_FITS if candidates else NO_CANDIDATE
        return RoutingDecision(
            router=self.name,
            policy=self.policy,
            request=request,
            candidates=candidates,
            verdicts=tuple([_verdict(one) for one in sheet.standings]),
            order=tuple([one.candidate.connection for one in ordered]),
            seed=f"{sheet.salt}:{request.key}",
            rule=sheet.rule.name if sheet.rule else "",
            refused=refused,
        )


def _verdict(one: Standing) -> Verdict:
    return Verdict(
        one.candidate.connection,
        one.excluded,
        one.step,
        one.score,
        one.scores,
        one.propensity,
        tuple(one.notes) if one.notes else (),
    )


def _wanted(policy: Policy) -> Set[str]:
    """The inputs that cost a read and that the policy looks at."""
    asks = {name for rule in policy.rules for name in rule.when}
    wanted = {
        AGREEMENTS: policy.stickiness.agreement != "ignore"
        or "currency" not in policy.sameness.allow
        or "subscriber" in asks,
        PRICES: policy.require_price,
        EVIDENCE: policy.score.success > 0 or policy.guardrail.success_percent_min > 0,
    }
    return frozenset(name for name, wants in wanted.items() if wants)
