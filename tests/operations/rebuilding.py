"""Shops whose rows are rebuilt."""

from __future__ import annotations

from purchase_core.operations.rebuild import Rebuilt
from purchase_core.records.run import Run
from tests.faults.shop import Shop


async def rebuilt(shop: Shop) -> tuple[Run, list[Rebuilt]]:
    """A rebuild to its end, and what became of every lane."""
    found: list[Rebuilt] = []
    last = await shop.billing.rebuild.start()
    async for noted, done in shop.billing.rebuild.run(last):
        last = noted
        found += done
    return last, found


async def busy_shop(shop: Shop) -> None:
    """Two customers with something of everything."""
    await shop.sold()
    await shop.sold("cart-2", customer="ben", offer="book:full")
    await shop.sold("cart-3", customer="ben", offer="tokens:small")
    shop.advance(days=32)
    await shop.deliver()
