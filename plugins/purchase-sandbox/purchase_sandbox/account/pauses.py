"""Pauses: of a whole subscription, or only of its being charged."""

from __future__ import annotations

import attrs

from purchase_core.instants import Instant

from .billing import bill_period
from .book import Book
from .objects import Subscription
from .refusal import invalid, wrong_state
from .requests import PauseSubscription
from .subscriptions import in_period, live


def pause(book: Book, identifier: str, request: PauseSubscription) -> Subscription:
    """Stop it, now or when its period ends; or only charge nothing. Raises Refusal if it is paused."""
    subscription = live(book, identifier)
    until = None if request.resumes_at is None else Instant(request.resumes_at)
    if subscription.status == "paused" or not subscription.collecting:
        raise wrong_state("the subscription is paused already")
    if until is not None and until <= book.clock.now():
        raise invalid("resumes_at must be in the future")
    if request.at_period_end and request.collection_only:
        raise invalid("collection is paused at once")
    if request.collection_only:
        return book.tell(
            "subscription.paused", attrs.evolve(subscription, collecting=False, resumes_at=until)
        )
    if request.at_period_end:
        planned = attrs.evolve(subscription, pause_at=subscription.period_end, resumes_at=until)
        return book.tell("subscription.updated", planned)
    return stop(book, attrs.evolve(subscription, resumes_at=until), book.clock.now())


def stop(book: Book, subscription: Subscription, at: Instant) -> Subscription:
    """The pause begins."""
    return book.tell("subscription.paused", attrs.evolve(subscription, status="paused", pause_at=None), at)


def resume(book: Book, identifier: str, *, new_period: bool) -> Subscription:
    """Go on with it. Raises Refusal if it is not paused."""
    subscription = live(book, identifier)
    if subscription.status != "paused" and subscription.collecting:
        raise wrong_state("the subscription is not paused")
    return go_on(book, subscription, book.clock.now(), new_period=new_period)


def go_on(book: Book, subscription: Subscription, at: Instant, *, new_period: bool = False) -> Subscription:
    """The pause ends. A period begins now, and is charged, if that is asked for or the old one is over."""
    active = attrs.evolve(subscription, collecting=True, resumes_at=None, status="active")
    if subscription.status != "paused":
        return book.tell("subscription.resumed", attrs.evolve(active, status=subscription.status), at)
    if not new_period and subscription.period_end > at:
        return book.tell("subscription.resumed", active, at)
    settled, invoice = bill_period(book, in_period(book, attrs.evolve(active, anchor=at), 0), at)
    status = "active" if invoice.status == "paid" else "past_due"
    return book.tell(
        "subscription.resumed", attrs.evolve(settled, status=status, latest_invoice=invoice.id), at
    )
