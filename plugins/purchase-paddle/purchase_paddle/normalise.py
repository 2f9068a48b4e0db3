"""What Paddle's documents mean, as facts. Pure: nothing is asked of anybody.

A transaction is a checkout session and a bill in one, so it tells both, under its own id. Facts are keyed by
what they say and not by who brought it: a notification that is replayed under a new id,
`transaction.updated` beside `transaction.paid`, an answer and its webhook are all one fact.

- A recurring transaction that is only *paid* has no subscription, period or invoice number yet; its session
  is complete, and its bill is told once it is *completed*, seconds later
  (webhooks/transactions/transaction-paid).
- A bill that was paid keeps the instant of its payment as its order, whatever Paddle notes on it afterwards.
- Transactions of nothing that only change a payment method tell nothing.
- Adjustments: refunds by their state; a chargeback holds money back until it is reversed (Paddle never tells
  of one that is lost for good); credits and the adjustments that reverse others tell nothing by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from purchase_core.facts.bodies import (
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
from purchase_core.ports.provider import Connection, CustomerClaim, Normalised, reading

from . import documents, reference
from .documents import at
from .lines import lines_of, unit_price

KIND_OF_ENTITY: Mapping[str, str] = MappingProxyType(
    {"transaction": "invoice", "subscription": "subscription", "adjustment": "refund"}
)
"""Which of our kinds an event of an entity is about, as far as its head tells."""

ENTITY_OF_KIND: Mapping[str, str] = MappingProxyType(
    {
        "session": "transaction",
        "invoice": "transaction",
        "subscription": "subscription",
        "refund": "adjustment",
        "dispute": "adjustment",
    }
)
"""Which of Paddle's entities a kind of ours is fetched as."""

TYPES = frozenset(
    f"{entity}.{what}"
    for entity, whats in {
        "transaction": "billed canceled completed created paid past_due payment_failed ready revised updated",
        "subscription": "activated canceled created imported past_due paused resumed trialing updated",
        "adjustment": "created updated",
    }.items()
    for what in whats.split()
)
"""The types of events that mean something here."""

CHECKOUTS = frozenset({"api", "web"})
METHOD_CHANGE = "subscription_payment_method_change"
REASON = {
    "api": "first",
    "web": "first",
    "subscription_recurring": "renewal",
    "subscription_update": "change",
    "subscription_charge": "manual",
}
PAID = frozenset({"paid", "completed"})
SESSION = {"draft": "open", "ready": "open", "billed": "open", "past_due": "open", "canceled": "expired"}
INVOICE = {"billed": "open", "past_due": "open", "canceled": "void"}
REFUND = {
    "pending_approval": "pending",
    "approved": "succeeded",
    "rejected": "rejected",
    "reversed": "failed",
}
DISPUTE = {
    ("chargeback", "approved"): "open",
    ("chargeback", "reversed"): "won",
    ("chargeback_warning", "approved"): "inquiry",
    ("chargeback_warning", "reversed"): "won",
}
DISPUTES = frozenset({"chargeback", "chargeback_warning"})


def normalised(entity: str, payload: object, order: Instant | None, connection: Connection) -> Normalised:
    """What an entity means. `order`: since when it is known to look like this; None: as it says itself.

    Raises MalformedBody.
    """
    match entity:
        case "transaction":
            return transaction(reading.convert(payload, documents.Transaction), order, connection)
        case "subscription":
            return subscription(reading.convert(payload, documents.Subscription), order, connection)
        case _:
            return adjustment(reading.convert(payload, documents.Adjustment), order, connection)


def transaction(document: documents.Transaction, order: Instant | None, connection: Connection) -> Normalised:
    """A checkout and the bill that it becomes."""
    if document.origin == METHOD_CHANGE:
        return Normalised(ignored="a payment method is changed, and nothing is paid for")
    facts: list[Fact] = []
    ours = reference.ours(document.custom_data, connection)
    bill = _invoice(document, ours.intent)
    if document.origin in CHECKOUTS:
        session = _session(document, ours.intent, told=bill is not None)
        final = document.status == "canceled"
        facts.append(seen(connection.name, order or at(document.updated_at), session, final=final))
    if bill is not None:
        since = order or _since(document)
        facts.append(seen(connection.name, since, bill, final=bill.status == "void"))
    if not facts:
        return Normalised(ignored=f"nothing is owed for a {document.status} transaction yet")
    claimed = bool(ours.customer and document.customer_id)
    claims = (CustomerClaim(document.customer_id or "", ours.customer),) if claimed else ()
    return Normalised(tuple(facts), claims)


def subscription(
    document: documents.Subscription, order: Instant | None, connection: Connection
) -> Normalised:
    """An agreement."""
    ours = reference.ours(document.custom_data, connection)
    body = _subscription(document, ours.intent)
    since = order or at(document.updated_at)
    fact = seen(connection.name, since, body, final=document.status == "canceled")
    claims = (CustomerClaim(document.customer_id, ours.customer),) if ours.customer else ()
    return Normalised((fact,), claims)


