"""The lines of a transaction, in the terms of the price that was sold.

Paddle shows what a line comes to, net and gross; the price says what one costs, with tax inside or on top.
What a line adds to the bill is told in the price's own terms, so that it can be held against what was
ordered.
"""

from __future__ import annotations

from purchase_core.errors import MalformedBody
from purchase_core.facts.bodies import InvoiceLine
from purchase_core.instants import Instant

from . import documents
from .documents import at


def lines_of(document: documents.Transaction) -> tuple[InvoiceLine, ...]:
    """The lines of a transaction. Raises MalformedBody for a line whose price is not among the items."""
    prices = {one.price.id: one.price for one in document.items}
    found = []
    for line in document.details.line_items:
        if line.price_id not in prices:
            raise MalformedBody("a line has a price that no item has")
        found.append(_line(document, line, prices[line.price_id]))
    return tuple(found)


def unit_price(price: documents.Price, currency: str) -> tuple[int, str]:
    """What one costs in a currency, and in which it is told: the base's, if the price names no amount."""
    amounts = _amounts(price, currency)
    if amounts:
        return amounts[0], currency
    return int(price.unit_price.amount), price.unit_price.currency_code


def _line(document: documents.Transaction, line: documents.LineItem, price: documents.Price) -> InvoiceLine:
    currency = document.currency_code
    net = int(line.unit_totals.subtotal)
    gross = int(line.unit_totals.total) + int(line.unit_totals.discount)
    trial = price.trial_period is not None and not int(line.totals.subtotal)
    prorated = line.proration is not None
    amounts = _amounts(price, currency)
    shown = next((one for one in amounts if one in (net, gross)), None)
    if shown is None and (trial or prorated):
        shown = amounts[0] if amounts else None
    unit = net if shown is None else shown  # converted: Paddle's own figure is the only one
    # The amount is in the terms of the price: with the tax, if the price holds it.
    inclusive = price.tax_mode == "internal" or (shown == gross != net)
    totals = line.totals
    amount = int(totals.total) if inclusive else int(totals.subtotal) - int(totals.discount)
    start, end = _period(document, line, price)
    return InvoiceLine(
        price=price.id,
        quantity=line.quantity,
        unit_amount=unit,
        amount=amount,
        currency=currency,
        period_start=start,
        period_end=end,
        proration=prorated,
        trial=trial,
    )


def _period(
    document: documents.Transaction, line: documents.LineItem, price: documents.Price
) -> tuple[Instant | None, Instant | None]:
    period = document.billing_period if price.billing_cycle else None
    if line.proration is not None and line.proration.billing_period is not None:
        period = line.proration.billing_period
    return (at(period.starts_at), at(period.ends_at)) if period else (None, None)


def _amounts(price: documents.Price, currency: str) -> list[int]:
    """Every amount that a price names in a currency, the base's first."""
    named = [price.unit_price, *(one.unit_price for one in price.unit_price_overrides)]
    return [int(one.amount) for one in named if one.currency_code == currency]
