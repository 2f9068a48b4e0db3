"""What falls due by itself: sessions expire, trials end, subscriptions renew or end, charges are retried."""

from __future__ import annotations

from purchase_core.instants import Instant

from .book import Book
from .checkout import expire_session
from .objects import Invoice, Session, Subscription, Thing
from .pauses import go_on, stop
from .subscriptions import end, renew, retry

STEPS_MAX = 100_000  # of one catching up; ten years of daily renewals are 3,660


def catch_up(book: Book) -> None:
    """Do all that is due by now, each at its own instant, in order."""
    now = book.clock.now()
    for _ in range(STEPS_MAX):
        due = book.next_due()
        if due is None or due[0] > now:
            return
        _act(book, due[1], due[0])


def _act(book: Book, thing: Thing, at: Instant) -> None:
    """Every act changes the object, or the same thing would be due for ever."""
    match thing:
        case Session():
            expire_session(book, thing.id, at)
        case Invoice():
            retry(book, thing, at)
        case Subscription() if thing.resumes_at is not None and thing.resumes_at <= at:
            go_on(book, thing, at)
        case Subscription() if thing.cancel_at is not None and thing.cancel_at <= at:
            end(book, thing, at, at)
        case Subscription() if thing.pause_at is not None and thing.pause_at <= at:
            stop(book, thing, at)
        case Subscription():
            renew(book, thing, at)
