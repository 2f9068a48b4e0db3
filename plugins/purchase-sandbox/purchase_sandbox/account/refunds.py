"""Refunds: in whole or in part, never more than was paid."""

from __future__ import annotations

from collections.abc import Mapping

from .book import Book
from .objects import Invoice, Refund
from .refusal import Refusal


def refund(
    book: Book, invoice_id: str, amount: int | None, metadata: Mapping[str, str] | None = None
) -> Refund:
    """Pay back an amount; all that is left, if none is given. Raises Refusal beyond what was paid."""
    invoice = book.get(Invoice, invoice_id)
    left = invoice.amount_paid - refunded(book, invoice.id)
    wanted = left if amount is None else amount
    if not 0 < wanted <= left:
        raise Refusal(400, "refund_exceeds_payment", f"at most {left} of the invoice can be refunded")
    made = Refund(
        id=book.new_id("re"),
        invoice=invoice.id,
        amount=wanted,
        currency=invoice.currency,
        metadata=dict(invoice.metadata) | dict(metadata or {}),
    )
    return book.tell("refund.created", made)


def refunded(book: Book, invoice_id: str) -> int:
    """How much of an invoice went back already."""
    return sum(one.amount for one in book.all(Refund) if one.invoice == invoice_id)
