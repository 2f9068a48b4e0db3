"""Faults of shared accounts: customers, applications and connections with the same ids. F49, T10."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from purchase_core.facts.rows import InvoiceRow, SubscriptionRow
from purchase_core.records.delivery import DONE
from purchase_core.testing.memory_store import MemoryDatabase
from tests.faults.deliveries import OURS, paid, take
from tests.faults.shop import CUSTOMERS, Customer, Session, Shop, run

# --- F49: two provider customers -------------------------------------------------------------------


def test_f49_two_carts_with_other_emails_at_one_moment_share_one_customer() -> None:
    """The second asks between the first's look and its write: the provider refuses the key's second use."""

    async def work() -> None:
        async with Shop() as shop:
            other = await shop.another()
            write = shop.provider._client.write
            overtaken = False

            async def meeting(path: str, *rest: Any, **named: Any) -> Any:
                nonlocal overtaken
                if path == CUSTOMERS and not overtaken:
                    overtaken = True
                    await shop.start("cart-2", email="second@example.org", billing=other)
                return await write(path, *rest, **named)

            with patch.object(shop.provider._client, "write", meeting):
                await shop.start("cart-1", email="first@example.org")
            assert overtaken
            assert len(shop.made(Customer)) == 1
            assert len(shop.made(Session)) == 2

    run(work)


# --- T10: two applications, or connections, with the same ids --------------------------------------


@pytest.mark.parametrize("offer", ["app:pro", "book:full"])
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_t10_what_one_connection_says_changes_nothing_of_another_with_the_same_ids(
    store: str, offer: str, tmp_path: Path
) -> None:
    """Two accounts that number their objects alike, and one database; only one of them acts."""

    async def work() -> None:
        database = tmp_path / "purchase.db" if store == "sqlite" else MemoryDatabase()
        async with (
            Shop(database, account="acct_a", name="a") as first,
            Shop(database, account="acct_b", name="b") as second,
        ):
            await first.sold(offer=offer, customer="ana")
            await second.sold(offer=offer, customer="bob", key="cart-2")
            ids = [one.provider_id for one in await first.rows("ana") if isinstance(one, InvoiceRow)]
            assert ids == [one.provider_id for one in await second.rows("bob") if isinstance(one, InvoiceRow)]
            bob = await second.checked_hash("bob")
            first.advance(days=31)
            await first.deliver()
            await first.sold("cart-3", offer="tokens:small", customer="ana")
            assert await second.checked_hash("bob") == bob
            assert [one for one in await second.rows("bob") if getattr(one, "connection", "b") == "a"] == []
            await first.checked_hash("ana")

    run(work)


def test_t10_a_payer_at_one_account_is_not_whoever_has_that_id_at_another() -> None:
    """A bill of which only its payer tells whose it is, and ids that both accounts gave to somebody."""

    async def work() -> None:
        database = MemoryDatabase()
        async with (
            Shop(database, account="acct_a", name="a") as first,
            Shop(database, account="acct_b", name="b") as second,
        ):
            await first.start("anas", offer="book:full", customer="ana")
            bill = (await paid(second, offer="book:full", customer="bob", key="bobs"))["invoice.paid"]
            assert [one.id for one in first.made(Customer)] == [bill["data"]["object"]["customer"]]
            bill["data"]["object"]["metadata"] = {}
            assert await take(second, bill) == [DONE]
            assert [row.paid for row in await second.rows("bob") if isinstance(row, InvoiceRow)] == [2_000]
            assert not [row for row in await first.rows("ana") if isinstance(row, InvoiceRow)]

    run(work)


def test_a_subscription_that_two_customers_of_ours_claim_stays_with_its_first() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            await shop.start("bobs", customer="bob")
            shop.webhooks()
            (row,) = [one for one in await shop.rows() if isinstance(one, SubscriptionRow)]
            event = json.loads(
                next(
                    one.body
                    for one in shop.account.book.events_since(0)
                    if b"subscription.created" in one.body
                )
            )
            event.update(id="evt_claim", created=event["created"] + 5)
            event["data"]["object"]["metadata"][f"{OURS}customer"] = "bob"
            await shop.billing.customers.link("bob", "sandbox", row.provider_customer)
            await take(shop, event)
            assert (await shop.rights("ana")).has("export")
            assert not (await shop.rights("bob")).has("export")
            await shop.checked_hash("ana")
            await shop.checked_hash("bob")

    run(work)
