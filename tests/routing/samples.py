"""Requests, candidates and policies to route with."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from purchase_core.config.policies import read_policy
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.ports.router import Candidate, RouteRequest, RoutingDecision
from purchase_core.routing.router import PolicyRouter

NOW = Instant(1_800_000_000 * SECOND)
CAPABLE = ("one_time_checkout", "quantity", "subscription_checkout", "trial")
REQUEST = RouteRequest(
    customer="user_1", offer="app:pro", product="subscription", currency="EUR", unit_amount=900, quantity=1,
    needs=("subscription_checkout",), links=(), at=NOW, key="checkout.start:1",
)  # fmt: skip
STRIPE = Candidate("stripe", "stripe", "live", CAPABLE, None)
PADDLE = Candidate("paddle", "paddle", "live", CAPABLE, ("EUR", "USD"))
THIRD = Candidate("third", "acme", "live", CAPABLE, None)
ALL = (STRIPE, PADDLE, THIRD)
YESTERDAY, TOMORROW = Instant(NOW - DAY), Instant(NOW + DAY)


def request(**changes: Any) -> RouteRequest:
    """The request with some of it changed."""
    return replace(REQUEST, **changes)


def decide(
    policy: dict[str, object], asked: RouteRequest = REQUEST, among: tuple[Candidate, ...] = ALL
) -> RoutingDecision:
    """What a policy decides."""
    return PolicyRouter(read_policy(policy)).decide(asked, among)


def why(decision: RoutingDecision) -> dict[str, str]:
    """Why each candidate was left out."""
    return {one.connection: one.excluded for one in decision.verdicts if one.excluded}
