"""How a subscription stands with its invoices: https://docs.stripe.com/billing/subscriptions/overview."""

from __future__ import annotations

from msgspec.structs import replace

from .billing import subscription_of, void
from .book import Book
from .objects.invoices import Invoice
from .objects.subscriptions import CancellationDetails, Schedule, Subscription
from .objects.thing import WireList

INCOMPLETE_SECONDS = 23 * 3_600
OVER = ("canceled", "incomplete_expired")
OWING = ("past_due", "unpaid", "incomplete")


def paid(book: Book, invoice: Invoice) -> None:
    """One of its invoices was paid."""
    subscription = book.find(Subscription, subscription_of(invoice))
    if subscription is None or subscription.status in OVER:
        return
    update = subscription.pending_update
    if update is not None and subscription.latest_invoice == invoice.id:
        items = WireList(data=update.subscription_items, url=subscription.items.url)  # fmt: skip
        applied = replace(subscription, items=items, pending_update=None, status=_good(book, subscription))
        book.changed("customer.subscription.pending_update_applied", applied)
        book.tell("customer.subscription.updated", applied)
        return
    if subscription.status == "paused" and subscription.latest_invoice == invoice.id:
        resumed = replace(subscription, status="active")
        book.changed("customer.subscription.resumed", resumed)
        book.tell("customer.subscription.updated", resumed)
    elif subscription.status in OWING and not _owes(book, subscription, invoice):
        book.changed("customer.subscription.updated", replace(subscription, status=_good(book, subscription)))


def unpaid(book: Book, invoice: Invoice) -> None:
    """One of its invoices was not paid."""
    subscription = book.find(Subscription, subscription_of(invoice))
    if invoice.billing_reason == "subscription_update":
        return  # what becomes of a change that is not paid is for whoever makes it
    if subscription is not None and subscription.status == "active":
        book.changed("customer.subscription.updated", replace(subscription, status="past_due"))


def give_up(book: Book, subscription: Subscription) -> None:
    """An invoice was tried for the last time: what is done then is set in the Dashboard."""
    if book.when_unpaid == "cancel":
        end(book, subscription, "payment_failed")
    elif subscription.status != book.when_unpaid:
        book.changed("customer.subscription.updated", replace(subscription, status=book.when_unpaid))


def end(book: Book, subscription: Subscription, reason: str = "cancellation_requested") -> Subscription:
    """Over, for good. Open invoices are no longer tried."""
    now = book.now()
    for invoice in book.all(Invoice):
        if subscription_of(invoice) == subscription.id and invoice.status in ("open", "draft"):
            book.put(replace(invoice, auto_advance=False, next_payment_attempt=None))
    details = subscription.cancellation_details
    ended = replace(
        subscription,
        status="canceled",
        canceled_at=subscription.canceled_at or now,
        cancellation_details=replace(details, reason=details.reason or reason),
        ended_at=now,
        pending_update=None,
        schedule=None,
    )
    schedule = book.find(Schedule, subscription.schedule or "")
    if schedule is not None and schedule.status == "active":
        done = replace(schedule, status="canceled", canceled_at=now, current_phase=None)
        book.changed("subscription_schedule.canceled", done)
    return book.changed("customer.subscription.deleted", ended)


def expire_incomplete(book: Book, identifier: str) -> None:
    """The first payment has not come within 23 hours."""
    subscription = book.get(Subscription, identifier)
    if subscription.status != "incomplete":
        return
    invoice = book.find(Invoice, subscription.latest_invoice or "")
    if invoice is not None and invoice.status == "open":
        void(book, invoice)
    ended = replace(subscription, status="incomplete_expired", ended_at=book.now())
    book.changed("customer.subscription.updated", ended)


def expire_update(book: Book, identifier: str) -> None:
    """The payment of a change has not come within 23 hours: nothing changes."""
    subscription = book.get(Subscription, identifier)
    update = subscription.pending_update
    if update is None or update.expires_at > book.now():
        return
    invoice = book.find(Invoice, subscription.latest_invoice or "")
    if invoice is not None and invoice.status == "open":
        void(book, invoice)
    expired = replace(subscription, pending_update=None)
    book.changed("customer.subscription.pending_update_expired", expired)
    book.tell("customer.subscription.updated", expired)


def dropped(book: Book, invoice: Invoice) -> None:
    """The invoice of a change is void: the change is given up."""
    subscription = book.find(Subscription, subscription_of(invoice))
    if subscription is None or subscription.pending_update is None:
        return
    if subscription.latest_invoice == invoice.id:
        book.changed("customer.subscription.updated", replace(subscription, pending_update=None))


def requested() -> CancellationDetails:
    """Why: somebody asked."""
    return CancellationDetails(reason="cancellation_requested")


def _good(book: Book, subscription: Subscription) -> str:
    trialing = subscription.trial_end is not None and subscription.trial_end > book.now()
    return "trialing" if trialing else "active"


def _owes(book: Book, subscription: Subscription, but: Invoice) -> bool:
    return any(
        subscription_of(one) == subscription.id and one.status == "open" and one.id != but.id
        for one in book.all(Invoice)
    )
