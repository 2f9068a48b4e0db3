"""Having invoices paid: now, again after a failure, and later by slow methods."""

from __future__ import annotations

from msgspec.structs import replace

from purchase_core.instants import DAY, SECOND

from . import billing, charging, standing
from .book import Book
from .charging import Outcome
from .customers import behaviour
from .objects.checkout import Session
from .objects.customers import Customer, PaymentMethod
from .objects.invoices import Invoice
from .objects.payments import PaymentIntent
from .objects.subscriptions import Subscription

RETRY_DAYS = (3, 5, 7)
"""How long after a failed charge the next one is tried. After the last, `Book.when_unpaid` says what is done.

Stripe's are set in the Dashboard: https://docs.stripe.com/billing/revenue-recovery/smart-retries.
"""


def collect(
    book: Book, invoice: Invoice, method: PaymentMethod | None, *, present: bool, authenticated: bool = False
) -> Outcome:
    """Try to have an open invoice paid, and let its subscription know."""
    intent = billing.intent_of(book, invoice)
    if intent is None or method is None:
        return _failed(book, invoice, Outcome.DECLINED)
    outcome = charging.confirm(book, intent, method, present=present, authenticated=authenticated)
    return follow(book, invoice, outcome)


def follow(book: Book, invoice: Invoice, outcome: Outcome) -> Outcome:
    """What a payment's outcome does to its invoice and subscription."""
    match outcome:
        case Outcome.PAID:
            standing.paid(book, billing.paid(book, invoice, invoice.amount_due))
        case Outcome.PROCESSING:
            waiting = replace(invoice, attempted=True, attempt_count=invoice.attempt_count + 1)
            book.changed("invoice.updated", waiting)
            intent = billing.intent_of(book, invoice)
            if intent is not None:
                plan_settling(book, intent)
        case _:
            _failed(book, invoice, outcome)
    return outcome


def method_of(book: Book, invoice: Invoice) -> PaymentMethod | None:
    """What an invoice is charged to: the subscription's method, else the customer's."""
    subscription = book.find(Subscription, billing.subscription_of(invoice))
    customer = book.find(Customer, invoice.customer or "")
    name = (subscription.default_payment_method if subscription else None) or (
        customer.invoice_settings.default_payment_method if customer else None
    )
    return book.find(PaymentMethod, name or "")


def advance(book: Book, identifier: str) -> None:
    """A draft is finalized, and charged, when its time has come."""
    invoice = book.get(Invoice, identifier)
    if invoice.status != "draft" or not invoice.auto_advance:
        return
    invoice = billing.finalize(book, invoice, invoice_pages(book))
    if invoice.status == "paid":
        standing.paid(book, invoice)
    else:
        collect(book, invoice, method_of(book, invoice), present=False)


def retry(book: Book, identifier: str) -> None:
    """A failed charge is tried again."""
    invoice = book.get(Invoice, identifier)
    due = invoice.next_payment_attempt
    if invoice.status == "open" and due is not None and due <= book.now():
        collect(book, invoice, method_of(book, invoice), present=False)


def plan_settling(book: Book, intent: PaymentIntent) -> None:
    """The money of a slow method comes after some days."""
    method = book.get(PaymentMethod, intent.payment_method or "")
    book.plan(book.now() + behaviour(method).settles_days * DAY // SECOND, settle, intent.id)


def settle(book: Book, identifier: str) -> None:
    """The money of a slow method comes, or does not."""
    intent = book.get(PaymentIntent, identifier)
    if intent.status != "processing":
        return
    outcome = charging.settle(book, intent)
    invoice = billing.invoice_of(book, identifier)
    if invoice is not None and invoice.status == "open":
        follow(book, invoice, outcome)
    session = _session_of(book, identifier, invoice)
    if session is None:
        return
    if outcome is Outcome.PAID:
        paid = replace(session, payment_status="paid")
        book.changed("checkout.session.async_payment_succeeded", paid)
    else:
        book.tell("checkout.session.async_payment_failed", session)


def invoice_pages(book: Book) -> str:
    """Where the pages of invoices are."""
    return f"{book.pages}{billing.PAGES}"


def _failed(book: Book, invoice: Invoice, outcome: Outcome) -> Outcome:
    attempts = invoice.attempt_count + 1
    retries = invoice.billing_reason == "subscription_cycle" and outcome is Outcome.DECLINED
    days = RETRY_DAYS[attempts - 1] if retries and attempts <= len(RETRY_DAYS) else 0
    invoice = replace(
        invoice,
        attempted=True,
        attempt_count=attempts,
        next_payment_attempt=book.now() + days * DAY // SECOND if days else None,
    )
    if outcome is Outcome.ACTION:
        book.changed("invoice.payment_action_required", invoice)
        book.tell("invoice.payment_failed", invoice)
    else:
        book.changed("invoice.payment_failed", invoice)
    if days:
        book.plan(invoice.next_payment_attempt or 0, retry, invoice.id)
    subscription = book.find(Subscription, billing.subscription_of(invoice))
    if retries and not days and subscription is not None and subscription.status not in standing.OVER:
        standing.give_up(book, subscription)
    else:
        standing.unpaid(book, invoice)
    return outcome


def _session_of(book: Book, intent: str, invoice: Invoice | None) -> Session | None:
    for one in book.all(Session):
        if one.payment_intent == intent or (invoice is not None and one.invoice == invoice.id):
            return one
    return None
