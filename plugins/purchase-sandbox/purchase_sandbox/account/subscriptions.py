"""Subscriptions: started by a checkout, renewed by time, cancelled on request."""

from __future__ import annotations

from typing import cast

import attrs

from purchase_core.calendar import Interval, Unit, period_start
from purchase_core.instants import DAY, Instant

from .billing import bill_period, collect, item_of, write_off
from .book import Book
from .cards import CARDS
from .objects import Customer, Invoice, Price, Session, Subscription
from .refusal import invalid, wrong_state

TRIAL = -1  # the index of a trial's period


def subscribe(book: Book, session: Session, price: Price, card: str, at: Instant) -> Subscription:
    """The subscription of a checkout that is being paid; not kept yet."""
    trial_end = Instant(at + session.trial_days * DAY) if session.trial_days else None
    started = Subscription(
        id=book.new_id("sub"),
        status="trialing" if trial_end else "active",
        customer=session.customer or "",
        items=(item_of(price, session.quantity),),
        anchor=trial_end or at,
        index=TRIAL if trial_end else 0,
        period_start=at,
        period_end=trial_end or at,
        started_at=at,
        trial_end=trial_end,
        payment_method=card,
        metadata=session.metadata,
    )
    return started if trial_end else in_period(book, started, 0)


def renew(book: Book, subscription: Subscription, at: Instant) -> Subscription:
    """The next period begins at `at`, with what was to be changed by then, and is charged.

    A card that fails leaves it past due. While nothing is collected, there is no bill.
    """
    following = _next_period(book, subscription)
    if not following.collecting:
        return book.tell("subscription.renewed", attrs.evolve(following, status="active"), at)
    settled, invoice = bill_period(book, following, at)
    status = "active" if invoice.status == "paid" else "past_due"
    return book.tell(
        "subscription.renewed", attrs.evolve(settled, status=status, latest_invoice=invoice.id), at
    )


def use_card(book: Book, identifier: str, card: str) -> Subscription:
    """The customer gives another card, and what is owed is charged to it."""
    if card not in CARDS:
        raise invalid("no such test card")
    book.tell("subscription.updated", attrs.evolve(live(book, identifier), payment_method=card))
    for invoice in list(book.all(Invoice)):
        if invoice.subscription == identifier and invoice.status == "open":
            retry(book, invoice, book.clock.now())
    return book.get(Subscription, identifier)


def retry(book: Book, invoice: Invoice, at: Instant) -> Invoice:
    """Try an open invoice again. After the last failure the subscription is cancelled."""
    subscription = book.get(Subscription, invoice.subscription or "")
    tried = collect(book, invoice, subscription.payment_method, at)
    if tried.status == "paid" and subscription.status == "past_due":
        book.tell("subscription.updated", attrs.evolve(subscription, status="active"), at)
    elif tried.next_attempt_at is None and tried.status == "open":
        tried = write_off(book, tried, at)
        end(book, subscription, at, at)
    return tried


def end(book: Book, subscription: Subscription, ended_at: Instant, at: Instant | None = None) -> Subscription:
    """It is over, for good."""
    over = attrs.evolve(
        subscription,
        status="canceled",
        cancel_at=None,
        pause_at=None,
        resumes_at=None,
        next_items=(),
        next_items_at=None,
        ended_at=ended_at,
    )
    return book.tell("subscription.canceled", over, at)


def delete_customer(book: Book, identifier: str) -> Customer:
    """What the customer has ends with them; what was paid stays what it is. Returns what was deleted."""
    customer = book.get(Customer, identifier)
    for one in list(book.all(Subscription)):
        if one.customer == identifier and one.status != "canceled":
            cancel(book, one.id, at_period_end=False)
    book.remove("customer.deleted", customer)
    return customer


def cancel(book: Book, identifier: str, *, at_period_end: bool) -> Subscription:
    """Cancel now or at the end of the period. Raises Refusal if it is over already."""
    subscription = live(book, identifier)
    if at_period_end:
        return book.tell(
            "subscription.updated", attrs.evolve(subscription, cancel_at=subscription.period_end)
        )
    for invoice in list(book.all(Invoice)):
        if invoice.subscription == identifier and invoice.status == "open":
            book.tell(
                "invoice.voided", attrs.evolve(invoice, status="void", next_attempt_at=None, action=None)
            )
    return end(book, subscription, book.clock.now())


def uncancel(book: Book, identifier: str) -> Subscription:
    """Take back a cancellation that has not come yet."""
    subscription = live(book, identifier)
    if subscription.cancel_at is None:
        raise wrong_state("the subscription is not about to be cancelled")
    return book.tell("subscription.updated", attrs.evolve(subscription, cancel_at=None))


def _next_period(book: Book, subscription: Subscription) -> Subscription:
    following = subscription.index + 1
    if not subscription.next_items:
        return in_period(book, subscription, following)
    old, fresh = (book.get(Price, one[0].price) for one in (subscription.items, subscription.next_items))
    changed = attrs.evolve(subscription, items=subscription.next_items, next_items=(), next_items_at=None)
    if (old.interval, old.interval_count) != (fresh.interval, fresh.interval_count):
        changed, following = attrs.evolve(changed, anchor=subscription.period_end), 0
    return in_period(book, changed, following)


def live(book: Book, identifier: str) -> Subscription:
    """A subscription that is not over. Raises Refusal."""
    subscription = book.get(Subscription, identifier)
    if subscription.status == "canceled":
        raise wrong_state("the subscription is over")
    return subscription


def in_period(book: Book, subscription: Subscription, index: int) -> Subscription:
    """The subscription in its period of this number."""
    price = book.get(Price, subscription.items[0].price)
    interval = Interval(cast("Unit", price.interval), price.interval_count)
    return attrs.evolve(
        subscription,
        index=index,
        period_start=period_start(subscription.anchor, interval, index),
        period_end=period_start(subscription.anchor, interval, index + 1),
    )
