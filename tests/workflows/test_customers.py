"""Who customers are: details beside the ledger, two who are one, and one who is forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from purchase_core.errors import InvalidArgument
from tests.faults.shop import Shop, run
from tests.pages import blocks, run_block
from tests.workflows.persons import EMAIL, NAME, STORES, shop_of

# --- details ---------------------------------------------------------------------------------------


@STORES
def test_details_are_replaced_whole_and_touch_no_fact(store: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with shop_of(store, tmp_path) as shop:
            await shop.sold()
            customers, before = shop.billing.customers, await shop.checked_hash()
            await customers.upsert("ana", email=EMAIL, name=NAME)
            assert await customers.details("ana") == {"email": EMAIL, "name": NAME}
            await customers.upsert("ana", email="other@example.com")
            assert await customers.details("ana") == {"email": "other@example.com"}
            assert await customers.details("ben") == {}
            assert await shop.checked_hash() == before

    run(work)


@pytest.mark.parametrize("wrong", [{"a": "x" * 1_001}, {f"f{n}": "" for n in range(51)}, {"a": "\x00"}])
def test_details_that_cannot_be_kept_are_refused(wrong: dict[str, str]) -> None:
    async def work() -> None:
        async with Shop() as shop:
            with pytest.raises(InvalidArgument):
                await shop.billing.customers.upsert("ana", **wrong)
            assert await shop.billing.customers.details("ana") == {}

    run(work)


def test_the_examples_of_the_page_run() -> None:
    async def work() -> None:
        async with Shop() as shop:
            for number, customer in enumerate(("user_1", "user_7")):
                await shop.sold(f"cart-{number}", customer=customer)
            names: dict[str, Any] = {"billing": shop.billing}
            for block in blocks("customers.md", "python"):
                await run_block(block, names)
            assert names["details"] == {"email": "ana@example.com", "name": "Ana"}
            assert len(await shop.billing.subscriptions.list("user_1")) == 2
            assert names["done"].events > 0

    run(work)
