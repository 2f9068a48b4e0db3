"""What the sandbox's documents mean, as facts. Pure: nothing is asked of anybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias, cast

from purchase_core.errors import InvalidArgument, MalformedBody
from purchase_core.facts.bodies import (
    Body,
    DisputeSeen,
    InvoiceLine,
    InvoiceSeen,
    Item,
    RefundSeen,
    SessionSeen,
    SubscriptionSeen,
)
from purchase_core.facts.fact import Fact, seen
from purchase_core.identifiers import ID_CHARACTERS_MAX
from purchase_core.instants import Instant
from purchase_core.ports.provider import Connection, CustomerClaim, Normalised, OurReference, reading
from purchase_core.text import identifier

from . import documents

Readable: TypeAlias = (
    documents.Session | documents.Subscription | documents.Invoice | documents.Refund | documents.Dispute
)

DOCUMENTS: Mapping[str, type[Readable]] = MappingProxyType(
    {
        "session": documents.Session,
        "subscription": documents.Subscription,
        "invoice": documents.Invoice,
        "refund": documents.Refund,
        "dispute": documents.Dispute,
    }
)
"""The kinds of objects that facts are made of."""

KIND_OF_OBJECT: Mapping[str, str] = MappingProxyType({"checkout.session": "session"})
"""The sandbox's word for a kind of object, where ours is another."""

KIND_OF_TYPE: Mapping[str, str] = MappingProxyType(
    {
        "checkout.session.created": "session",
        "checkout.session.completed": "session",
        "checkout.session.expired": "session",
        "checkout.session.payment_failed": "session",
        "subscription.created": "subscription",
        "subscription.updated": "subscription",
        "subscription.renewed": "subscription",
        "subscription.paused": "subscription",
        "subscription.resumed": "subscription",
        "subscription.canceled": "subscription",
        "invoice.paid": "invoice",
        "invoice.payment_failed": "invoice",
        "invoice.voided": "invoice",
        "invoice.marked_uncollectible": "invoice",
        "refund.created": "refund",
        "refund.updated": "refund",
        "dispute.created": "dispute",
        "dispute.updated": "dispute",
    }
)
"""The types of events that mean something here, and what each is about."""

FINAL = frozenset({("session", "expired"), ("subscription", "canceled"), ("invoice", "void")})
"""States that the sandbox never takes back."""

PAYMENT = {"no_payment_required": "none_due"}
REASON = {
    "purchase": "first",
    "subscription_create": "first",
    "subscription_cycle": "renewal",
    "subscription_update": "change",
}


def normalised(kind: str, payload: object, order: Instant, connection: Connection) -> Normalised:
    """What a document of a kind means that showed its state at `order`. Raises MalformedBody."""
    document = reading.convert(payload, DOCUMENTS[kind])
    ours = _reference(document, connection)
    customer = getattr(document, "customer", None)  # refunds and disputes name none
    claims = (CustomerClaim(customer, ours.customer),) if ours.customer and customer else ()
    return Normalised((fact(kind, document, order, connection),), claims)


def fact(kind: str, document: Readable, order: Instant, connection: Connection) -> Fact:
    """The fact that a document shows. Raises MalformedBody if our own reference in it cannot be ours."""
    if KIND_OF_OBJECT.get(document.object, document.object) != kind:
        raise MalformedBody(f"not a {kind}, but another kind of object")
    body = _BODIES[type(document)](document, _reference(document, connection))
    return seen(connection.name, order, body, final=(kind, document.status) in FINAL)


def _reference(document: Readable, connection: Connection) -> OurReference:
    """Our reference in the metadata. Whoever wrote it, it must be something that can be stored."""
    ours = OurReference.read(document.metadata, connection)
    for text in (ours.intent, ours.attempt, ours.customer, ours.version, ours.command):
        try:
            if text:
                identifier("our reference", text, characters_max=ID_CHARACTERS_MAX)
        except InvalidArgument:
            raise MalformedBody("the metadata has our names, and values that are not ours") from None
    return ours


def _session(document: documents.Session, ours: OurReference) -> SessionSeen:
    return SessionSeen(
        id=document.id,
        status=document.status,
        payment=PAYMENT.get(document.payment_status, document.payment_status),
        customer=document.customer or "",
        intent=ours.intent,
        subscription=document.subscription or "",
        invoice=document.invoice or "",
    )


def _subscription(document: documents.Subscription, ours: OurReference) -> SubscriptionSeen:
    return SubscriptionSeen(
        id=document.id,
        status=document.status,
        customer=document.customer,
        items=_items(document.items),
        period_start=Instant(document.period_start),
        period_end=Instant(document.period_end),
        started_at=Instant(document.started_at),
        trial_end=_instant(document.trial_end),
        cancel_at=_instant(document.cancel_at),
        ended_at=_instant(document.ended_at),
        intent=ours.intent,
        resumes_at=_instant(document.resumes_at),
        collecting=document.collecting,
        next_items=_items(document.next_items),
        next_items_at=_instant(document.next_items_at),
    )


def _items(items: Sequence[documents.Item]) -> tuple[Item, ...]:
    return tuple(Item(one.price, one.quantity, one.unit_amount, one.currency) for one in items)


def _invoice(document: documents.Invoice, ours: OurReference) -> InvoiceSeen:
    return InvoiceSeen(
        id=document.id,
        status=document.status,
        reason=REASON.get(document.billing_reason, document.billing_reason),
        customer=document.customer,
        currency=document.currency,
        total=document.total,
        paid=document.amount_paid,
        lines=tuple(_line(one) for one in document.lines),
        paid_at=_instant(document.paid_at),
        subscription=document.subscription or "",
        intent=ours.intent,
        due_at=_instant(document.due_at),
        action=document.action or "",
    )


def _line(line: documents.Line) -> InvoiceLine:
    return InvoiceLine(
        price=line.price,
        quantity=line.quantity,
        unit_amount=line.unit_amount,
        amount=line.amount,
        currency=line.currency,
        period_start=_instant(line.period_start),
        period_end=_instant(line.period_end),
        proration=line.proration,
        trial=line.trial,
    )


def _refund(document: documents.Refund, ours: OurReference) -> RefundSeen:
    return RefundSeen(
        document.id, document.invoice, document.amount, document.currency, document.status, ours.command
    )


def _dispute(document: documents.Dispute, ours: OurReference) -> DisputeSeen:
    return DisputeSeen(document.id, document.invoice, document.amount, document.currency, document.status)


_BODIES = cast(
    "Mapping[type[Readable], Callable[[Readable, OurReference], Body]]",
    {
        documents.Session: _session,
        documents.Subscription: _subscription,
        documents.Invoice: _invoice,
        documents.Refund: _refund,
        documents.Dispute: _dispute,
    },
)


def _instant(value: int | None) -> Instant | None:
    return None if value is None else Instant(value)
