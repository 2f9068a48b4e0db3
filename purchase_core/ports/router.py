"""The router port: which connections may take a checkout, in which order, and why."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from types import MappingProxyType

import msgspec

from purchase_core.canonical import canonical
from purchase_core.errors import PluginFailed, PurchaseError
from purchase_core.instants import Instant
from purchase_core.values import Value

AGREEMENTS = "agreements"
PRICES = "prices"
EVIDENCE = "evidence"

# Why there is nowhere to go: a decision has no order, or (the last one) is not followed any further.
NO_CANDIDATE = "no_candidate"
NONE_FITS = "none_fits"
ALL_UNHEALTHY = "all_unhealthy"
POLICY_CHANGED = "policy_changed"


class Said(Value, frozen=True):
    """What one plugin says of one candidate: a score (more is better), or a reason to leave it out."""

    plugin: str
    score: float = 0.0
    excluded: str = ""


class Trouble(Value, frozen=True):
    """A plugin that did not score as it should; it counts as having said nothing, except while `blocked`.

    `kind`: raised | late | invalid | foreign (a connection that is no candidate) | blocked (it kept the event
    loop to itself; what it then said in time counts).
    """

    plugin: str
    kind: str
    detail: str = ""


class Health(Value, frozen=True):
    """How a connection has fared lately. `state`: closed (well) | half_open (on trial) | open (down).

    `calls` and `failures` are those of the window; `latency_ms` is the median of the calls that succeeded.
    """

    state: str = "closed"
    calls: int = 0
    failures: int = 0
    latency_ms: int = 0


class Evidence(Value, frozen=True):
    """Checkouts of this segment that were opened here, and those paid within the horizon of opening."""

    opened: int = 0
    paid: int = 0


WELL = Health()
NO_EVIDENCE = Evidence()


class Candidate(Value, frozen=True):
    """A connection as the router sees it: what its adapter declares, and what was known at that moment.

    `currencies` None: every one. `priced`: whether the provider has a price of the offer already (only looked
    up for routers that want it). `said` is what plugins said before. `unfit`: why it cannot take this very
    checkout, whatever it declares; then it must not be chosen.
    """

    connection: str
    plugin: str
    mode: str
    capabilities: tuple[str, ...]
    currencies: tuple[str, ...] | None
    priced: bool = False
    health: Health = WELL
    evidence: Evidence = NO_EVIDENCE
    said: tuple[Said, ...] = ()
    unfit: str = ""


class Attribute(Value, frozen=True):
    """What the application may say of a customer. `kind`: text | number | flag; `values` () = any text."""

    kind: str = "text"
    values: tuple[str, ...] = ()


class Advice(Value, frozen=True):
    """The candidates with what plugins said of them, and the plugins that did not say it as they should."""

    candidates: tuple[Candidate, ...]
    troubles: tuple[Trouble, ...] = ()


class Agreement(Value, frozen=True):
    """A live agreement of the customer: where it is billed, and in which currency."""

    connection: str
    currency: str


class RouteRequest(Value, frozen=True):
    """What is to be paid, by whom, when. `key` seeds every chance; `needs` are capabilities.

    `country` (ISO 3166, two letters) and `channel` are "" where the application does not know them.
    `attributes` are its own, by name, sorted.
    """

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
    trial_days: int = 0
    country: str = ""
    channel: str = ""
    attributes: tuple[tuple[str, str | int | bool], ...] = ()
    agreements: tuple[Agreement, ...] = ()


class Verdict(Value, frozen=True):
    """One candidate's part of a decision: excluded by a step, with a reason, or scored.

    `scores` are those of each part, `score` is what they come to. `propensity` is the probability of being
    first, given these inputs; 0 for those excluded. `notes` say what else played a part.
    """

    connection: str
    excluded: str = ""
    step: str = ""
    score: float = 0.0
    scores: tuple[tuple[str, float], ...] = ()
    propensity: float = 0.0
    notes: tuple[str, ...] = ()


class RoutingDecision(Value, frozen=True):
    """A decision that can be explained and run again: the same inputs give the same bytes.

    `policy` is the hash of the router's configuration, `seed` what its chances were drawn from, `rule` the
    rule that applied. `refused` says why `order` is empty: no_candidate | none_fits | all_unhealthy, or a
    word of the router's own.
    """

    router: str
    policy: str
    request: RouteRequest
    candidates: tuple[Candidate, ...]
    verdicts: tuple[Verdict, ...]
    order: tuple[str, ...]
    seed: str = ""
    rule: str = ""
    refused: str = ""
    troubles: tuple[Trouble, ...] = ()

    def encode(self) -> bytes:
        """Canonical JSON, as it is stored with the command."""
        return canonical(self)

    def reasons(self) -> tuple[str, ...]:
        """Why each candidate is left out, one line each."""
        return tuple(f"{one.connection}: {one.excluded}" for one in self.verdicts if one.excluded)


def decode_decision(data: bytes) -> RoutingDecision:
    """A stored decision. Raises msgspec.ValidationError on anything else."""
    return _decoder.decode(data)


_decoder = msgspec.json.Decoder(RoutingDecision)


class Learning(Value, frozen=True):
    """Which outcomes a router learns from: paid within `horizon_hours` of opening or not, over `window_days`.

    `segment` names parts of the request (country, currency, offer, product, channel); only checkouts that are
    alike in these count as evidence. Those younger than the horizon are not counted yet.
    """

    window_days: int = 30
    horizon_hours: int = 24
    segment: tuple[str, ...] = ()


class Router(ABC):
    """Decides purely: no clock, no randomness, no I/O. Never adds a candidate, nor revives an excluded one.

    `policy` identifies the configuration by its content, and `document` is that content, from which the same
    router can be made again. `wants` names inputs that cost a read: agreements, prices, evidence.
    """

    name: str
    policy: str = ""
    document: bytes = b""
    wants: Set[str] = frozenset()
    learning: Learning = Learning()  # immutable
    attributes: Mapping[str, Attribute] = MappingProxyType({})
    """The application's attributes that it reads, by name; others are refused."""

    @abstractmethod
    def decide(self, request: RouteRequest, candidates: tuple[Candidate, ...]) -> RoutingDecision:
        """An ordered answer, or a decision with an empty order whose verdicts say why. Never raises."""


def routed(router: Router, request: RouteRequest, candidates: tuple[Candidate, ...]) -> RoutingDecision:
    """What a router decides. Raises PluginFailed if it raises all the same, or does what it must not."""
    name = type(router).__name__
    try:
        decision = router.decide(request, candidates)
        wrong = _wrong(decision, request, candidates)
    except (PurchaseError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a router may be anybody's
        raise PluginFailed(f"router {name} failed: {type(error).__name__}") from error
    if wrong:
        raise PluginFailed(f"router {name} {wrong}")
    return decision


def _wrong(decision: RoutingDecision, request: RouteRequest, candidates: tuple[Candidate, ...]) -> str:
    free = {
        one.connection for one in candidates if not (one.unfit or any(said.excluded for said in one.said))
    }
    if set(decision.order) - free:
        return "chose a connection that was not to be chosen"
    if len(set(decision.order)) < len(decision.order):
        return "chose a connection twice"
    if decision.request != request or decision.candidates != candidates:
        return "recorded other inputs than it was given"
    return ""
