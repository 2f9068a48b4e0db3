"""The policy: how an application wants its checkouts routed, as data. Its content is its version.

A policy with nothing in it sends each checkout to the first connection that can take it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs
import msgspec

from purchase_core.canonical import canonical, content_hash
from purchase_core.instants import Instant
from purchase_core.ports.router import Attribute
from purchase_core.routing.conditions import Condition

RULES_MAX = 1_000
PERCENT = 100
CUSTOMER, REQUEST = "customer", "request"

Sticky: TypeAlias = Literal["require", "prefer", "ignore"]
Tax: TypeAlias = Literal["inclusive", "exclusive"]
Difference: TypeAlias = Literal["currency", "tax_display", "total", "trial"]


@attrs.frozen
class Rule:
    """What holds for the requests that it is for. Of several that match, the first one applies.

    `only` and `exclude` leave connections out; `prefer` puts these first, in this order; `share` deals
    requests out among connections, in percent.
    """

    name: str
    when: Mapping[str, Condition] = attrs.Factory(dict)
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()
    share: Mapping[str, int] = attrs.Factory(dict)


@attrs.frozen
class Cost:
    """What a provider takes of a payment: hundredths of a percent, and a fixed part in minor units.

    `currency` "" is for those that have no line of their own; its fixed part counts as it is.
    """

    basis_points: int
    fixed: int = 0
    currency: str = ""


@attrs.frozen
class Maintenance:
    """A window in which a connection is not to be used."""

    starts: Instant
    ends: Instant


@attrs.frozen
class Terms:
    """What is known of a connection besides what its adapter declares. None: everything.

    `tax`: how its page shows prices. `converts`: whether it may charge in another currency than asked.
    `surcharge_basis_points`: what it adds to the customer's total. `trial`: "kept", or "card" where a trial
    needs a card first.
    """

    enabled: bool = True
    currencies: tuple[str, ...] | None = None
    countries: tuple[str, ...] | None = None
    tax: Tax = "exclusive"
    converts: bool = False
    surcharge_basis_points: int = 0
    trial: Literal["kept", "card"] = "kept"
    costs: tuple[Cost, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()


@attrs.frozen
class Stickiness:
    """A live agreement keeps its connection; a customer who is known somewhere prefers it."""

    agreement: Sticky = "require"
    link: Literal["prefer", "ignore"] = "prefer"


@attrs.frozen
class Sameness:
    """What may differ from what the customer was shown. `tax`: how the shop shows prices; "" = either."""

    allow: tuple[Difference, ...] = ()
    tax: Tax | Literal[""] = ""


@attrs.frozen
class Scoring:
    """What a score is made of: each part times its weight. More is better.

    success: lower end of the 95 % interval of the success rate, 0 to 1, of `segment`, over `window_days`;
    cost: minus the provider's part of the amount, 0 to 1; latency: minus seconds; plugins: what they said.
    With less than `evidence_min` outcomes a rate says nothing: the mean of those that do stands in.
    `explore_percent` of requests try a connection of equal rank at random, so that rates stay known.
    """

    success: float = 0.0
    cost: float = 0.0
    latency: float = 0.0
    plugins: float = 1.0
    explore_percent: int = 0
    evidence_min: int = 30
    window_days: int = 30
    horizon_hours: int = 24
    segment: tuple[str, ...] = ()


@attrs.frozen
class Guardrail:
    """A share's member is dealt nothing while its success rate is surely below: with at least `evidence_min`
    outcomes, the upper end of its interval is below `success_percent_min`."""

    success_percent_min: int = 0
    evidence_min: int = 30


@attrs.frozen
class HealthPolicy:
    """What becomes of connections that fare badly.

    `when_all_unhealthy`: "refuse" (closed), or "try" them all the same. Those on trial get `probe_percent` of
    requests. One with more than `failures_percent_max` of at least `calls_min` calls comes last.
    """

    when_all_unhealthy: Literal["refuse", "try"] = "refuse"
    probe_percent: int = 10
    failures_percent_max: int = 50
    calls_min: int = 20


@attrs.frozen
class Policy:
    """Everything that decides, beside the request and what is known of the candidates.

    `share_by`: "customer" keeps each customer on one side, "request" deals anew, or an attribute's name.
    `salt` seeds every chance (default: the name), so that a changed policy deals alike. `unknown_country`:
    whether a connection that sells in some countries only may take a request from nobody knows where.
    `require_price`: only connections that have a price of the offer already.
    """

    name: str = "default"
    salt: str = ""
    attributes: Mapping[str, Attribute] = attrs.Factory(dict)
    connections: Mapping[str, Terms] = attrs.Factory(dict)
    rules: tuple[Rule, ...] = ()
    share: Mapping[str, int] = attrs.Factory(dict)
    share_by: str = CUSTOMER
    guardrail: Guardrail = Guardrail()
    stickiness: Stickiness = Stickiness()
    sameness: Sameness = Sameness()
    score: Scoring = Scoring()
    health: HealthPolicy = HealthPolicy()
    unknown_country: Literal["refuse", "allow"] = "refuse"
    require_price: bool = False

    @property
    def hash(self) -> str:
        """Identifies the policy by its content."""
        return content_hash(_essence(self))

    def encode(self) -> bytes:
        """Canonical JSON of what differs from the defaults, as it is kept beside the decisions."""
        return canonical(_essence(self))


def _essence(value: object) -> object:
    """The value without its defaults: a setting that is added later changes no known hash."""
    kind = type(value)
    if attrs.has(kind):
        parts = ((field, getattr(value, field.name)) for field in attrs.fields(kind))
        return {field.name: _essence(part) for field, part in parts if part != _default(field)}
    if isinstance(value, Mapping):
        return {name: _essence(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return [_essence(part) for part in value]
    return value


def _default(field: attrs.Attribute[Any]) -> object:
    default: Any = field.default
    return {} if default == attrs.Factory(dict) else default


EMPTY = Policy().encode()


def decode_policy(data: bytes) -> Policy:
    """A stored policy. Raises msgspec.ValidationError on anything else."""
    return msgspec.json.decode(data, type=Policy)