def adjustment(document: documents.Adjustment, order: Instant | None, connection: Connection) -> Normalised:
    """Money that goes back, or is held back."""
    since = order or at(document.updated_at)
    amount, currency = int(document.totals.total), document.totals.currency_code
    if document.action == "refund":
        refund = RefundSeen(
            id=document.id,
            invoice=document.transaction_id,
            amount=amount,
            currency=currency,
            status=REFUND.get(document.status, document.status),
            command=reference.command_in(document.reason, connection),
        )
        return Normalised((seen(connection.name, since, refund),))
    if document.action in DISPUTES:
        status = DISPUTE.get((document.action, document.status), document.status)
        dispute = DisputeSeen(document.id, document.transaction_id, amount, currency, status)
        return Normalised((seen(connection.name, since, dispute),))
    return Normalised(ignored=f"an adjustment that is a {document.action} moves no money of a payment")


def _session(document: documents.Transaction, intent: str, *, told: bool) -> SessionSeen:
    complete = document.status in PAID
    due = int(document.details.totals.grand_total)
    return SessionSeen(
        id=document.id,
        status="complete" if complete else SESSION.get(document.status, document.status),
        payment=("paid" if due else "none_due") if complete else "unpaid",
        customer=document.customer_id or "",
        intent=intent,
        subscription=document.subscription_id or "",
        invoice=document.id if told else "",
    )


def _invoice(document: documents.Transaction, intent: str) -> InvoiceSeen | None:
    """The bill; None where nothing is owed yet, or where Paddle has not made a subscription of it yet."""
    recurring = any(one.price.billing_cycle for one in document.items)
    if document.status == "paid" and recurring and document.subscription_id is None:
        return None
    status = "paid" if document.status in PAID else INVOICE.get(document.status)
    if status is None:
        return None
    first = document.origin in CHECKOUTS
    totals = document.details.totals
    # A first bill is what was bought; a later one is what is left after credit that the customer had.
    total = int(totals.total if first else totals.grand_total)
    captured = sum(int(one.amount) for one in document.payments if one.status == "captured")
    credit = int(totals.credit)
    return InvoiceSeen(
        id=document.id,
        status=status,
        reason=REASON.get(document.origin, document.origin),
        customer=document.customer_id or "",
        currency=document.currency_code,
        total=total,
        paid=(captured + (credit if first else 0)) if status == "paid" else 0,
        lines=_lines(document, first=first),
        paid_at=_paid_at(document) if status == "paid" else None,
        subscription=document.subscription_id or "",
        intent=intent if first else "",
        due_at=None if document.billed_at is None else at(document.billed_at),
        action=_action(document) if status == "open" else "",
    )


def _lines(document: documents.Transaction, *, first: bool) -> tuple[InvoiceLine, ...]:
    lines = lines_of(document)
    credit = int(document.details.totals.credit)
    if first or not credit or not lines:
        return lines
    used = InvoiceLine(
        price=lines[0].price,
        quantity=1,
        unit_amount=-credit,
        amount=-credit,
        currency=document.currency_code,
        proration=True,
    )
    return (*lines, used)


def _action(document: documents.Transaction) -> str:
    failed = document.payments and document.payments[0].status == "error"
    return "update_card" if failed and document.collection_mode == "automatic" else "pay"


def _paid_at(document: documents.Transaction) -> Instant:
    """When its money came in; of a bill of nothing, when it was made."""
    captured = [one.captured_at for one in document.payments if one.captured_at is not None]
    return at(max(captured, default=document.billed_at or document.updated_at))


def _since(document: documents.Transaction) -> Instant:
    """Since when the bill looks like this."""
    if document.status not in PAID:
        return at(document.updated_at)
    revised = at(document.revised_at) if document.revised_at else Instant(0)
    return max(_paid_at(document), revised)


def _subscription(document: documents.Subscription, intent: str) -> SubscriptionSeen:
    change = document.scheduled_change
    started = at(document.started_at or document.created_at)
    period = document.current_billing_period
    stopped = document.canceled_at or document.paused_at or document.updated_at
    trials = [one.trial_dates.ends_at for one in document.items if one.trial_dates]
    resumes = None
    if change is not None:
        resumes = change.effective_at if change.action == "resume" else change.resume_at
    return SubscriptionSeen(
        id=document.id,
        status=document.status,
        customer=document.customer_id,
        items=tuple(_item(one, document.currency_code) for one in document.items),
        # One that is paused or over has no period any more: it ended when it stopped.
        period_start=at(period.starts_at) if period else started,
        period_end=at(period.ends_at) if period else at(stopped),
        started_at=started,
        trial_end=at(max(trials)) if trials else None,
        cancel_at=at(change.effective_at) if change is not None and change.action == "cancel" else None,
        ended_at=at(document.canceled_at) if document.canceled_at else None,
        intent=intent,
        resumes_at=at(resumes) if resumes else None,
    )


def _item(item: documents.SubscriptionItem, currency: str) -> Item:
    amount, of = unit_price(item.price, currency)
    return Item(item.price.id, item.quantity, amount, of)
