"""Placing: to which lane a fact belongs. Stored references first; what metadata claims comes last.

An intent, and what we give, belongs to its customer. Any other fact goes to the lane that its own object,
or an object it names, is already in; else to where its agreement is; else to the customer that the
provider's customer is linked to; else to a customer of ours that the metadata claims and that we know; else
it waits in the lane of its agreement, its *home*. A claim never moves an object from one customer to another.
What names an agreement goes where the agreement does, whoever has paid it: one may pay for another.

The home is linked to the owner with the first fact that has one. So renewals, which name nothing, find
their way without a customer link; and two changes that see an agreement for the first time at once both
step its home, so that they cannot put it in two places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from purchase_core.facts.bodies import (
    AttemptMade,
    CaseDecided,
    CreditsGranted,
    DisputeSeen,
    IntentPlaced,
    InvoiceLine,
    InvoiceSeen,
    Item,
    RefundAsked,
    RefundSeen,
    SubscriptionSeen,
)
from purchase_core.facts.cluster import Cluster
from purchase_core.facts.fact import OWN, Fact, names, object_key
from purchase_core.ports.provider import CustomerClaim
from purchase_core.ports.store import Question, View
from purchase_core.records.lane import Lane, customer_lane, customer_of, guest_lane, is_guests, object_lane
from purchase_core.values import Value

GUARDS = object_lane("customer:")  # lanes that only guard the link of a provider's customer


WAITING = "waiting"


class Places(Value, frozen=True):
    """Which lane everything is in: as the view has it, and as the change at hand has moved it since."""

    view: View
    objects: dict[str, str] = msgspec.field(default_factory=dict)
    links: dict[str, str] = msgspec.field(default_factory=dict)

    def of(self, key: str) -> str:
        """The lane that an object is in, or ""."""
        lane = self.objects.get(key)
        if not lane:
            reference = self.view.references.get(key)
            lane = reference.lane if reference else ""
        return self.owner(lane) if lane else ""

    def owner(self, lane: str) -> str:
        """The lane that this one is linked to, or itself."""
        known = self.view.lanes.get(lane)
        lane = (known.linked_to if known else "") or lane
        return self.links.get(lane, lane)


class Placement(Value, frozen=True):
    """Where a fact goes. `joined`: lanes that nobody owns and that it ties to this one."""

    lane: str
    joined: tuple[str, ...] = ()


def question(facts: Sequence[Fact], claims: Sequence[CustomerClaim], lanes: Sequence[str] = ()) -> Question:
    """What must be read before these facts can be placed and applied."""
    objects: dict[str, None] = {}
    prices: dict[tuple[str, str], None] = {}
    wanted = dict.fromkeys([*lanes, *(customer_lane(claim.customer) for claim in claims)])
    for fact in facts:
        objects.update(dict.fromkeys((fact.object, *names(fact))))
        wanted[home(fact)] = None
        if customer := provider_customer(fact):
            objects[customer] = wanted[object_lane(customer)] = None
        prices.update(dict.fromkeys((fact.connection, line.price) for line in priced(fact)))
    return Question(tuple(objects), tuple(prices), tuple(wanted))


def widened(asked: Question, view: View) -> Question:
    """The question, and what its answer shows to be wanted too; itself where that is nothing more.

    A lane that nobody owns may be about to find its owner: then all of it moves, and what is linked to it.
    """
    unowned = [one.lane for one in view.lanes.values() if may_move(one)]
    behind = [
        lane for one in view.clusters.values() if one.lane in asked.whole_lanes for lane in _lanes_behind(one)
    ]
    if {*unowned} <= {*asked.whole_lanes} and {*behind} <= {*asked.lanes}:
        return asked
    return replace(
        asked,
        lanes=tuple(dict.fromkeys([*asked.lanes, *behind])),
        whole_lanes=tuple(dict.fromkeys([*asked.whole_lanes, *unowned])),
    )


def may_move(lane: Lane) -> bool:
    """Whether nobody owns what is in a lane."""
    return not (customer_of(lane.lane) or lane.linked_to or lane.lane.startswith(GUARDS))


def _lanes_behind(cluster: Cluster) -> Iterator[str]:
    """Every lane that facts of an unowned cluster may lie in."""
    yield from map(object_lane, cluster.members())
    for one in cluster.registers.values():
        if subscription := getattr(one.newest.body, "subscription", ""):
            yield object_lane(object_key("subscription", one.object.split(":", 2)[1], subscription))


def provider_customer(fact: Fact) -> str:
    """Object key of the provider's customer that a fact names, or ""."""
    customer = getattr(fact.body, "customer", "")
    return object_key("customer", fact.connection, customer) if customer and fact.connection != OWN else ""


