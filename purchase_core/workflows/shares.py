"""Shares: what of a payment falls on some units of one of its lines. Pure, and exact to the last cent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from purchase_core.errors import ExceedsBalance, WrongState
from purchase_core.facts.bodies import InvoiceLine, InvoiceSeen
from purchase_core.money import Money


def line_share(invoice: InvoiceSeen, line: InvoiceLine) -> int:
    """What was paid for one line, with its part of the tax: the parts of all lines add up to what was paid.

    Raises WrongState where nothing says how much each line counts: its lines cost nothing, or take off.
    """
    amounts = [one.amount for one in invoice.lines]
    if len(amounts) == 1:
        return invoice.paid
    if min(amounts) < 0 or not any(amounts):
        raise WrongState("the bill has lines that take off, so no line has a share of its own")
    parts = Money.of_minor(invoice.paid, invoice.currency).allocate(amounts)
    return parts[invoice.lines.index(line)].minor


def units_share(amount: int, currency: str, quantity: int, count: int, gone: int) -> int:
    """What the next `count` of so many units come to, where so much of their amount is gone already.

    Units given back one by one add up to the whole. Raises ExceedsBalance where fewer are left.
    """
    if quantity < 1:
        raise WrongState("the line has no units")
    reached = _reached(amount, currency, quantity)
    before = sum(1 for one in reached if one <= gone) - 1
    if before + count > quantity:
        raise ExceedsBalance(f"{count} units cannot go back: {quantity - before} of {quantity} are left")
    return reached[before + count] - reached[before]


def _reached(amount: int, currency: str, quantity: int) -> Sequence[int]:
    """How much the first 0, 1, 2, ... units come to."""
    parts = Money.of_minor(amount, currency).allocate([1] * quantity)
    return [0, *accumulate(one.minor for one in parts)]
