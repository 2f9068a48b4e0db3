"""Bills that were paid, and giving their money back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from purchase_core.facts.rows import InvoiceRow, PurchaseRow
from tests.faults.shop import Shop

REFUNDS = "/v1/refunds"
PAID = 2_000


async def bought(shop: Shop) -> PurchaseRow:
    """Ana's book, for 20.00 EUR."""
    await shop.sold(offer="book:full")
    (row,) = await shop.billing.purchases.list("ana")
    return row


async def invoice(shop: Shop) -> InvoiceRow:
    (row,) = await shop.billing.invoices.list("ana")
    return row


def slowly(method: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    """A read of the store after which others get on first: what was read is old by then."""

    async def reading(*arguments: object, **options: object) -> object:
        found = await method(*arguments, **options)
        await asyncio.sleep(0)
        return found

    return reading
