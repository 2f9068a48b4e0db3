"""Prorations to the second: https://docs.stripe.com/billing/subscriptions/prorations."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.calendar import Interval, Unit, period_start
from purchase_core.instants import SECOND, Instant

from .book import Book
from .catalog import amount_in
from .composing import Draft
from .objects.catalog import Price
from .objects.subscriptions import Subscription, SubscriptionItem
from .refusal import invalid


def unit_amount(book: Book, price: Price, currency: str, param: str = "items") -> int:
    """What one costs in the subscription's currency. Raises Refusal if it is not sold in that."""
    amount = amount_in(book, price, currency)
    if amount is None:
        raise invalid(
            f"The price specified only supports `{price.currency}`. "
            f"This doesn't match the expected currency: `{currency}`.",
            param,
        )
    return amount


def period_after(start: int, price: Price, anchor: int) -> int:
    """When the period that begins at `start` ends. Months are counted from the anchor, and never drift."""
    if price.recurring is None:
        return start
    units: dict[str, Unit] = {"day": "day", "week": "week", "month": "month", "year": "year"}
    interval = Interval(units[price.recurring.interval], price.recurring.interval_count)
    index = 1
    while (found := period_start(Instant(anchor * SECOND), interval, index) // SECOND) <= start:
        index += 1
    return found


def full_drafts(
    book: Book, items: Sequence[SubscriptionItem], currency: str, *, free: bool = False
) -> list[Draft]:
    """What a whole period of these items costs; nothing, in a trial."""
    return [
        Draft(
            one.price,
            one.quantity,
            0 if free else unit_amount(book, one.price, currency) * one.quantity,
            one.current_period_start,
            one.current_period_end,
            one.id,
        )
        for one in items
    ]


def proration_drafts(
    book: Book, subscription: Subscription, after: Sequence[SubscriptionItem], at: int
) -> list[Draft]:
    """What changing to these items costs for the rest of the period: what is unused goes back."""
    before = {one.id: one for one in subscription.items.data}
    kept = {one.id for one in after if one == before.get(one.id)}
    drafts = [_share(book, subscription, one, at, -1) for one in before.values() if one.id not in kept]
    drafts += [_share(book, subscription, one, at, 1) for one in after if one.id not in kept]
    return [draft for draft in drafts if draft.amount]


def _share(book: Book, subscription: Subscription, item: SubscriptionItem, at: int, sign: int) -> Draft:
    start, end = item.current_period_start, item.current_period_end
    whole = unit_amount(book, item.price, subscription.currency) * item.quantity
    left, length = max(end - max(at, start), 0), max(end - start, 1)
    amount = (whole * left * 2 + length) // (length * 2)
    return Draft(item.price, item.quantity, sign * amount, max(at, start), end, item.id, proration=True)
