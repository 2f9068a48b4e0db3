"""Money: what was paid for an order, and what became of it."""

from __future__ import annotations

from purchase_core.testing.simulation.oracle.judging import EXCESS, INTENT, MATCHED
from purchase_core.testing.simulation.oracle.orders import Order
from purchase_core.testing.simulation.oracle.truth import Truth


def money_of(truth: Truth, order: Order) -> tuple[int, int, int, int, int]:
    """(due, paid, disputed, lost, refunded) over all payments of an order."""
    due = paid = disputed = lost = refunded = 0
    for book in truth.books:
        for invoice in book.invoices.values():
            verdict = truth.judged.invoices[book.name, invoice.id]
            if invoice.metadata.get(INTENT) != order.intent or verdict not in (MATCHED, EXCESS):
                continue
            paid += invoice.paid
            due = invoice.total if verdict == MATCHED else due
            refunded += sum_of(book.refunds.values(), invoice.id, "succeeded")
            disputed += sum_of(book.disputes.values(), invoice.id, "open")
            lost += sum_of(book.disputes.values(), invoice.id, "lost")
    return due, paid, disputed, lost, refunded


def sum_of(things: object, invoice: str, status: str) -> int:
    """What refunds or disputes of an invoice in one state come to."""
    return sum(one.amount for one in things if one.invoice == invoice and one.status == status)  # type: ignore[attr-defined]
