"""Shops that have sold books."""

from __future__ import annotations

from tests.faults.shop import Shop

CUSTOMERS = 7


async def sold_books(shop: Shop) -> None:
    """Seven customers have a book; of the first three, a part went back."""
    for number in range(CUSTOMERS):
        await shop.sold(f"cart-{number}", customer=f"c{number}", offer="book:full")
        if number < 3:
            (row,) = await shop.billing.purchases.list(f"c{number}")
            await shop.billing.purchases.refund(
                f"c{number}", row.key, amount=500, idempotency_key=f"r{number}"
            )
