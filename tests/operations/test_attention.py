"""Attention: what waits for a person, from what waits alone, and no more of it than fits in a list."""

from __future__ import annotations

from unittest.mock import patch

from msgspec.structs import replace

from purchase_core.errors import StoreUnavailable
from purchase_core.facts.rows import CaseRow, RefundRow
from purchase_core.instants import MINUTE, Instant
from purchase_core.operations import attention
from purchase_core.ports.batch import Batch
from tests.faults.shop import Shop, run


def test_the_most_money_comes_first_and_what_is_settled_is_not_read() -> None:
    async def work() -> None:
        async with Shop() as shop:
            now = shop.clock.now()
            case = CaseRow(
                "a", "customer:ana", "r", "mismatch", "about", "wrong", "cus_1", 70, "EUR", now, "open", ""
            )
            refund = RefundRow("f", "customer:ana", "r", "acme", "re_1", "in_1", "", "failed", "EUR", 80, now)
            rows = (
                case,
                replace(case, key="b", amount=90),
                replace(case, key="c", amount=90, opened_at=Instant(now - MINUTE)),
                replace(case, key="d", amount=500, status="resolved"),
                refund,
                replace(refund, key="g", status="rejected", amount=10),
                replace(refund, key="h", status="succeeded", amount=500),
            )
            await shop.billing.store.commit(Batch("batch_1", now, rows=rows))
            with patch.object(
                shop.billing.store, "rows", side_effect=StoreUnavailable("a whole table was read")
            ):
                items = await shop.billing.attention.list()
                assert [one.about for one in items] == ["c", "b", "f", "a", "g"]
                with patch.object(attention, "ITEMS_MAX", 1):
                    assert [one.about for one in await shop.billing.attention.list()] == ["c", "f"]
                with patch.object(attention, "LATELY_ITEMS_MAX", 3):
                    lately = await shop.billing.attention.lately()
                assert ([one.about for one in lately.items], lately.more) == (["c", "b", "f", "a", "g"], True)
                shop.clock.advance(seconds=15)
                lately = await shop.billing.attention.lately()
                assert (len(lately.items), lately.more) == (5, False)

    run(work)
