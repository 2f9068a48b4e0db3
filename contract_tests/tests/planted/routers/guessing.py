"""Bugs of guessing: the same question gets another answer."""

from __future__ import annotations

import random
import time

from msgspec.structs import replace

from purchase_core.ports.router import Candidate, RouteRequest, RoutingDecision
from purchase_core.routing.router import PolicyRouter

Candidates = tuple[Candidate, ...]


def _turned(decision: RoutingDecision, places: int) -> RoutingDecision:
    """The same decision with its order turned, and its chances told as they then are."""
    order = decision.order
    if not order:
        return decision
    turned = order[places % len(order) :] + order[: places % len(order)]
    verdicts = tuple(replace(one, propensity=float(one.connection == turned[0])) for one in decision.verdicts)
    return replace(decision, order=turned, verdicts=verdicts)


class FlipsACoin(PolicyRouter):
    """A share is dealt by chance, and chance is not written down."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        return _turned(super().decide(request, candidates), random.getrandbits(8))


class AsksTheClock(PolicyRouter):
    """By night the other one comes first."""

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        return _turned(super().decide(request, candidates), int(time.time()) // 86_400 % 2)


class TakesTurns(PolicyRouter):
    """Each connection has its turn."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = 0

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        self._turn += 1
        return _turned(super().decide(request, candidates), self._turn)


class RemembersCustomers(PolicyRouter):
    """A question that is like an earlier one gets the earlier one's answer."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        decision = super().decide(request, candidates)
        key = tuple(sorted(decision.order))
        known = self._known.setdefault(key, decision.order)
        return _turned(decision, decision.order.index(known[0])) if known else decision


class DependsOnTheProcess(PolicyRouter):
    """Each process is seeded when it starts."""

    _started = 0

    def __init__(self) -> None:
        super().__init__()
        DependsOnTheProcess._started += 1
        self._seed = DependsOnTheProcess._started

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        return _turned(super().decide(request, candidates), self._seed)


class KnowsObjectsByAddress(PolicyRouter):
    """Requests that it has seen are known by where they lie in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[int, RouteRequest] = {}

    def decide(self, request: RouteRequest, candidates: Candidates) -> RoutingDecision:
        from purchase_contract_tests.router.samples import REQUESTS  # noqa: PLC0415

        ours = any(request is one for one in REQUESTS)
        return _turned(super().decide(request, candidates), 0 if ours else 1)
