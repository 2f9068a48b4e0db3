"""Lists of a customer's bills and purchases: pages, the newest first, and no more read than is shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from purchase_core.errors import InvalidArgument, NotFound, StoreUnavailable
from purchase_core.facts.rows import InvoiceRow, PurchaseRow
from purchase_core.instants import DAY, Instant
from purchase_core.ports.limits import PAGE_ROWS_MAX
from tests.faults.shop import Shop, run

List = Callable[..., Awaitable[Sequence[Any]]]


async def bought_often(shop: Shop, times: int) -> None:
    """Ana's book, and `times` older ones: their keys say nothing of when."""
    await shop.sold(offer="book:full")
    for table, when in ((InvoiceRow, "seen_at"), (PurchaseRow, "purchased_at")):
        (row,) = (one for one in shop.memory.rows.values() if isinstance(one, table))
        for number in range(times):
            at = Instant(getattr(row, when) - (number // 2 + 1) * DAY)
            older = replace(row, key=f"{row.key}_{number * 7 % times}", **{when: at})
            shop.memory.rows[table, older.key] = older


@pytest.mark.parametrize("which", ["invoices", "purchases"])
def test_pages_hold_every_row_once_the_newest_first_and_read_no_more(which: str) -> None:
    async def work() -> None:
        async with Shop() as shop:
            await bought_often(shop, 9)
            found: List = getattr(shop.billing, which).list
            table, when = {"invoices": (InvoiceRow, "seen_at"), "purchases": (PurchaseRow, "purchased_at")}[
                which
            ]
            known = [one for one in shop.memory.rows.values() if isinstance(one, table)]
            wanted = sorted(known, key=lambda one: (getattr(one, when), one.key), reverse=True)
            assert list(await found("ana")) == wanted
            pages: list[Any] = []
            while page := await found("ana", before=pages[-1].key if pages else "", limit=4):
                assert len(page) <= 4
                pages += page
            assert pages == wanted
            with patch.object(shop.billing.store, "rows", side_effect=StoreUnavailable("a table was read")):
                assert list(await found("ana", limit=2)) == wanted[:2]

    run(work)


def test_open_bills_are_read_alone_the_newest_first() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await bought_often(shop, 9)
            bills = [one for one in shop.memory.rows.values() if isinstance(one, InvoiceRow)]
            for row in bills[2:5]:
                shop.memory.rows[InvoiceRow, row.key] = replace(row, status="open")
            wanted = sorted((one.seen_at, one.key) for one in bills[2:5])[::-1]
            with (
                patch.object(shop.billing.store, "rows", side_effect=StoreUnavailable("a table was read")),
                patch.object(shop.billing.store, "newest", side_effect=StoreUnavailable("all were read")),
            ):
                found = await shop.billing.invoices.open("ana")
            assert [(one.seen_at, one.key) for one in found] == wanted

    run(work)


@pytest.mark.parametrize("which", ["invoices", "purchases"])
def test_a_page_is_bounded_and_goes_on_from_a_row_that_is_there(which: str) -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(offer="book:full")
            found: List = getattr(shop.billing, which).list
            for limit in (0, -1, PAGE_ROWS_MAX + 1, True):
                with pytest.raises(InvalidArgument, match="limit"):
                    await found("ana", limit=limit)
            (row,) = await found("ana")
            assert list(await found("ana", before=row.key)) == []
            for other in (f"{row.key}x", "somebody's"):
                with pytest.raises(NotFound, match="to go on from"):
                    await found("ana", before=other)
            with pytest.raises(NotFound):
                await found("ben", before=row.key)

    run(work)