def follows_agreement(fact: Fact) -> bool:
    """Whether a fact is of a subscription that it only names: then who pays it does not tell whose it is."""
    return not isinstance(fact.body, SubscriptionSeen) and bool(getattr(fact.body, "subscription", ""))


def waiting_key(connection: str, lane: str) -> str:
    """Object key of the reference by which a provider's customer knows a lane that waits for its owner."""
    return object_key(WAITING, connection, lane)


def priced(fact: Fact) -> tuple[Item | InvoiceLine, ...]:
    """What in a fact has a price at the provider."""
    body = fact.body
    if isinstance(body, SubscriptionSeen):
        return (*body.items, *body.next_items)
    return body.lines if isinstance(body, InvoiceSeen) else ()


def home(fact: Fact) -> str:
    """The lane in which a fact waits while nobody owns it.

    Everything about one subscription waits together, else everything about one invoice.
    """
    body, connection = fact.body, fact.connection
    if isinstance(body, IntentPlaced):
        return customer_lane(body.customer) if body.customer else guest_lane(fact.object)
    if isinstance(body, CreditsGranted):
        return customer_lane(body.customer)
    if isinstance(body, AttemptMade):
        return object_lane(
            object_key("session", body.connection, body.session) if body.session else fact.object
        )
    if isinstance(body, RefundAsked):
        return object_lane(object_key("invoice", body.connection, body.invoice))
    if isinstance(body, CaseDecided):
        return object_lane(body.about)
    for kind in ("subscription", "invoice"):
        if named := getattr(body, kind, ""):
            return object_lane(object_key(kind, connection, named))
    return object_lane(fact.object)


def place(fact: Fact, places: Places, claims: Sequence[CustomerClaim]) -> Placement:
    """The lane of a fact."""
    lanes = [lane for key in (fact.object, *names(fact)) if (lane := places.of(key))]
    lanes.append(places.owner(home(fact)))
    if isinstance(fact.body, IntentPlaced | CreditsGranted):
        lane = places.owner(home(fact))
    else:
        # The object's own customer; where it has none, the first one named. What a guest bought stays the
        # guest's, whoever the provider's customer is linked to.
        owned = next((one for one in lanes if customer_of(one)), "")
        guests = next((one for one in lanes if is_guests(one)), "")
        linked = "" if follows_agreement(fact) else _linked(fact, places)
        lane = owned or guests or linked or _claimed(fact, places, claims) or lanes[0]
    unowned = dict.fromkeys([one for one in lanes if one != lane and not customer_of(one)])
    return Placement(lane, tuple(unowned))


def is_ours(fact: Fact, places: Places, claims: Sequence[CustomerClaim]) -> bool:
    """Whether a fact concerns us at all; other applications and people may use the same account.

    Ours is what carries our reference, is or names something we know, or has a price we made.
    """
    if fact.connection == OWN or claims or bool(getattr(fact.body, "intent", "")):
        return True
    keys = (fact.object, *names(fact), provider_customer(fact))
    if any(places.of(key) for key in keys if key):
        return True
    if (lane := home(fact)) in places.view.lanes or lane in places.links:
        return True
    return any((fact.connection, line.price) in places.view.prices for line in priced(fact))


def unknown_invoice(fact: Fact, places: Places) -> str:
    """Id of the invoice that a refund or dispute is of, if it must be fetched to tell whose it is."""
    if not isinstance(fact.body, RefundSeen | DisputeSeen):
        return ""
    return "" if any(places.of(key) for key in (fact.object, *names(fact))) else fact.body.invoice


def _linked(fact: Fact, places: Places) -> str:
    customer = provider_customer(fact)
    lane = places.of(customer) if customer else ""
    return lane if customer_of(lane) else ""  # a customer that several of ours share has no owner


def _claimed(fact: Fact, places: Places, claims: Sequence[CustomerClaim]) -> str:
    named = getattr(fact.body, "customer", "")
    for claim in claims:
        lane = customer_lane(claim.customer)
        if claim.provider_customer in ("", named) and lane in places.view.lanes:
            return places.owner(lane)
    return ""
