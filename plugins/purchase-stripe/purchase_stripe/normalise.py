"""What Stripe's events mean, as facts, or as something that must be looked up. Pure: nobody is asked.

Of the several events of one change, one counts. Drafts, and bills that have only just been finalized, say
nothing that a later event does not: they come within the second of their payment, and events have whole
seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from msgspec import UnsetType

from purchase_core.errors import MalformedBody
from purchase_core.facts.bodies import (
    Body,
    DisputeSeen,
    InvoiceSeen,
    Item,
    RefundSeen,
    SessionSeen,
    SubscriptionSeen,
)
from purchase_core.facts.fact import Fact, seen
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Connection, CustomerClaim, Need, Normalised, reading

from . import documents, reference
from .documents import name_of
from .lines import lines_of

Meaning: TypeAlias = Callable[[object, Instant, Connection], Normalised]

KIND_OF_OBJECT: Mapping[str, str] = MappingProxyType({"checkout.session": "session"})
"""Stripe's word for a kind of object, where ours is another."""

FINAL = frozenset(
    {("session", "expired"), ("subscription", "canceled"), ("subscription", "incomplete_expired"),
     ("invoice", "void")}
)  # fmt: skip
"""States that Stripe never takes back. A won dispute is closed; a lost one can be appealed."""

PAYMENT = {"no_payment_required": "none_due"}
REASON = {
    "subscription_create": "first",
    "subscription_cycle": "renewal",
    "subscription_threshold": "renewal",
    "subscription_update": "change",
}
REFUND = {"requires_action": "pending"}
DISPUTE = {
    "warning_needs_response": "inquiry",
    "warning_under_review": "inquiry",
    "warning_closed": "won",
    "prevented": "won",
    "won": "won",
    "lost": "lost",
}
"""Everything else is money that a bank holds back: needs_response, under_review, appeals."""


def fact_of(document: documents.Head, order: Instant, connection: Connection) -> Fact:
    """The fact that an object shows. Raises MalformedBody if our own reference in it cannot be ours."""
    match document:
        case documents.Session():
            body: Body = _session(document, connection)
        case documents.Subscription():
            body = _subscription(document, connection)
        case documents.Invoice():
            body = _invoice(document, connection)
        case documents.OfInvoice():
            body = _of_invoice(document, connection)
        case _:
            raise MalformedBody("no object that facts are made of")
    kind = {SessionSeen: "session", SubscriptionSeen: "subscription", InvoiceSeen: "invoice"}.get(
        type(body), ""
    )
    return seen(connection.name, order, body, final=(kind, getattr(body, "status", "")) in FINAL)


# --- by kind of object -------------------------------------------------------------------------


def session(payload: object, order: Instant, connection: Connection) -> Normalised:
    """A checkout session."""
    document = _convert(payload, documents.Session, "checkout.session")
    return _told(document, order, connection, name_of(document.customer), document.metadata)


def subscription(payload: object, order: Instant, connection: Connection) -> Normalised:
    """A subscription. Looked up where its items are cut off, or where it has a schedule."""
    document = _convert(payload, documents.Subscription, "subscription")
    if document.status == "incomplete":
        return Normalised(ignored="a subscription that has not begun yet")
    why = _lacking(document)
    if why:
        return _need("subscription", document.id, why)
    return _told(document, order, connection, name_of(document.customer), document.metadata)


def invoice(payload: object, order: Instant, connection: Connection) -> Normalised:
    """An invoice. Looked up where its lines are cut off, or where it waits for a payment: for what?"""
    document = _convert(payload, documents.Invoice, "invoice")
    if document.lines.has_more:
        return _need("invoice", document.id, "not all of its lines are in it")
    if document.status == "open" and isinstance(document.payments, UnsetType):
        return _need("invoice", document.id, "how its payment stands is not in it")
    return _told(document, order, connection, name_of(document.customer), _metadata(document))


def of_invoice(payload: object, order: Instant, connection: Connection) -> Normalised:
    """A refund or dispute that was looked up, with the payments that lead to its invoice."""
    document = reading.convert(payload, documents.OfInvoice)
    if not _invoice_name(document):
        return Normalised(ignored="it is of a payment without an invoice")
    return Normalised((fact_of(document, order, connection),))


def needs_refund(payload: object, order: Instant, connection: Connection) -> Normalised:
    """A refund does not name its invoice."""
    document = _convert(payload, documents.Refund, "refund")
    return _need("refund", document.id, "the invoice is not in it")


