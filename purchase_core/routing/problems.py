"""What cannot be meant in a policy: rules that never match, shares that do not add up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from purchase_core.catalog.versions import OfferVersion
from purchase_core.currencies import DECIMALS
from purchase_core.errors import PolicyInvalid
from purchase_core.ports.provider import Capabilities, Capability
from purchase_core.ports.router import Attribute
from purchase_core.routing.attributes import BUILT_IN, TEXT
from purchase_core.routing.conditions import Condition, NoneOf, OneOf
from purchase_core.routing.policy import CUSTOMER, PERCENT, REQUEST, RULES_MAX, Policy, Rule
from purchase_core.routing.regions import Region, is_empty, left_over, region

SEGMENTS = ("country", "currency", "offer", "product", "channel")
COUNTRY_LETTERS = 2


def problems(policy: Policy) -> list[str]:
    """Every problem that the policy has by itself, whatever is sold and wherever."""
    known = {**BUILT_IN, **policy.attributes}
    return [
        *_named_twice(policy.rules),
        *_numbers(policy),
        *_terms(policy),
        *_share("the policy", policy.share, ()),
        *(found for rule in policy.rules for found in _actions(rule)),
        *_reach(policy.rules, known),
        *_chosen_names(policy, known),
    ]


def check_against(
    policy: Policy, offers: Mapping[str, OfferVersion], connections: Mapping[str, Capabilities]
) -> None:
    """Raise PolicyInvalid with what does not fit this catalog and these connections."""
    found = [
        *_strangers(policy, connections),
        *_unknown_values(policy, offers),
        *_unsold(policy, offers, connections),
    ]
    if found:
        raise PolicyInvalid(found)


# --- by itself -----------------------------------------------------------------------------------


def _named_twice(rules: Iterable[Rule]) -> Iterator[str]:
    names: set[str] = set()
    for count, rule in enumerate(rules, 1):
        if rule.name in names:
            yield f"two rules are named {rule.name!r}"
        names.add(rule.name)
        if count == RULES_MAX + 1:
            yield f"there are more than {RULES_MAX} rules"


def _numbers(policy: Policy) -> Iterator[str]:
    score, health, guard = policy.score, policy.health, policy.guardrail
    percents = {
        "score.explore_percent": score.explore_percent,
        "health.probe_percent": health.probe_percent,
        "health.failures_percent_max": health.failures_percent_max,
        "guardrail.success_percent_min": guard.success_percent_min,
    }
    for name, percent in percents.items():
        if not 0 <= percent <= PERCENT:
            yield f"{name} must be from 0 to {PERCENT}"
    positive = {
        "score.evidence_min": score.evidence_min,
        "score.window_days": score.window_days,
        "score.horizon_hours": score.horizon_hours,
        "health.calls_min": health.calls_min,
        "guardrail.evidence_min": guard.evidence_min,
    }
    for name, number in positive.items():
        if number < 1:
            yield f"{name} must be at least 1"
    for name, weight in {"success": score.success, "cost": score.cost, "latency": score.latency}.items():
        if not 0 <= weight <= PERCENT**3:
            yield f"score.{name} must be a weight, 0 or more"
    if not -(PERCENT**3) <= score.plugins <= PERCENT**3:
        yield "score.plugins must be a weight"


def _terms(policy: Policy) -> Iterator[str]:
    for name, terms in policy.connections.items():
        for currency in terms.currencies or ():
            if currency not in DECIMALS:
                yield f"connection {name!r} sells in {currency!r}, which is no currency"
        for country in terms.countries or ():
            if not _is_country(country):
                yield f"connection {name!r} sells in {country!r}, which is no country (two capital letters)"
        for cost in terms.costs:
            if cost.currency and cost.currency not in DECIMALS:
                yield f"connection {name!r} has a cost in {cost.currency!r}, which is no currency"
            if cost.basis_points < 0 or cost.fixed < 0:
                yield f"connection {name!r} has a cost below 0"


def _share(who: str, share: Mapping[str, int], only: tuple[str, ...]) -> Iterator[str]:
    if not share:
        return
    if any(percent < 0 for percent in share.values()):
        yield f"{who} has a share below 0"
    if sum(share.values()) != PERCENT:
        yield f"the shares of {who} add up to {sum(share.values())}, not to {PERCENT}"
    for name in share if only else ():
        if name not in only:
            yield f"{who} gives a share to {name!r}, which it leaves out"


def _actions(rule: Rule) -> Iterator[str]:
    who = f"rule {rule.name!r}"
    yield from _share(who, rule.share, rule.only)
    for name in sorted({*rule.only, *rule.prefer, *rule.share} & set(rule.exclude)):
        yield f"{who} both names and excludes {name!r}"
    for name in rule.prefer if rule.only else ():
        if name not in rule.only:
            yield f"{who} prefers {name!r}, which it leaves out"


def _reach(rules: tuple[Rule, ...], known: Mapping[str, Attribute]) -> Iterator[str]:
    """Rules that can never match, and rules whose every request another one takes first."""
    earlier: list[tuple[str, Region]] = []
    for rule in rules:
        mine = region(rule.when, known)
        if is_empty(mine):
            yield f"rule {rule.name!r} can never match: {_why_empty(rule.when, known)}"
            continue
        if not left_over(mine, [one for _, one in earlier], known):
            by = [name for name, one in earlier if not left_over(mine, [one], known)]
            shadow = repr(by[0]) if by else "those before it together"
            yield f"rule {rule.name!r} is shadowed by {shadow}"
        earlier.append((rule.name, mine))


def _why_empty(when: Mapping[str, Condition], known: Mapping[str, Attribute]) -> str:
    empty = [name for name, condition in when.items() if is_empty(region({name: condition}, known))]
    return f"nothing meets its condition on {', '.join(empty)}"


def _chosen_names(policy: Policy, known: Mapping[str, Attribute]) -> Iterator[str]:
    if policy.share_by not in (CUSTOMER, REQUEST) and policy.share_by not in known:
        yield f"share_by names {policy.share_by!r}, which is neither customer, request, nor an attribute"
    for name in policy.score.segment:
        if name not in SEGMENTS:
            yield f"score.segment names {name!r}; there are {', '.join(SEGMENTS)}"
    for rule in policy.rules:
        for country in _texts(rule.when.get("country")):
            if country and not _is_country(country):
                yield f"rule {rule.name!r} names country {country!r}: not two capital letters"
        for name, condition in rule.when.items():
            values = known[name].values
            for text in _texts(condition) if values and known[name].kind == TEXT else ():
                if text not in values:
                    yield f"rule {rule.name!r}: {name} is never {text!r}, but {' or '.join(values)}"


def _texts(condition: Condition | None) -> tuple[str, ...]:
    return condition.values if isinstance(condition, OneOf | NoneOf) else ()


def _is_country(text: str) -> bool:
    return len(text) == COUNTRY_LETTERS and text.isascii() and text.isalpha() and text.isupper()


# --- against what is sold, and where -------------------------------------------------------------


def _strangers(policy: Policy, connections: Mapping[str, Capabilities]) -> Iterator[str]:
    named: dict[str, str] = {name: f"[connections.{name}]" for name in policy.connections}
    named |= {name: "the policy's share" for name in policy.share if name not in named}
    for rule in policy.rules:
        for name in (*rule.only, *rule.exclude, *rule.prefer, *rule.share):
            named.setdefault(name, f"rule {rule.name!r}")
    there = ", ".join(sorted(connections)) or "none"
    for name, where in named.items():
        if name not in connections:
            yield f"{where} names {name!r}, which is not configured; there are {there}"


def _unknown_values(policy: Policy, offers: Mapping[str, OfferVersion]) -> Iterator[str]:
    currencies = {price.currency for version in offers.values() for price in version.prices}
    for rule in policy.rules:
        for offer in _texts(rule.when.get("offer")):
            if offer not in offers:
                yield f"rule {rule.name!r} names offer {offer!r}, which is not sold"
        for currency in _texts(rule.when.get("currency")):
            if currency not in currencies:
                yield f"rule {rule.name!r} names {currency!r}, in which nothing is sold"


def _unsold(
    policy: Policy, offers: Mapping[str, OfferVersion], connections: Mapping[str, Capabilities]
) -> Iterator[str]:
    """Connections that a rule sends an offer to although they cannot take it, whatever else is asked."""
    for rule in policy.rules:
        condition = rule.when.get("offer")
        named = [offer for offer in _texts(condition) if isinstance(condition, OneOf) and offer in offers]
        dealt = (name for name, percent in rule.share.items() if percent)
        chosen = [name for name in dict.fromkeys((*rule.only, *rule.prefer, *dealt)) if name in connections]
        for offer, name in product(named, chosen):
            missing = _missing(offers[offer], connections[name])
            if missing:
                yield f"rule {rule.name!r} sends {offer!r} to {name!r}, which {missing}"


def _missing(version: OfferVersion, capabilities: Capabilities) -> str:
    needs = needs_of(version)
    lacking = [need.value for need in needs if need not in capabilities]
    if lacking:
        return f"has no {', '.join(lacking)}"
    sold = [price.currency for price in version.prices]
    if capabilities.currencies is not None and not capabilities.currencies.intersection(sold):
        return f"does not sell in {', '.join(sold)}"
    return ""


def needs_of(version: OfferVersion, quantity: int = 1, *, trial: bool = True) -> tuple[Capability, ...]:
    """What a connection must be able to do to sell an offer; without its trial, if the customer gets none."""
    subscribes = version.product == "subscription"
    needs = [Capability.SUBSCRIPTION_CHECKOUT if subscribes else Capability.ONE_TIME_CHECKOUT]
    if version.trial_days and trial:
        needs.append(Capability.TRIAL)
        if not version.trial_card:
            needs.append(Capability.TRIAL_WITHOUT_CARD)
    if version.countries:
        needs.append(Capability.COUNTRY_OVERRIDES)
    if quantity > 1:
        needs.append(Capability.QUANTITY)
    return tuple(needs)
