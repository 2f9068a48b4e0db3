"""What the simulated provider's documents mean, as facts: pure, as in every adapter."""

from __future__ import annotations

from purchase_core.errors import MalformedBody
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
from purchase_core.instants import Instant
from purchase_core.ports.provider import Connection, CustomerClaim, Need, Normalised, OurReference
from purchase_core.testing.simulation.provider.dialect import Dialect
from purchase_core.testing.simulation.provider.objects import (
    Bare,
    Dispute,
    Document,
    Invoice,
    Line,
    Refund,
    Session,
    Subscription,
    Told,
)

ENDS = {Session: ("expired",), Subscription: ("canceled", "incomplete_expired"), Invoice: ("void",)}
"""States that are never left."""


FETCHED = "fetched"


def meaning(told: Told, connection: Connection, dialect: Dialect) -> Normalised:
    """What an event, or an object that was fetched, means."""
    facts: list[Fact] = []
    claims: list[CustomerClaim] = []
    for document in told.objects:
        if isinstance(document, Bare):
            need = Need(document.of, document.id, "its invoice is not in it")
            return Normalised(needs=(need,))
        ours = OurReference.read(document.metadata, connection)
        as_of = told.created if dialect.resolution > 1 or told.type == FETCHED else None
        facts.append(fact_of(document, ours, as_of, connection, dialect))
        payer = getattr(document, "payer", "")
        if ours.customer and payer:
            claims.append(CustomerClaim(payer, ours.customer))
    if not facts:
        return Normalised(ignored=f"{told.type} means nothing here")
    return Normalised(tuple(facts), tuple(dict.fromkeys(claims)))


def fact_of(
    document: Document, ours: OurReference, as_of: int | None, connection: Connection, dialect: Dialect
) -> Fact:
    """The fact that one object shows, as of an instant; None: since when the object says itself."""
    order = document.at if as_of is None else as_of
    match document:
        case Session():
            body: Body = _session(document, ours)
        case Subscription():
            body = _subscription(document, ours)
        case Invoice():
            body = _invoice(document, ours, joint=dialect.joint)
            if as_of is None and document.paid_at is not None:
                order = document.paid_at
        case Refund():
            body = RefundSeen(
                document.id,
                document.invoice,
                document.amount,
                document.currency,
                document.status,
                ours.command,
            )
        case Dispute():
            body = DisputeSeen(
                document.id, document.invoice, document.amount, document.currency, document.status
            )
        case Bare():
            raise MalformedBody("its invoice is not in it")
    final = getattr(document, "status", "") in ENDS.get(type(document), ())
    return seen(connection.name, Instant(order), body, final=final)


def _session(one: Session, ours: OurReference) -> SessionSeen:
    return SessionSeen(one.id, one.status, one.payment, one.payer, ours.intent, one.subscription, one.invoice)


def _subscription(one: Subscription, ours: OurReference) -> SubscriptionSeen:
    planned = (Item(one.next_price, one.next_quantity, one.next_unit_amount, one.currency),)
    return SubscriptionSeen(
        one.id,
        one.status,
        one.payer,
        (Item(one.price, one.quantity, one.unit_amount, one.currency),),
        Instant(one.period_start),
        Instant(one.period_end),
        Instant(one.started_at),
        trial_end=_instant(one.trial_end),
        cancel_at=_instant(one.cancel_at),
        ended_at=_instant(one.ended_at),
        intent=ours.intent,
        collecting=one.collecting,
        next_items=planned if one.next_price else (),
        next_items_at=Instant(one.period_end) if one.next_price else None,
    )


def _invoice(one: Invoice, ours: OurReference, *, joint: bool) -> InvoiceSeen:
    return InvoiceSeen(
        one.id,
        one.status,
        one.reason,
        one.payer,
        one.currency,
        one.total,
        one.paid,
        tuple(map(_line, one.lines)),
        paid_at=_instant(one.paid_at),
        subscription=one.subscription,
        intent=ours.intent if one.reason == "first" or not joint else "",
        due_at=Instant(one.due_at),
        action=one.action,
    )


def _line(one: Line) -> InvoiceLine:
    return InvoiceLine(
        one.price,
        one.quantity,
        one.unit_amount,
        one.amount,
        one.currency,
        _instant(one.start or None),
        _instant(one.end or None),
        one.proration,
        one.trial,
    )


def _instant(moment: int | None) -> Instant | None:
    return None if moment is None else Instant(moment)
