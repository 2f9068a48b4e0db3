"""Invoices: for a checkout, a period, a change; paid at once where the card allows it."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from purchase_core.instants import DAY, Instant

from .book import Book
from .cards import declined_later
from .objects import Invoice, Line, Price, Session, Subscription, SubscriptionItem
from .refusal import wrong_state

RETRY_DAYS = (3, 5, 7)
"""How long after a failed charge the next one is tried. After the last, the subscription is cancelled."""
UPDATE_CARD = "update_card"


def item_of(price: Price, quantity: int) -> SubscriptionItem:
    """An item at this price."""
    return SubscriptionItem(
        price=price.id, quantity=quantity, unit_amount=price.unit_amount, currency=price.currency
    )


def bill_session(
    book: Book,
    session: Session,
    price: Price,
    subscription: Subscription | None,
    percent_off: int,
    at: Instant,
) -> Invoice:
    """The invoice of a checkout that was just paid. A trial is billed with nothing."""
    trial = bool(subscription and subscription.status == "trialing")
    due = price.unit_amount * session.quantity * (100 - percent_off) // 100
    line = Line(
        price=price.id,
        quantity=session.quantity,
        unit_amount=price.unit_amount,
        amount=0 if trial else due,
        currency=price.currency,
        period_start=subscription.period_start if subscription else None,
        period_end=subscription.period_end if subscription else None,
        trial=trial,
    )
    invoice = Invoice(
        id=book.new_id("in"),
        status="paid",
        billing_reason="subscription_create" if subscription else "purchase",
        customer=session.customer or "",
        subscription=subscription.id if subscription else None,
        currency=price.currency,
        total=line.amount,
        amount_paid=line.amount,
        lines=(line,),
        paid_at=at,
        due_at=at,
        metadata=session.metadata,
    )
    return book.tell("invoice.paid", invoice, at)


def bill_period(book: Book, subscription: Subscription, at: Instant) -> tuple[Subscription, Invoice]:
    """The invoice of the subscription's present period, charged to its payment method.

    Returned with it is the subscription, whose balance is on that invoice; it is not kept yet.
    """
    lines = [period_line(subscription, item) for item in subscription.items]
    settled, more = settle_balance(subscription, lines)
    return settled, charge(book, settled, (*lines, *more), "subscription_cycle", at)


def period_line(subscription: Subscription, item: SubscriptionItem) -> Line:
    """The line of an item for the whole of the present period."""
    return Line(
        price=item.price,
        quantity=item.quantity,
        unit_amount=item.unit_amount,
        amount=item.unit_amount * item.quantity,
        currency=item.currency,
        period_start=subscription.period_start,
        period_end=subscription.period_end,
    )


def settle_balance(
    subscription: Subscription, lines: Sequence[Line]
) -> tuple[Subscription, tuple[Line, ...]]:
    """Put the balance on a bill with these lines; a credit only as far as there is something to pay."""
    used = max(subscription.balance, -sum(line.amount for line in lines))
    if not used:
        return subscription, ()
    line = attrs.evolve(lines[0], amount=used, proration=True)
    return attrs.evolve(subscription, balance=subscription.balance - used), (line,)


def charge(
    book: Book, subscription: Subscription, lines: Sequence[Line], reason: str, at: Instant
) -> Invoice:
    """A new invoice, and the first try to have it paid."""
    invoice = Invoice(
        id=book.new_id("in"),
        status="open",
        billing_reason=reason,
        customer=subscription.customer,
        subscription=subscription.id,
        currency=lines[0].currency,
        total=sum(line.amount for line in lines),
        amount_paid=0,
        lines=tuple(lines),
        due_at=at,
        attempts=0,
        metadata=subscription.metadata,
    )
    return collect(book, invoice, subscription.payment_method, at)


def collect(book: Book, invoice: Invoice, payment_method: str, at: Instant) -> Invoice:
    """Try to have an invoice paid. A failure plans the next try, as long as there is one."""
    attempts = invoice.attempts + 1
    if invoice.total and declined_later(payment_method):
        days = RETRY_DAYS[attempts - 1] if attempts <= len(RETRY_DAYS) else 0
        failed = attrs.evolve(
            invoice,
            attempts=attempts,
            next_attempt_at=Instant(at + days * DAY) if days else None,
            action=UPDATE_CARD,
        )
        return book.tell("invoice.payment_failed", failed, at)
    paid = attrs.evolve(
        invoice,
        status="paid",
        amount_paid=invoice.total,
        paid_at=at,
        attempts=attempts,
        next_attempt_at=None,
        action=None,
    )
    return book.tell("invoice.paid", paid, at)


def write_off(book: Book, invoice: Invoice, at: Instant) -> Invoice:
    """Nobody will pay this invoice any more."""
    if invoice.status != "open":
        raise wrong_state(f"the invoice is {invoice.status}")
    gone = attrs.evolve(invoice, status="uncollectible", next_attempt_at=None, action=None)
    return book.tell("invoice.marked_uncollectible", gone, at)
