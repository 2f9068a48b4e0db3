"""Placing: to which lane a fact belongs. Stored references first; what metadata claims comes last.

A fact goes to the lane that its own object, or an object it names, is already in; else to the customer
that the provider's customer is linked to; else to a customer of ours that the metadata claims and that we
know; else it waits in a lane of its own. A claim never moves an object from one customer to another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from purchase_core.facts.bodies import (
    DisputeSeen,
    InvoiceLine,
    InvoiceSeen,
    Item,
    RefundSeen,
    SubscriptionSeen,
)
from purchase_core.facts.fact import OWN, Fact, names, object_key
from purchase_core.ports.provider import CustomerClaim
from purchase_core.ports.store import Question, View
from purchase_core.records.lane import customer_lane, customer_of, object_lane


@attrs.frozen
class Placement:
    """Where a fact goes. `joined`: lanes of unowned objects that it ties to this one."""

    lane: str
    joined: tuple[str, ...] = ()


def question(facts: Sequence[Fact], claims: Sequence[CustomerClaim], lanes: Sequence[str] = ()) -> Question:
    """What must be read before these facts can be placed and applied."""
    objects: dict[str, None] = {}
    prices: dict[tuple[str, str], None] = {}
    for fact in facts:
        objects.update(dict.fromkeys((fact.object, *names(fact))))
        if customer := provider_customer(fact):
            objects[customer] = None
        prices.update(dict.fromkeys((fact.connection, line.price) for line in priced(fact)))
    wanted = dict.fromkeys([*lanes, *(customer_lane(claim.customer) for claim in claims)])
    return Question(tuple(objects), tuple(prices), tuple(wanted))


def provider_customer(fact: Fact) -> str:
    """Object key of the provider's customer that a fact names, or ""."""
    customer = getattr(fact.body, "customer", "")
    return object_key("customer", fact.connection, customer) if customer and fact.connection != OWN else ""


def priced(fact: Fact) -> tuple[Item | InvoiceLine, ...]:
    """What in a fact has a price at the provider."""
    body = fact.body
    if isinstance(body, SubscriptionSeen):
        return body.items
    return body.lines if isinstance(body, InvoiceSeen) else ()


def place(fact: Fact, view: View, claims: Sequence[CustomerClaim], placed: Mapping[str, str]) -> Placement:
    """The lane of a fact. `placed` holds objects that earlier facts of the same change have placed."""
    lanes = [lane for key in (fact.object, *names(fact)) if (lane := _lane_of(key, view, placed))]
    owned = [lane for lane in lanes if customer_of(lane)]
    if owned:
        lane = owned[0]  # the object's own customer; where it has none, the first one named
    else:
        lane = _linked(fact, view, placed) or _claimed(fact, view, claims) or _unowned(fact, lanes)
    unowned = dict.fromkeys(one for one in lanes if not customer_of(one) and one != lane)
    return Placement(lane, tuple(unowned))


def is_ours(fact: Fact, view: View, claims: Sequence[CustomerClaim], placed: Mapping[str, str]) -> bool:
    """Whether a fact concerns us at all; other applications and people may use the same account.

    Ours is what carries our reference, is or names something we know, or has a price we made.
    """
    if fact.connection == OWN or claims or bool(getattr(fact.body, "intent", "")):
        return True
    keys = (fact.object, *names(fact), provider_customer(fact))
    if any(_lane_of(key, view, placed) for key in keys if key):
        return True
    return any((fact.connection, line.price) in view.prices for line in priced(fact))


def unknown_invoice(fact: Fact, view: View, placed: Mapping[str, str]) -> str:
    """Id of the invoice that a refund or dispute is of, if it must be fetched to tell whose it is."""
    if not isinstance(fact.body, RefundSeen | DisputeSeen):
        return ""
    keys = (fact.object, *names(fact))
    return "" if any(_lane_of(key, view, placed) for key in keys) else fact.body.invoice


def _lane_of(key: str, view: View, placed: Mapping[str, str]) -> str:
    if key in placed:
        return placed[key]
    reference = view.references.get(key)
    if reference is None:
        return ""
    lane = view.lanes.get(reference.lane)
    return lane.linked_to or lane.lane if lane else reference.lane


def _linked(fact: Fact, view: View, placed: Mapping[str, str]) -> str:
    customer = provider_customer(fact)
    return _lane_of(customer, view, placed) if customer else ""


def _claimed(fact: Fact, view: View, claims: Sequence[CustomerClaim]) -> str:
    named = getattr(fact.body, "customer", "")
    for claim in claims:
        lane = customer_lane(claim.customer)
        if claim.provider_customer in ("", named) and lane in view.lanes:
            return lane
    return ""


def _unowned(fact: Fact, lanes: Sequence[str]) -> str:
    if lanes:
        return lanes[0]
    # Everything about one subscription waits together, else everything about one invoice.
    body, connection = fact.body, fact.connection
    if subscription := getattr(body, "subscription", ""):
        return object_lane(object_key("subscription", connection, subscription))
    if invoice := getattr(body, "invoice", ""):
        return object_lane(object_key("invoice", connection, invoice))
    return object_lane(fact.object)
