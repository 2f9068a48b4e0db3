"""Changes of a subscription: what they would cost, and that it is paid before anything changes."""

from __future__ import annotations

import attrs

from purchase_core.instants import DAY, Instant

from .billing import charge, item_of, settle_balance
from .book import Book
from .cards import declined_later
from .objects import Line, Price, Subscription
from .refusal import Refusal, invalid, wrong_state
from .requests import ChangeSubscription
from .subscriptions import in_period, live

PREVIEW_DAYS_MAX = 2


@attrs.frozen(kw_only=True)
class Preview:
    """What a change would cost. `as_of` goes into the request, so that just this is charged."""

    object: str = "change_preview"
    currency: str
    due_now: int
    credit: int
    renewal: int
    renews_at: Instant
    as_of: Instant


@attrs.frozen
class _Terms:
    """A subscription as it is to be, and the lines of the bill that comes first, if one does."""

    changed: Subscription
    lines: tuple[Line, ...] = ()

    @property
    def due(self) -> int:
        return sum(line.amount for line in self.lines)


def change(book: Book, identifier: str, request: ChangeSubscription) -> Subscription:
    """Put it on another price or quantity. Refusal (402), and no change, if the card does not pay.

    What is unused of the old price is credited, the rest of the period is charged: at once, on the next
    invoice or not at all. A difference in the buyer's favour is left for the next invoice.
    """
    subscription = live(book, identifier)
    at = book.clock.now()
    terms = _terms(book, subscription, request, at)
    changed = terms.changed
    if terms.due:
        refusal = declined_later(subscription.payment_method)
        if refusal:
            raise Refusal(402, refusal, "the card did not pay for the change; nothing was changed")
        invoice = charge(book, changed, terms.lines, "subscription_update", at)
        changed = attrs.evolve(changed, latest_invoice=invoice.id)
    return book.tell("subscription.updated", changed, at)


def preview(book: Book, identifier: str, request: ChangeSubscription) -> Preview:
    """What that change would cost now. Changes nothing."""
    subscription = live(book, identifier)
    at = book.clock.now()
    terms = _terms(book, subscription, request, at)
    changed = terms.changed
    items = changed.next_items or changed.items
    renewal = sum(item.unit_amount * item.quantity for item in items) + changed.balance
    return Preview(
        currency=items[0].currency,
        due_now=terms.due,
        credit=max(-changed.balance, 0),
        renewal=max(renewal, 0),
        renews_at=changed.period_end,
        as_of=at,
    )


def _terms(book: Book, subscription: Subscription, request: ChangeSubscription, at: Instant) -> _Terms:
    fresh = book.get(Price, request.price)
    old = book.get(Price, subscription.items[0].price)
    if subscription.status == "paused":
        raise wrong_state("the subscription is paused; resume it first")
    if fresh.interval is None or fresh.currency != old.currency:
        raise invalid("the price must have an interval, and the subscription's currency")
    items = (item_of(fresh, request.quantity),)
    if request.at_period_end:
        return _Terms(attrs.evolve(subscription, next_items=items, next_items_at=subscription.period_end))
    changed = attrs.evolve(subscription, items=items, next_items=(), next_items_at=None)
    if subscription.status == "trialing":
        return _Terms(changed)
    when = _counted_from(subscription, request, at)
    if (old.interval, old.interval_count) != (fresh.interval, fresh.interval_count):
        if request.proration != "now":
            raise invalid("another interval begins at once, and is charged at once")
        changed = in_period(book, attrs.evolve(changed, anchor=when), 0)
    return _prorated(changed, (_unused(subscription, when), _rest(changed, when)), request.proration)


def _prorated(changed: Subscription, lines: tuple[Line, Line], proration: str) -> _Terms:
    difference = sum(line.amount for line in lines)
    if proration == "none":
        return _Terms(changed)
    if proration == "now" and difference > 0:
        settled, more = settle_balance(changed, lines)
        return _Terms(settled, (*lines, *more))
    return _Terms(attrs.evolve(changed, balance=changed.balance + difference))


def _counted_from(subscription: Subscription, request: ChangeSubscription, at: Instant) -> Instant:
    """The instant that the rest of the period is counted from: now, or when it was previewed."""
    if request.as_of is None:
        return at
    oldest = max(subscription.period_start, at - PREVIEW_DAYS_MAX * DAY)
    if not oldest <= request.as_of <= at:
        raise invalid(f"a preview holds for {PREVIEW_DAYS_MAX} days of one period")
    return Instant(request.as_of)


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
