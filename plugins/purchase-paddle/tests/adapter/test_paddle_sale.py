"""A sale end to end: Purchase, its adapter, Paddle's simulator over HTTP, the page, webhooks, a database."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import httpx
import pytest

from purchase_core.asgi import BillingApp
from purchase_core.billing import Billing
from purchase_core.errors import InvalidArgument
from purchase_core.facts.rows import CaseRow, SubscriptionRow
from purchase_core.identifiers import SeededIds
from purchase_core.testing.sales import CATALOG
from purchase_core.workflows.checkout import Checkout
from purchase_paddle.page import CheckoutPage
from purchase_paddle.testing import API_KEY, WEBHOOK_SECRET, PaddleHarness
from purchase_sandbox.config import PLUGIN as SANDBOX
from purchase_simulators.paddle import adjustments
from purchase_simulators.paddle.notifications import EVENT_TYPES
from purchase_simulators.paddle.requests import NotificationSetting
from purchase_simulators.wire.embedded import EmbeddedServer

LINK = re.compile(r'id="pay" href="([^"]+)"')
THANKS = "http://127.0.0.1/thanks"


@attrs.define
class Street:
    """A shop, its provider, and the buyer's browser."""

    billing: Billing
    paddle: PaddleHarness
    browser: httpx.AsyncClient
    page: str

    async def start(
        self, offer: str, key: str = "cart-1", customer: str = "ana", email: str = ""
    ) -> Checkout:
        return await self.billing.checkout.start(
            customer=customer,
            offer=offer,
            success_url=THANKS,
            cancel_url="http://127.0.0.1/cart",
            idempotency_key=key,
            email=email or f"{customer}@example.com",
        )

    async def bought(
        self, offer: str, key: str = "cart-1", customer: str = "ana", email: str = ""
    ) -> Checkout:
        """Start a checkout, follow the page to the payment, and have it told."""
        checkout = await self.start(offer, key, customer, email)
        assert checkout.url.startswith(self.page)
        shown = await self.browser.get(checkout.url)
        link = LINK.search(shown.text)
        assert link is not None, shown.text
        paid = await self.browser.post(link[1].replace("&amp;", "&"), data={"country": "US"})
        assert (paid.status_code, paid.headers["location"]) == (303, THANKS)
        await self.deliver()
        return checkout

    async def deliver(self) -> None:
        while await self.paddle.server.sender.send_due():
            pass
        await self.billing.webhooks.drain()

    async def advance(self, days: int) -> None:
        self.paddle.advance(days=days)
        await self.deliver()

    async def has(self, feature: str, customer: str = "ana") -> bool:
        return (await self.billing.customers.entitlements(customer)).has(feature)

    async def cases(self, customer: str = "ana") -> list[str]:
        rows = await self.billing.store.rows(CaseRow, lane=f"customer:{customer}")
        return [one.kind for one in rows]


