"""Does the money match what was ordered? Line by line, never by total, never by what a browser could edit."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.facts.bodies import (
    AttemptMade,
    IntentPlaced,
    InvoiceLine,
    InvoiceSeen,
    Item,
    SubscriptionSeen,
)

# States in which a provider has confirmed that a subscription exists and nothing is owed for its start.
CONFIRMED_STATES = frozenset({"trialing", "active", "past_due", "paused", "canceled"})


def invoice_mismatch(
    intent: IntentPlaced, attempts: Sequence[AttemptMade], connection: str, invoice: InvoiceSeen
) -> str:
    """What is wrong with a paid first invoice as the answer to an intent; "" if nothing is.

    Tax may raise the total above the lines; it never falls below them, and all of it must be paid.
    """
    wrong = _origin_mismatch(attempts, connection, invoice.customer)
    if wrong:
        return wrong
    prices = _prices(attempts, connection)
    line = next((line for line in invoice.lines if line.price in prices and not line.proration), None)
    if line is None:
        return f"no line has price {' or '.join(sorted(prices))}"
    return _line_mismatch(intent, line) or _total_mismatch(intent, line, invoice)


def trial_mismatch(
    intent: IntentPlaced, attempts: Sequence[AttemptMade], connection: str, subscription: SubscriptionSeen
) -> str:
    """What is wrong with a confirmed subscription as the answer to a trial intent; "" if nothing is."""
    if not intent.trial_days:
        return "no trial was ordered"
    if subscription.status not in CONFIRMED_STATES or subscription.trial_end is None:
        return f"status {subscription.status} confirms no trial"
    wrong = _origin_mismatch(attempts, connection, subscription.customer)
    if wrong:
        return wrong
    prices = _prices(attempts, connection)
    item = next((item for item in subscription.items if item.price in prices), None)
    if item is None:
        return f"no item has price {' or '.join(sorted(prices))}"
    return _sold_as_ordered(intent, item)


def _origin_mismatch(attempts: Sequence[AttemptMade], connection: str, customer: str) -> str:
    ours = [attempt for attempt in attempts if attempt.connection == connection]
    if not ours:
        return f"no attempt was made on connection {connection}"
    if all(attempt.customer and attempt.customer != customer for attempt in ours):
        return f"customer {customer or 'none'} is not the one that the checkout was opened for"
    return ""


def _prices(attempts: Sequence[AttemptMade], connection: str) -> set[str]:
    # A price may have been replaced at the provider between two attempts.
    return {attempt.price for attempt in attempts if attempt.connection == connection}


def _line_mismatch(intent: IntentPlaced, line: InvoiceLine) -> str:
    if line.trial:
        return _trial_line_mismatch(intent, line)
    wrong = _sold_as_ordered(intent, line)
    if wrong:
        return wrong
    full = line.unit_amount * line.quantity
    if line.amount > full or (line.amount < full and not intent.discounts):
        return f"line amount {line.amount} is not {full}"
    return ""


def _trial_line_mismatch(intent: IntentPlaced, line: InvoiceLine) -> str:
    # Free time may cost nothing a unit; what follows it is the subscription's to tell.
    if not intent.trial_days or line.amount != 0:
        return f"a trial line of {line.amount} was not ordered"
    return _sold_as_ordered(intent, line) if line.unit_amount else _quantity_mismatch(intent, line)


def _sold_as_ordered(intent: IntentPlaced, line: InvoiceLine | Item) -> str:
    # Where the buyer lives is for the provider to tell: only it has seen an address.
    abroad = {(one.currency, one.unit_amount) for one in intent.countries}
    if (line.currency, line.unit_amount) not in abroad:
        if line.currency != intent.currency:
            return f"currency {line.currency} is not {intent.currency}"
        if line.unit_amount != intent.unit_amount:
            return f"unit amount {line.unit_amount} is not {intent.unit_amount}"
    return _quantity_mismatch(intent, line)


def _quantity_mismatch(intent: IntentPlaced, line: InvoiceLine | Item) -> str:
    return "" if line.quantity == intent.quantity else f"quantity {line.quantity} is not {intent.quantity}"


def _total_mismatch(intent: IntentPlaced, line: InvoiceLine, invoice: InvoiceSeen) -> str:
    # A line below zero is a discount, by another name.
    lines = sum(line.amount for line in invoice.lines if line.amount > 0 or intent.discounts)
    if invoice.currency != line.currency:
        return f"currency {invoice.currency} is not {line.currency}"
    if invoice.total < lines:
        return f"total {invoice.total} is less than the lines' {lines}"
    if invoice.paid < invoice.total:
        return f"{invoice.paid} was paid of {invoice.total}"
    return ""