def needs_dispute(payload: object, order: Instant, connection: Connection) -> Normalised:
    """A dispute does not name its invoice."""
    document = _convert(payload, documents.Dispute, "dispute")
    return _need("dispute", document.id, "the invoice is not in it")


def of_schedule(payload: object, order: Instant, connection: Connection) -> Normalised:
    """What is planned for a subscription has changed."""
    if not isinstance(payload, dict):
        raise MalformedBody("not a schedule")
    found = payload.get("subscription") or payload.get("released_subscription")
    if found is None:
        return Normalised(ignored="a schedule without a subscription")
    name = reading.convert({"id": found, "object": "subscription"}, documents.Head).id
    return _need("subscription", name, "its schedule has changed")


# --- by type of event --------------------------------------------------------------------------

MEANING: Mapping[str, Meaning] = MappingProxyType(
    {
        "checkout.session.completed": session,
        "checkout.session.async_payment_succeeded": session,
        "checkout.session.async_payment_failed": session,
        "checkout.session.expired": session,
        "customer.subscription.created": subscription,
        "customer.subscription.updated": subscription,
        "customer.subscription.deleted": subscription,
        "customer.subscription.paused": subscription,
        "customer.subscription.resumed": subscription,
        "customer.subscription.trial_will_end": subscription,
        "customer.subscription.pending_update_applied": subscription,
        "customer.subscription.pending_update_expired": subscription,
        "invoice.paid": invoice,
        "invoice.payment_failed": invoice,
        "invoice.payment_action_required": invoice,
        "invoice.voided": invoice,
        "invoice.marked_uncollectible": invoice,
        "refund.created": needs_refund,
        "refund.updated": needs_refund,
        "refund.failed": needs_refund,
        "charge.dispute.created": needs_dispute,
        "charge.dispute.updated": needs_dispute,
        "charge.dispute.closed": needs_dispute,
        "charge.dispute.funds_withdrawn": needs_dispute,
        "charge.dispute.funds_reinstated": needs_dispute,
        "subscription_schedule.created": of_schedule,
        "subscription_schedule.updated": of_schedule,
        "subscription_schedule.released": of_schedule,
        "subscription_schedule.canceled": of_schedule,
        "subscription_schedule.completed": of_schedule,
    }
)
"""The types of events that mean something here: our endpoints are told of these.

Source: docs.stripe.com/api/events/types.
"""

FETCHED: Mapping[str, Meaning] = MappingProxyType(
    {
        "session": session,
        "subscription": subscription,
        "invoice": invoice,
        "refund": of_invoice,
        "dispute": of_invoice,
    }
)
"""The kinds of objects that can be looked up."""


# --- bodies ------------------------------------------------------------------------------------


def _session(document: documents.Session, connection: Connection) -> SessionSeen:
    return SessionSeen(
        id=document.id,
        status=document.status or "",
        payment=PAYMENT.get(document.payment_status, document.payment_status),
        customer=name_of(document.customer),
        intent=reference.ours(document.metadata, connection).intent,
        subscription=name_of(document.subscription),
        invoice=name_of(document.invoice),
    )


def _subscription(document: documents.Subscription, connection: Connection) -> SubscriptionSeen:
    last = max(document.items.data, key=lambda one: one.current_period_end)
    over = document.status in ("canceled", "incomplete_expired")
    cancel_at = document.cancel_at
    if cancel_at is None and document.cancel_at_period_end:
        cancel_at = last.current_period_end
    pause = document.pause_collection
    next_items, next_at = _planned(document)
    return SubscriptionSeen(
        id=document.id,
        status=document.status,
        customer=name_of(document.customer),
        items=tuple(_item(one, document.currency) for one in document.items.data),
        period_start=_at(last.current_period_start),
        period_end=_at(last.current_period_end),
        started_at=_at(document.start_date),
        trial_end=_instant(document.trial_end),
        cancel_at=None if over else _instant(cancel_at),
        ended_at=_instant(document.ended_at),
        intent=reference.ours(document.metadata, connection).intent,
        resumes_at=_instant(pause.resumes_at) if pause else None,
        collecting=pause is None,
        next_items=next_items,
        next_items_at=next_at,
    )


def _item(item: documents.Item, currency: str) -> Item:
    amount = item.price.amount_in(currency)
    return Item(item.price.id, item.quantity, 0 if amount is None else amount, currency.upper())