@asynccontextmanager
async def street(folder: Path) -> AsyncIterator[Street]:
    """Open everything, on loopback."""
    served: list[BillingApp] = []

    async def shop(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        await served[0](scope, receive, send)

    async with PaddleHarness() as paddle, EmbeddedServer(shop) as endpoint:
        connection = {
            "plugin": "paddle",
            "mode": "test",
            "api_key": "env:KEY",
            "webhook_secrets": ["env:WEBHOOK"],
            "base_url": paddle.server.url,
            "checkout_url": f"{endpoint.url}/checkout/paddle-eu",
        }
        config = {
            "project": "street",
            "connections": {"paddle-eu": connection},
            "store": {"plugin": "sqlite", "path": str(folder / "purchase.db")},
        }
        environ = {"KEY": API_KEY.reveal(), "WEBHOOK": WEBHOOK_SECRET.reveal()}
        opening = Billing.open(
            catalog=CATALOG, config=config, environ=environ, clock=paddle.clock, ids=SeededIds(1)
        )
        async with (
            opening as billing,
            httpx.AsyncClient(trust_env=False) as browser,
        ):
            served.append(billing.asgi())
            setting = paddle.account.notifications.add(
                NotificationSetting(
                    description="street",
                    type="url",
                    destination=f"{endpoint.url}/webhooks/paddle-eu",
                    subscribed_events=sorted(EVENT_TYPES),
                )
            )
            setting["endpoint_secret_key"] = WEBHOOK_SECRET.reveal()
            yield Street(billing, paddle, browser, f"{endpoint.url}/checkout/paddle-eu")


def test_the_first_sale_renews_and_ends(tmp_path: Path) -> None:
    async def work() -> None:
        async with street(tmp_path) as it:
            assert not await it.has("export")
            await it.bought("app:pro")
            assert await it.has("export")
            await it.advance(31)
            (row,) = await it.billing.store.rows(SubscriptionRow, lane="customer:ana")
            assert (row.status, row.bound, await it.cases()) == ("active", True, [])
            sent = it.paddle.account.notifications.rows()
            assert {one["status"] for one in sent} == {"delivered"}
            assert not await it.has("export", "bob")

    asyncio.run(work())


def test_a_purchase_is_paid_once_and_its_page_is_over(tmp_path: Path) -> None:
    async def work() -> None:
        async with street(tmp_path) as it:
            checkout = await it.bought("book:full")
            assert await it.has("book")
            again = await it.browser.get(checkout.url)
            assert (again.status_code, again.headers["location"]) == (303, THANKS)
            assert await it.cases() == []

    asyncio.run(work())


def test_a_trial_is_on_the_price_and_becomes_a_subscription(tmp_path: Path) -> None:
    async def work() -> None:
        async with street(tmp_path) as it:
            await it.bought("app:team")
            (price,) = it.paddle.book.rows("pri")
            assert price["trial_period"] == {"interval": "day", "frequency": 14}
            (row,) = await it.billing.store.rows(SubscriptionRow, lane="customer:ana")
            assert (row.status, row.bound, await it.has("audit")) == ("trialing", True, True)
            await it.advance(15)
            (row,) = await it.billing.store.rows(SubscriptionRow, lane="customer:ana")
            assert (row.status, row.bound, await it.cases()) == ("active", True, [])
            assert await it.has("audit")

    asyncio.run(work())


def test_a_customer_without_an_address_is_refused_with_a_way_out(tmp_path: Path) -> None:
    async def work() -> None:
        async with street(tmp_path) as it:
            with pytest.raises(InvalidArgument, match="e-mail"):
                await it.billing.checkout.start(
                    customer="ana",
                    offer="app:pro",
                    success_url=THANKS,
                    cancel_url=THANKS,
                    idempotency_key="k",
                )

    asyncio.run(work())


def test_f101_two_customers_of_ours_who_are_one_of_paddles(tmp_path: Path) -> None:
    """One e-mail address, one customer at Paddle; what each bought stays with whoever bought it."""

    async def work() -> None:
        async with street(tmp_path) as it:
            await it.bought("app:pro", "cart-ana", "ana", "family@example.com")
            assert (await it.has("export", "ana"), await it.has("export", "ben")) == (True, False)
            await it.bought("book:full", "cart-ben", "ben", "family@example.com")
            assert len(it.paddle.book.rows("ctm")) == 1
            for customer, features in (("ana", (True, False)), ("ben", (False, True))):
                assert (await it.has("export", customer), await it.has("book", customer)) == features
            await it.advance(31)
            assert (await it.has("export", "ana"), await it.has("export", "ben")) == (True, False)

    asyncio.run(work())


def test_the_page_is_for_paddle_alone(tmp_path: Path) -> None:
    async def work() -> None:
        async with street(tmp_path) as it:
            provider = it.billing.connections["paddle-eu"]
            other = type("Other", (), {"connection": provider.connection, "plugin": SANDBOX})()
            with pytest.raises(InvalidArgument):
                CheckoutPage(other)

    asyncio.run(work())


def test_f56_refunds_wait_for_paddle_and_for_each_other(tmp_path: Path) -> None:
    """Each is approved by Paddle's people, or not, and only one can be asked for while another is open."""

    async def work() -> None:
        async with street(tmp_path) as it:
            await it.bought("book:full")
            (row,) = await it.billing.purchases.list("ana")
            refund = it.billing.purchases.refund
            first = await refund("ana", row.key, amount=500, idempotency_key="1")
            assert (first.refund.status, first.waits) == ("pending", False)
            second = await refund("ana", row.key, amount=700, idempotency_key="2")
            assert (second.refund.status, second.waits) == ("asked", True)
            (bill,) = await it.billing.invoices.list("ana")
            assert (bill.refunding, bill.refunded) == (1_200, 0)
            adjustments.decide(it.paddle.book, first.refund.provider_id, approved=True)
            it.paddle.advance(seconds=120)
            assert await it.billing.commands.resolve() == 1
            await it.deliver()
            (bill,) = await it.billing.invoices.list("ana")
            assert (bill.refunding, bill.refunded) == (700, 500)
            (asked,) = [one for one in it.paddle.book.rows("adj") if one["status"] == "pending_approval"]
            adjustments.decide(it.paddle.book, asked["id"], approved=False)
            await it.deliver()
            (bill,) = await it.billing.invoices.list("ana")
            assert (bill.refunding, bill.refunded) == (0, 500), "a rejected refund is none"
            assert await it.has("book")

    asyncio.run(work())


def test_a_refund_of_what_is_paid_and_not_completed_waits_for_that(tmp_path: Path) -> None:
    async def work() -> None:
        async with street(tmp_path) as it:
            await it.bought("book:full")
            (row,) = await it.billing.purchases.list("ana")
            (transaction,) = it.paddle.book.rows("txn")
            transaction["status"] = "paid"  # Paddle is still at it
            waiting = await it.billing.purchases.refund("ana", row.key, idempotency_key="1")
            assert (waiting.waits, it.paddle.book.rows("adj")) == (True, [])
            transaction["status"] = "completed"
            it.paddle.advance(seconds=120)
            assert await it.billing.commands.resolve() == 1
            assert [one["type"] for one in it.paddle.book.rows("adj")] == ["partial"]

    asyncio.run(work())
