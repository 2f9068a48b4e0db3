"""The fact: one absolute statement about one object at one instant, with a key of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar, cast

import msgspec
from msgspec.structs import replace

from purchase_core.canonical import content_hash
from purchase_core.facts.bodies import (
    KIND_OF,
    KINDS,
    AttemptMade,
    Body,
    CaseDecided,
    CreditsGranted,
    DisputeSeen,
    IntentPlaced,
    InvoiceLine,
    InvoiceSeen,
    Item,
    RefundAsked,
    RefundSeen,
    SessionSeen,
    SubscriptionSeen,
)
from purchase_core.instants import Instant
from purchase_core.values import Value

P = TypeVar("P", Item, InvoiceLine)

OWN = "own"  # the connection of what we decided ourselves


def object_key(kind: str, connection: str, identifier: str) -> str:
    """`kind:connection:id`, the key of an object everywhere. Connection names hold no colon."""
    return f"{kind}:{connection}:{identifier}"


class Fact(Value, frozen=True):
    """Object `object` looked like `body` at `order`.

    `order` is the provider's own time of the state shown, not of the delivery. `final` says that the
    provider never leaves this state (the adapter's whitelist). `digest` identifies what was seen; it
    leaves out the offer versions, which we add when we record.
    """

    object: str
    order: Instant
    body: Body
    digest: str
    final: bool = False

    @property
    def kind(self) -> str:
        """The kind of object, as KINDS names it."""
        return KIND_OF[type(self.body)]

    @property
    def connection(self) -> str:
        """The connection it was seen on; `own` for our own decisions."""
        return self.object.split(":", 2)[1]

    @property
    def key(self) -> str:
        """Unique: the same object in the same state at the same instant, with as much of it mapped."""
        return f"{self.object}@{self.order}#{self.digest}.{mapped(self.body)}"


class RecordedFact(Value, frozen=True):
    """A fact as it lies in the log. `cause` is the inbox row or command that brought it."""

    fact: Fact
    lane: str
    recorded_at: Instant
    cause: str


def seen(connection: str, order: Instant, body: Body, *, final: bool = False) -> Fact:
    """A fact about an object at a provider."""
    return Fact(object_key(KIND_OF[type(body)], connection, body.id), order, body, content_hash(body), final)


def decided(
    order: Instant, body: IntentPlaced | AttemptMade | RefundAsked | CaseDecided | CreditsGranted
) -> Fact:
    """A fact about one of our own objects."""
    return seen(OWN, order, body)


def mapped(body: Body) -> int:
    """How many of its lines are mapped to offer versions: a later recording may know more of them."""
    if isinstance(body, SubscriptionSeen):
        return sum(1 for item in (*body.items, *body.next_items) if item.version)
    if isinstance(body, InvoiceSeen):
        return sum(1 for line in body.lines if line.version)
    return 0


def digest_of(body: Body) -> str:
    """The digest of a body, mapped or not: offer versions are ours, and no part of it."""
    if isinstance(body, InvoiceSeen):
        return content_hash(replace(body, lines=_unmapped(body.lines)))
    if isinstance(body, SubscriptionSeen):
        items, later = _unmapped(body.items), _unmapped(body.next_items)
        return content_hash(replace(body, items=items, next_items=later))
    return content_hash(body)


def _unmapped(parts: Iterable[P]) -> tuple[P, ...]:
    # A tuple, as the default is one: an empty list would not be left out of what is hashed.
    return tuple([replace(one, version="") if one.version else one for one in parts])


def names(fact: Fact) -> tuple[str, ...]:
    """The other objects that a fact names. Objects that name each other form one cluster.

    Renewal invoices do not name their subscription here, but the periods that they are for: bills of one
    period stand together, and a cluster stays small however long a subscription lives.
    """
    named = _NAMED_BY.get(type(fact.body))
    return named(fact, fact.body) if named else ()


def _named_by_attempt(_: Fact, made: AttemptMade) -> tuple[str, ...]:
    intent = intent_key(made.intent)
    return (intent, object_key("session", made.connection, made.session)) if made.session else (intent,)


def _named_by_request(_: Fact, asked: RefundAsked) -> tuple[str, ...]:
    return (object_key("invoice", asked.connection, asked.invoice),)


def _named_by_decision(_: Fact, case: CaseDecided) -> tuple[str, ...]:
    return (case.about,)


def _named_by_session(fact: Fact, session: SessionSeen) -> tuple[str, ...]:
    found = [intent_key(session.intent)] if session.intent else []
    if session.subscription:
        found.append(object_key("subscription", fact.connection, session.subscription))
    if session.invoice:
        found.append(object_key("invoice", fact.connection, session.invoice))
    return tuple(found)


def _named_by_subscription(_: Fact, subscription: SubscriptionSeen) -> tuple[str, ...]:
    return (intent_key(subscription.intent),) if subscription.intent else ()


def _named_by_invoice(fact: Fact, invoice: InvoiceSeen) -> tuple[str, ...]:
    if invoice.reason != "first":
        return _periods(fact, invoice)
    found = [intent_key(invoice.intent)] if invoice.intent else []
    if invoice.subscription:
        found.append(object_key("subscription", fact.connection, invoice.subscription))
    return (*found, *_periods(fact, invoice))


def _named_by_refund(fact: Fact, refund: RefundSeen) -> tuple[str, ...]:
    invoice = object_key("invoice", fact.connection, refund.invoice)
    return (invoice, object_key("refund_request", OWN, refund.command)) if refund.command else (invoice,)


def _named_by_dispute(fact: Fact, dispute: DisputeSeen) -> tuple[str, ...]:
    return (object_key("invoice", fact.connection, dispute.invoice),)


def _periods(fact: Fact, invoice: InvoiceSeen) -> tuple[str, ...]:
    """The periods of a subscription that a bill is for, as objects of their own."""
    if not invoice.subscription:
        return ()
    starts = [line.period_start for line in invoice.lines if not line.proration]
    of = f"period:{fact.connection}:{invoice.subscription}"
    return tuple([f"{of}:{start}" for start in dict.fromkeys(starts) if start is not None])


def intent_key(intent: str) -> str:
    """The object key of one of our checkout intents."""
    return f"intent:{OWN}:{intent}"


_NAMED_BY = cast(
    "Mapping[type[Body], Callable[[Fact, Body], tuple[str, ...]]]",
    {
        AttemptMade: _named_by_attempt,
        RefundAsked: _named_by_request,
        CaseDecided: _named_by_decision,
        SessionSeen: _named_by_session,
        SubscriptionSeen: _named_by_subscription,
        InvoiceSeen: _named_by_invoice,
        RefundSeen: _named_by_refund,
        DisputeSeen: _named_by_dispute,
    },
)


def encode_body(body: Body) -> bytes:
    """JSON of a body, as the fact log stores it."""
    return msgspec.json.encode(body)


def decode_body(kind: str, data: bytes | str) -> Body:
    """The body of a stored fact of this kind. Raises msgspec.ValidationError on anything else."""
    return _DECODE[kind](data)


_DECODE: Mapping[str, Callable[[bytes | str], Body]] = {
    kind: msgspec.json.Decoder(body).decode for kind, body in KINDS.items()
}
