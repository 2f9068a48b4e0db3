"""The router port: which connections may take a checkout, in which order, and why."""

from __future__ import annotations

from abc import ABC, abstractmethod

import attrs
import msgspec

from purchase_core.errors import PluginFailed, PurchaseError
from purchase_core.instants import Instant


@attrs.frozen
class Candidate:
    """A connection as the router sees it. `score` and `excluded` are what plugins said of it before."""

    connection: str
    plugin: str
    mode: str
    capabilities: tuple[str, ...]
    currencies: tuple[str, ...] | None
    score: float = 0.0
    excluded: str = ""


@attrs.frozen
class RouteRequest:
    """What is to be paid, by whom, when. `key` seeds every chance; `needs` are capabilities."""

    customer: str
    offer: str
    product: str
    currency: str
    unit_amount: int
    quantity: int
    needs: tuple[str, ...]
    links: tuple[str, ...]  # connections on which the customer is known
    at: Instant
    key: str


@attrs.frozen
class Verdict:
    """One candidate's part of a decision: excluded with a reason, or scored."""

    connection: str
    excluded: str = ""
    score: float = 0.0


@attrs.frozen
class RoutingDecision:
    """A decision that can be explained and run again: the same inputs give the same bytes."""

    router: str
    policy: str
    request: RouteRequest
    candidates: tuple[Candidate, ...]
    verdicts: tuple[Verdict, ...]
    order: tuple[str, ...]

    def encode(self) -> bytes:
        """JSON, as it is stored with the command."""
        return msgspec.json.encode(self)


def decode_decision(data: bytes) -> RoutingDecision:
    """A stored decision. Raises msgspec.ValidationError on anything else."""
    return msgspec.json.decode(data, type=RoutingDecision)


class Router(ABC):
    """Decides purely: no clock, no randomness, no I/O. Never adds a candidate."""

    name: str

    @abstractmethod
    def decide(self, request: RouteRequest, candidates: tuple[Candidate, ...]) -> RoutingDecision:
        """An ordered answer, or a decision with an empty order whose verdicts say why. Never raises."""


def routed(router: Router, request: RouteRequest, candidates: tuple[Candidate, ...]) -> RoutingDecision:
    """What a router decides. Raises PluginFailed if it raises all the same, or adds a candidate."""
    name = type(router).__name__
    try:
        decision = router.decide(request, candidates)
        strangers = set(decision.order) - {one.connection for one in candidates if not one.excluded}
    except (PurchaseError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a router may be anybody's
        raise PluginFailed(f"router {name} failed: {type(error).__name__}") from error
    if strangers:
        raise PluginFailed(f"router {name} chose a connection that was not to be chosen")
    return decision
