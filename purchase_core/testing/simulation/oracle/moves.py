"""Moves: no day is paid on two connections, and no day is without rights because somebody was to be moved."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from purchase_core.testing.simulation.oracle.judging import INTENT
from purchase_core.testing.simulation.oracle.truth import Truth
from purchase_core.testing.simulation.provider.book import Book
from purchase_core.testing.simulation.provider.months import after_periods
from purchase_core.testing.simulation.provider.objects import Invoice, Subscription


@attrs.frozen
class Moved:
    """A subscription that was to be moved: where it is, its key, and until when it was paid then.

    `slack`: by how much clocks of processes may differ.
    """

    connection: str
    subscription: str
    key: str
    ends: int
    slack: int


def misled(truth: Truth, move: Moved) -> Iterator[str]:
    """What is wrong with a move that was attended to until its end."""
    book = next(book for book in truth.books if book.name == move.connection)
    old = book.subscriptions[move.subscription]
    intents = {order.intent for order in truth.orders.values() if order.replaces == move.key}
    new = [
        (other, one)
        for other in truth.books
        for one in other.subscriptions.values()
        if one.metadata.get(INTENT) in intents
    ]
    kept = [one for _, one in new if one.ended_at is None or one.ended_at >= move.ends]
    goes_on = old.ended_at is None and old.cancel_at is None
    if not kept and (old.cancel_at is not None or _ended_as_told(book, old, move)):
        yield f"{move.key} ends with its period, and nothing is in its place"
    on = [one for one in kept if one.ended_at is None]
    if goes_on and on:
        yield f"{on[0].id} goes on, and so does {move.key}"
    if len(on) > 1:
        yield f"{on[0].id} goes on, and so does {on[1].id}, both in the place of {move.key}"
    if kept and old.ended_at is not None and min(one.started_at for one in kept) > old.ended_at:
        yield f"{kept[0].id} begins after {move.key} has ended"
    paid = list(_paid(book, old))
    for other, one in new:
        for since, until in _paid(other, one):
            if any(since + move.slack < end and start < until for start, end in paid):
                yield f"{one.id} and {move.key} are paid for the same days"


def _ended_as_told(book: Book, old: Subscription, move: Moved) -> bool:
    """Whether it has ended since we told it to, and not since it was not paid."""
    bills = [one for one in book.invoices.values() if one.subscription == old.id]
    return old.ended_at == move.ends and all(bill.status == "paid" for bill in bills)


def _paid(book: Book, one: Subscription) -> Iterator[tuple[int, int]]:
    """The periods of a subscription that money was taken for."""
    for bill in book.invoices.values():
        if bill.subscription == one.id and bill.status == "paid" and bill.paid:
            yield from _periods(bill, one)


def _periods(bill: Invoice, one: Subscription) -> Iterator[tuple[int, int]]:
    if bill.reason == "first":
        yield one.started_at, after_periods(one.anchor, one.interval, one.interval_count, 1)
    for line in bill.lines:
        if line.start and not line.proration:
            yield line.start, line.end
