"""Customers who have subscribed."""

from __future__ import annotations

from purchase_core.facts.rows import SubscriptionRow
from tests.faults.shop import Shop


async def subscribed(shop: Shop) -> SubscriptionRow:
    """Ana's subscription to the pro plan."""
    await shop.sold()
    row = await shop.billing.subscriptions.current("ana")
    assert row is not None
    return row
