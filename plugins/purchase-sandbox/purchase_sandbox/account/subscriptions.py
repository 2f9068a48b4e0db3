"""Subscriptions: started by a checkout, renewed by time, changed and cancelled on request."""

from __future__ import annotations

from typing import cast

import attrs

from purchase_core.calendar import Interval, Unit, period_start
from purchase_core.instants import DAY, Instant

from .billing import bill_period, charge, collect, item_of, write_off
from .book import Book
from .cards import CARDS
from .objects import Invoice, Line, Price, Session, Subscription
from .refusal import Refusal, invalid, wrong_state

TRIAL = -1  # the index of a trial's period


def subscribe(book: Book, session: Session, price: Price, card: str, at: Instant) -> Subscription:
    """The subscription of a checkout that is being paid; not kept yet."""
    trial_end = Instant(at + session.trial_days * DAY) if session.trial_days else None
    started = Subscription(
        id=book.new_id("sub"),
        status="trialing" if trial_end else "active",
        customer=session.customer,
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
    return started if trial_end else _in_period(book, started, 0)


def renew(book: Book, subscription: Subscription, at: Instant) -> Subscription:
    """The next period begins at `at`, and is charged. A card that fails leaves it past due."""
    following = _in_period(book, subscription, subscription.index + 1)
    invoice = bill_period(book, following, at)
    status = "active" if invoice.status == "paid" else "past_due"
    return book.tell(
        "subscription.renewed", attrs.evolve(following, status=status, latest_invoice=invoice.id), at
    )


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
    over = attrs.evolve(subscription, status="canceled", cancel_at=None, ended_at=ended_at)
    return book.tell("subscription.canceled", over, at)


def cancel(book: Book, identifier: str, *, at_period_end: bool) -> Subscription:
    """Cancel now or at the end of the period. Raises Refusal if it is over already."""
    subscription = live(book, identifier)
    if at_period_end:
        return book.tell(
            "subscription.updated", attrs.evolve(subscription, cancel_at=subscription.period_end)
        )
    for invoice in list(book.all(Invoice)):
        if invoice.subscription == identifier and invoice.status == "open":
            book.tell("invoice.voided", attrs.evolve(invoice, status="void", next_attempt_at=None))
    return end(book, subscription, book.clock.now())


def uncancel(book: Book, identifier: str) -> Subscription:
    """Take back a cancellation that has not come yet."""
    subscription = live(book, identifier)
    if subscription.cancel_at is None:
        raise wrong_state("the subscription is not about to be cancelled")
    return book.tell("subscription.updated", attrs.evolve(subscription, cancel_at=None))


def change(book: Book, identifier: str, *, price: str, quantity: int) -> Subscription:
    """Put it on another price or quantity at once.

    What is unused of the old price is credited, the rest of the period is charged; a difference in the
    buyer's favour is not paid out. Another interval begins a period of its own.
    """
    subscription = live(book, identifier)
    fresh = book.get(Price, price)
    old = book.get(Price, subscription.items[0].price)
    if fresh.interval is None or fresh.currency != old.currency:
        raise invalid("the price must have an interval, and the subscription's currency")
    at = book.clock.now()
    changed = attrs.evolve(subscription, items=(item_of(fresh, quantity),))
    if subscription.status == "trialing":
        return book.tell("subscription.updated", changed, at)
    if (old.interval, old.interval_count) != (fresh.interval, fresh.interval_count):
        changed = _in_period(book, attrs.evolve(changed, anchor=at), 0)
    lines = (_unused(subscription, at), _rest(changed, at))
    if sum(line.amount for line in lines) > 0:
        refusal = CARDS[subscription.payment_method].renewal_refusal
        if refusal:
            raise Refusal(402, refusal, "the card did not pay for the change; nothing was changed")
        invoice = charge(book, changed, lines, "subscription_update", at)
        changed = attrs.evolve(changed, latest_invoice=invoice.id)
    return book.tell("subscription.updated", changed, at)


def live(book: Book, identifier: str) -> Subscription:
    """A subscription that is not over. Raises Refusal."""
    subscription = book.get(Subscription, identifier)
    if subscription.status == "canceled":
        raise wrong_state("the subscription is over")
    return subscription


def _in_period(book: Book, subscription: Subscription, index: int) -> Subscription:
    price = book.get(Price, subscription.items[0].price)
    interval = Interval(cast("Unit", price.interval), price.interval_count)
    return attrs.evolve(
        subscription,
        index=index,
        period_start=period_start(subscription.anchor, interval, index),
        period_end=period_start(subscription.anchor, interval, index + 1),
    )


def _unused(subscription: Subscription, at: Instant) -> Line:
    line = _rest(subscription, at)
    return attrs.evolve(line, amount=-line.amount)


def _rest(subscription: Subscription, at: Instant) -> Line:
    item = subscription.items[0]
    left, whole = subscription.period_end - at, subscription.period_end - subscription.period_start
    return Line(
        price=item.price,
        quantity=item.quantity,
        unit_amount=item.unit_amount,
        amount=item.unit_amount * item.quantity * left // whole,
        currency=item.currency,
        period_start=at,
        period_end=subscription.period_end,
        proration=True,
    )
