"""The whole picture that an application must show once it has heard of everything: plain rows, by table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from purchase_core.testing.simulation.oracle.judging import EXCESS, INTENT, MISMATCHED, STARTED
from purchase_core.testing.simulation.oracle.money import money_of, sum_of
from purchase_core.testing.simulation.oracle.truth import Truth
from purchase_core.testing.simulation.provider.book import Book
from purchase_core.testing.simulation.provider.objects import ENDED, Invoice, Subscription

Picture: TypeAlias = dict[str, dict[str, tuple[object, ...]]]
"""By table, by key: what the row says."""


def expected(truth: Truth) -> Picture:
    """Every row that there must be, and no other."""
    picture: Picture = {
        name: {}
        for name in ("intents", "subscriptions", "invoices", "refunds", "disputes", "purchases", "cases")
    }
    for book in truth.books:
        _of_book(truth, book, picture)
    for order in truth.orders.values():
        settled = truth.judged.settled.get(order.intent, "")
        wrong = order.intent in truth.judged.mismatched
        status = "settled" if settled else "mismatched" if wrong else "open"
        picture["intents"][f"intent:own:{order.intent}"] = (order.owner, order.offer.hash, status, settled)
        if settled and order.offer.product != "subscription":
            due, paid, disputed, lost, refunded = money_of(truth, order)
            picture["purchases"][f"purchase:own:{order.intent}"] = (
                order.owner, order.offer.hash, order.quantity, due, paid, refunded, disputed, lost,
            )  # fmt: skip
    picture["cases"] = {key: (amount,) for key, amount in _cases(truth)}
    return picture


def _of_book(truth: Truth, book: Book, picture: Picture) -> None:
    for one in book.subscriptions.values():
        if not one.draft:
            key = f"subscription:{book.name}:{one.id}"
            picture["subscriptions"][key] = _subscription(truth, book, one)
    for invoice in book.invoices.values():
        if not invoice.draft:
            picture["invoices"][f"invoice:{book.name}:{invoice.id}"] = _invoice(truth, book, invoice)
    for refund in book.refunds.values():
        picture["refunds"][f"refund:{book.name}:{refund.id}"] = (
            _whose(truth, book, refund.invoice),
            refund.invoice,
            refund.amount,
            refund.status,
            refund.metadata.get("purchase_command", ""),
        )
    for dispute in book.disputes.values():
        picture["disputes"][f"dispute:{book.name}:{dispute.id}"] = (
            _whose(truth, book, dispute.invoice),
            dispute.invoice,
            dispute.amount,
            dispute.status,
        )


def _whose(truth: Truth, book: Book, name: str) -> str:
    invoice = book.invoices[name]
    return truth.owner(book, invoice.metadata, invoice.payer)


def _subscription(truth: Truth, book: Book, one: Subscription) -> tuple[object, ...]:
    return (
        truth.owner(book, one.metadata, one.payer),
        one.status,
        truth.bound(book, one),
        book.prices[one.price].version,
        one.quantity,
        one.period_start,
        one.period_end,
        one.trial_end,
        one.cancel_at,
        one.ended_at,
        one.collecting,
        one.next_quantity if one.next_price else 0,
    )


def _invoice(truth: Truth, book: Book, invoice: Invoice) -> tuple[object, ...]:
    lost = sum_of(book.disputes.values(), invoice.id, "lost")
    return (
        truth.owner(book, invoice.metadata, invoice.payer),
        invoice.status,
        truth.judged.invoices[book.name, invoice.id],
        invoice.reason,
        invoice.total,
        invoice.paid,
        sum_of(book.refunds.values(), invoice.id, "succeeded"),
        sum_of(book.refunds.values(), invoice.id, "pending"),
        sum_of(book.disputes.values(), invoice.id, "open") + lost,
        invoice.action,
    )


def _cases(truth: Truth) -> Iterator[tuple[str, int]]:
    for book in truth.books:
        for invoice in book.invoices.values():
            yield from _cases_of_invoice(truth, book, invoice)
        for one in book.subscriptions.values():
            yield from _cases_of_subscription(truth, book, one)


def _cases_of_invoice(truth: Truth, book: Book, invoice: Invoice) -> Iterator[tuple[str, int]]:
    verdict = truth.judged.invoices[book.name, invoice.id]
    kept = _kept(book, invoice)
    about = f"invoice:{book.name}:{invoice.id}"
    if verdict == EXCESS and kept > 0:
        yield f"case:excess:{about}", kept
    if verdict == MISMATCHED and (kept > 0 or not invoice.paid):
        yield f"case:mismatch:{about}", kept
    if kept > 0 and not truth.owner(book, invoice.metadata, invoice.payer):
        kind = _ownerless(truth, invoice.metadata) if invoice.reason == "first" else "unmatched"
        yield f"case:{kind}:{about}", kept


def _cases_of_subscription(truth: Truth, book: Book, one: Subscription) -> Iterator[tuple[str, int]]:
    if one.status in ENDED or one.status == "incomplete":
        return
    about = f"subscription:{book.name}:{one.id}"
    order = truth.orders.get(one.metadata.get(INTENT, ""))
    if (book.name, one.id) in truth.judged.second and one.status in STARTED:
        yield f"case:excess:{about}", 0
    elif order and order.offer.trial_days and not truth.bound(book, one) and one.status in STARTED:
        yield f"case:mismatch:{about}", 0
    begun_by_payment = any(
        invoice.subscription == one.id and invoice.reason == "first" and _kept(book, invoice) > 0
        for invoice in book.invoices.values()
    )
    if not truth.owner(book, one.metadata, one.payer) and not begun_by_payment:
        yield f"case:{_ownerless(truth, one.metadata)}:{about}", 0


def _kept(book: Book, invoice: Invoice) -> int:
    refunded = sum_of(book.refunds.values(), invoice.id, "succeeded")
    return invoice.paid - refunded - sum_of(book.disputes.values(), invoice.id, "lost")


def _ownerless(truth: Truth, metadata: Mapping[str, str]) -> str:
    return "unclaimed" if metadata.get(INTENT, "") in truth.orders else "unmatched"


def told(truth: Truth) -> set[str]:
    """Keys of what others must have been told of, once each."""
    keys = set()
    for book in truth.books:
        for one in book.subscriptions.values():
            if not truth.owner(book, one.metadata, one.payer) or one.status == "incomplete":
                continue
            name = f"subscription:{book.name}:{one.id}"
            if truth.bound(book, one):
                keys.add(f"{name}:subscription.started")
            if one.ended_at is not None:
                keys.add(f"{name}:subscription.ended")
    for order in truth.orders.values():
        if order.owner and order.intent in truth.judged.settled and order.offer.product != "subscription":
            keys.add(f"purchase:own:{order.intent}:purchase.granted")
    return keys
