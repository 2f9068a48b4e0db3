"""The lines of an invoice, in the terms of the price that was sold."""

from __future__ import annotations

from purchase_core.facts.bodies import InvoiceLine
from purchase_core.instants import SECOND, Instant

from . import documents
from .documents import name_of


def lines_of(document: documents.Invoice) -> tuple[InvoiceLine, ...]:
    """The lines that are in an invoice, after discounts. Only those of a subscription have a period."""
    of_subscription = document.parent is not None and document.parent.subscription_details is not None
    return tuple(_line(one, of_subscription=of_subscription) for one in document.lines.data)


def _line(line: documents.Line, *, of_subscription: bool) -> InvoiceLine:
    quantity = 1 if line.quantity is None else line.quantity
    parent = line.parent or documents.LineParent()
    details = parent.subscription_item_details or parent.invoice_item_details
    proration = bool(details and details.proration)
    pricing = line.pricing or documents.Pricing()
    unit = _unit_amount(pricing.unit_amount_decimal, line.amount, quantity)
    free = of_subscription and not proration and not line.amount and not unit
    return InvoiceLine(
        price=name_of(pricing.price_details.price) if pricing.price_details else "",
        quantity=quantity,
        unit_amount=unit,
        amount=line.amount - sum(one.amount for one in line.discount_amounts or ()),
        currency=line.currency.upper(),
        period_start=Instant(line.period.start * SECOND) if of_subscription else None,
        period_end=Instant(line.period.end * SECOND) if of_subscription else None,
        proration=proration,
        trial=free,
    )


def _unit_amount(decimal: str | None, amount: int, quantity: int) -> int:
    whole, _, fraction = (decimal or "").partition(".")
    if whole and not fraction.strip("0"):
        return int(whole)
    return abs(amount) // max(quantity, 1)  # fractions of a minor unit: what the line says
