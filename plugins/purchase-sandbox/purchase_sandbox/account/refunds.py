"""Refunds: in whole or in part, never more than was paid, and disputes of what was paid."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from .book import Book
from .objects import Dispute, Invoice, Refund
from .refusal import Refusal, invalid, wrong_state

GONE = ("pending", "succeeded")
DISPUTE_MOVES: Mapping[str, tuple[str, ...]] = {
    "": ("inquiry", "open"),
    "inquiry": ("open", "won"),
    "open": ("won", "lost"),
    "won": ("open",),
    "lost": ("open",),
}
"""What can become of a dispute. One that is decided can be opened again."""


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
        status="pending" if book.refund_approval else "succeeded",
        metadata=dict(invoice.metadata) | dict(metadata or {}),
    )
    return book.tell("refund.created", made)


def refunded(book: Book, invoice_id: str) -> int:
    """How much of an invoice went back already, or is about to."""
    return sum(one.amount for one in book.all(Refund) if one.invoice == invoice_id and one.status in GONE)


def decide(book: Book, identifier: str, *, approved: bool) -> Refund:
    """Approve a pending refund, or reject it. Raises Refusal if it is decided."""
    status = "succeeded" if approved else "rejected"
    return _settle(book, identifier, "pending", status)


def come_back(book: Book, identifier: str) -> Refund:
    """A refund that had succeeded does not arrive. Raises Refusal if it never succeeded."""
    return _settle(book, identifier, "succeeded", "failed")


def _settle(book: Book, identifier: str, before: str, after: str) -> Refund:
    known = book.get(Refund, identifier)
    if known.status != before:
        raise wrong_state(f"the refund is {known.status}")
    return book.tell("refund.updated", attrs.evolve(known, status=after))


def dispute(book: Book, invoice_id: str, status: str) -> Dispute:
    """A bank moves: it asks about a payment, takes it, gives it back or keeps it. Raises Refusal."""
    invoice = book.get(Invoice, invoice_id)
    known = next((one for one in book.all(Dispute) if one.invoice == invoice.id), None)
    if status not in DISPUTE_MOVES[known.status if known else ""]:
        raise wrong_state(f"the dispute cannot be {status} now")
    if known:
        return book.tell("dispute.updated", attrs.evolve(known, status=status))
    if not invoice.amount_paid:
        raise invalid("nothing was paid that could be disputed")
    made = Dispute(
        id=book.new_id("dp"),
        invoice=invoice.id,
        amount=invoice.amount_paid,
        currency=invoice.currency,
        status=status,
        metadata=invoice.metadata,
    )
    return book.tell("dispute.created", made)
