"""Judging payments: which one answers an order, which come too late, which are not what was ordered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from purchase_core.testing.simulation.oracle.orders import Order
from purchase_core.testing.simulation.provider.book import Book
from purchase_core.testing.simulation.provider.objects import ENDED, Invoice, Line, Subscription

INTENT = "purchase_intent"
UNNEEDED, WAITING, MATCHED, MISMATCHED, EXCESS = "unneeded", "waiting", "matched", "mismatched", "excess"
STARTED = ("trialing", "active", "past_due", "paused", "canceled")


@attrs.define
class Judged:
    """Verdicts, by (connection, id). `settled`: what settles an order, as an object key."""

    invoices: dict[tuple[str, str], str] = attrs.Factory(dict)
    bound: dict[tuple[str, str], bool] = attrs.Factory(dict)
    second: set[tuple[str, str]] = attrs.Factory(set)
    settled: dict[str, str] = attrs.Factory(dict)
    mismatched: set[str] = attrs.Factory(set)


def judge(books: Sequence[Book], orders: Mapping[str, Order]) -> Judged:
    """All verdicts."""
    found = Judged()
    for book in books:
        for invoice in book.invoices.values():
            order = orders.get(invoice.metadata.get(INTENT, ""))
            found.invoices[book.name, invoice.id] = _verdict(book, invoice, order)
    for order in orders.values():
        _first_of_many(books, order, found)
        _bind(books, order, found)
    return found


def _verdict(book: Book, invoice: Invoice, order: Order | None) -> str:
    if invoice.reason != "first" or order is None:
        return UNNEEDED
    if invoice.status != "paid":
        return WAITING
    return MATCHED if _as_ordered(book, invoice, order) else MISMATCHED


def _as_ordered(book: Book, invoice: Invoice, order: Order) -> bool:
    pages = [one for one in book.sessions.values() if one.metadata.get(INTENT) == order.intent]
    if order.owner and all(page.payer != invoice.payer for page in pages):
        return False
    line = next((one for one in invoice.lines if one.price in {page.price for page in pages}), None)
    if line is None or not _sold_as_ordered(line, order) or invoice.currency != order.currency:
        return False
    full = 0 if order.offer.trial_days and line.trial else line.unit_amount * line.quantity
    return line.amount == full and invoice.total >= line.amount and invoice.paid >= invoice.total


def _sold_as_ordered(thing: Line | Subscription, order: Order) -> bool:
    return (thing.currency, thing.unit_amount, thing.quantity) == (
        order.currency,
        order.unit_amount,
        order.quantity,
    )


def _first_of_many(books: Sequence[Book], order: Order, found: Judged) -> None:
    """The earliest payment answers; every other one is too much."""
    paid = [
        (invoice.paid_at or 0, f"invoice:{book.name}:{invoice.id}", (book.name, invoice.id))
        for book, invoice in _firsts(books, order)
        if found.invoices[book.name, invoice.id] == MATCHED
    ]
    for number, (_, key, identity) in enumerate(sorted(paid)):
        if number:
            found.invoices[identity] = EXCESS
        else:
            found.settled[order.intent] = key
    if any(found.invoices[book.name, one.id] == MISMATCHED for book, one in _firsts(books, order)):
        found.mismatched.add(order.intent)


def _firsts(books: Sequence[Book], order: Order) -> Iterator[tuple[Book, Invoice]]:
    for book in books:
        for invoice in book.invoices.values():
            if invoice.reason == "first" and invoice.metadata.get(INTENT) == order.intent:
                yield book, invoice


def _bind(books: Sequence[Book], order: Order, found: Judged) -> None:
    """One subscription answers an order: the one that was paid for, still goes on, and began first."""
    candidates = []
    for book in books:
        for one in book.subscriptions.values():
            if one.metadata.get(INTENT) != order.intent:
                continue
            identity = (book.name, one.id)
            found.bound[identity] = False
            if _paid_for(book, one, found) or _trial_as_ordered(book, one, order):
                key = f"subscription:{book.name}:{one.id}"
                candidates.append((one.status in ENDED, one.started_at, key, identity))
    for number, (_, _, key, identity) in enumerate(sorted(candidates)):
        if number:
            found.second.add(identity)
        else:
            found.bound[identity] = True
            found.settled.setdefault(order.intent, key)


def _paid_for(book: Book, one: Subscription, found: Judged) -> bool:
    return any(
        invoice.subscription == one.id and found.invoices[book.name, invoice.id] in (MATCHED, EXCESS)
        for invoice in book.invoices.values()
    )


def _trial_as_ordered(book: Book, one: Subscription, order: Order) -> bool:
    if not order.offer.trial_days or one.trial_end is None or one.status not in STARTED:
        return False
    pages = [page for page in book.sessions.values() if page.metadata.get(INTENT) == order.intent]
    known = not order.owner or any(page.payer == one.payer for page in pages)
    return known and one.price in {page.price for page in pages} and _sold_as_ordered(one, order)