def _planned(document: documents.Subscription) -> tuple[tuple[Item, ...], Instant | None]:
    """What an active schedule puts in place of the items at the end of the period."""
    schedule = document.schedule
    if not isinstance(schedule, documents.Schedule) or schedule.status != "active":
        return (), None
    end = max(one.current_period_end for one in document.items.data)
    later = [one for one in schedule.phases if one.start_date >= end]
    if not later:
        return (), None
    phase, currency = min(later, key=lambda one: one.start_date), document.currency
    items = []
    for one in phase.items:
        amount = one.price.amount_in(currency) if isinstance(one.price, documents.Price) else None
        items.append(Item(name_of(one.price), one.quantity, amount or 0, currency.upper()))
    return tuple(items), _at(phase.start_date)


def _invoice(document: documents.Invoice, connection: Connection) -> InvoiceSeen:
    ours = reference.ours(_metadata(document), connection)
    details = document.parent.subscription_details if document.parent else None
    reason = REASON.get(document.billing_reason or "", "manual")
    if reason == "manual" and details is None and ours.intent:
        reason = "first"  # the invoice of a checkout that is paid once
    return InvoiceSeen(
        id=document.id,
        status=document.status or "draft",
        reason=reason,
        customer=name_of(document.customer),
        currency=document.currency.upper(),
        total=document.total,
        paid=document.amount_paid,
        lines=lines_of(document),
        paid_at=_instant(document.status_transitions.paid_at),
        subscription=name_of(details.subscription) if details else "",
        intent=ours.intent,
        due_at=_instant(document.status_transitions.finalized_at),
        action=action_of(document),
    )


def action_of(document: documents.Invoice) -> str:
    """What the customer must do for an open invoice to be paid."""
    if document.status != "open":
        return ""
    payments = [] if isinstance(document.payments, UnsetType) else document.payments.data
    intents = [one.payment.payment_intent for one in payments if one.status == "open"]
    statuses = {one.status for one in intents if isinstance(one, documents.Intent)}
    if "requires_action" in statuses:
        return "authenticate"
    if "processing" in statuses:
        return ""
    return "update_card" if document.attempted else "pay"


def _of_invoice(document: documents.OfInvoice, connection: Connection) -> RefundSeen | DisputeSeen:
    invoice = _invoice_name(document)
    if document.subject.get("object") == "refund":
        refund = _convert(document.subject, documents.Refund, "refund")
        status = refund.status or "pending"
        ours = reference.ours(refund.metadata, connection)
        return RefundSeen(
            id=refund.id,
            invoice=invoice,
            amount=refund.amount,
            currency=refund.currency.upper(),
            status=REFUND.get(status, status),
            command=ours.command,
        )
    dispute = _convert(document.subject, documents.Dispute, "dispute")
    return DisputeSeen(
        id=dispute.id,
        invoice=invoice,
        amount=dispute.amount,
        currency=dispute.currency.upper(),
        status=DISPUTE.get(dispute.status, "open"),
    )


# --- small things ------------------------------------------------------------------------------


def _told(
    document: documents.Head, order: Instant, connection: Connection, customer: str,
    metadata: Mapping[str, str] | None,
) -> Normalised:  # fmt: skip
    ours = reference.ours(metadata, connection)
    claims = (CustomerClaim(customer, ours.customer),) if ours.customer and customer else ()
    return Normalised((fact_of(document, order, connection),), claims)


def _need(kind: str, identifier_: str, why: str) -> Normalised:
    return Normalised(needs=(Need(kind, identifier_, why),))


def _lacking(document: documents.Subscription) -> str:
    if document.items.has_more:
        return "not all of its items are in it"
    if any(one.price.amount_in(document.currency) is None for one in document.items.data):
        return "what it costs in its own currency is not in it"
    return "its schedule is not in it" if isinstance(document.schedule, str) else ""


def _invoice_name(document: documents.OfInvoice) -> str:
    paid = [one for one in document.payments.data if one.status == "paid"] or document.payments.data
    return name_of(paid[0].invoice) if paid else ""


def _metadata(document: documents.Invoice) -> Mapping[str, str] | None:
    """The invoice's own metadata; else that of its subscription, as it was then."""
    details = document.parent.subscription_details if document.parent else None
    return document.metadata or (details.metadata if details else None)


def _convert(payload: object, kind: type[reading.D], name: str) -> reading.D:
    document = reading.convert(payload, kind)
    if getattr(document, "object", "") != name:
        raise MalformedBody(f"not a {name}, but another kind of object")
    return document


def _at(seconds: int) -> Instant:
    return Instant(seconds * SECOND)


def _instant(seconds: int | None) -> Instant | None:
    return None if seconds is None else _at(seconds)
