"""The customer's pages, as a browser without scripts uses them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import httpx
import pytest

from purchase_core.instants import Instant
from purchase_core.ports.provider import (
    CheckoutRequest,
    CustomerRequest,
    OurReference,
    PortalFlow,
    PortalRequest,
    PriceRequest,
)
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.account.objects import Invoice, Subscription
from purchase_sandbox.server.app import application
from purchase_sandbox.testing import SandboxHarness

START = Instant(1_790_000_000_000_000)
RETURN = "https://shop.example/account"
TOKEN = re.compile(r'name="token" value="([0-9a-f]{64})"')
PRICE = PriceRequest("app:pro", "v1", "App <Pro>", 1_200, "USD", "month")


class Customer:
    """Ana, who has a subscription, and a browser."""

    def __init__(self, sandbox: SandboxHarness, customer: str, subscription: str) -> None:
        self.sandbox = sandbox
        self.customer = customer
        self.bought = subscription
        transport = httpx.ASGITransport(application(sandbox.sandbox))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4242")

    @property
    def subscription(self) -> Subscription:
        return self.sandbox.account.book.get(Subscription, self.bought)

    @property
    def invoices(self) -> list[Invoice]:
        return list(self.sandbox.account.book.all(Invoice))

    async def portal(self, flow: PortalFlow = PortalFlow.OVERVIEW, return_url: str = "") -> str:
        return await self.sandbox.provider.create_portal(
            PortalRequest(self.customer, flow, self.bought, return_url)
        )

    async def press(self, url: str, **fields: str) -> httpx.Response:
        page = await self.http.get(url)
        token = TOKEN.findall(page.text)
        return await self.http.post(url, data={"token": token[0] if token else "", **fields})


Story = Callable[[Customer], Awaitable[None]]


def tell(story: Story, card: str = "pays") -> None:
    async def telling() -> None:
        async with a_customer(card) as customer:
            await story(customer)

    asyncio.run(telling())


@asynccontextmanager
async def a_customer(card: str) -> AsyncIterator[Customer]:
    async with SandboxHarness(ManualClock(START)) as sandbox:
        provider = sandbox.provider
        ana = await provider.ensure_customer(CustomerRequest("ana"), key="c")
        price = await provider.ensure_price(PRICE, key="p")
        reference = OurReference("intent_1", "attempt_1", "ana", "v1")
        request = CheckoutRequest("subscription", price, 1, ana, RETURN, RETURN, reference)
        checkout = await provider.create_checkout(request, key="s")
        await sandbox.pay(checkout.id, card)
        customer = Customer(sandbox, ana, next(iter(sandbox.account.book.all(Subscription))).id)
        async with customer.http:
            yield customer


def test_the_overview_shows_what_the_customer_has_and_leads_back() -> None:
    async def story(ana: Customer) -> None:
        page = await ana.http.get(await ana.portal(return_url=RETURN))
        assert page.status_code == 200
        assert "App &lt;Pro&gt;" in page.text
        assert "12.00 USD per month" in page.text
        assert f'href="{RETURN}"' in page.text
        assert "form-action 'self' https://shop.example" in page.headers["content-security-policy"]
        assert "<script" not in page.text

    tell(story)


def test_a_customer_cancels_and_thinks_better_of_it() -> None:
    async def story(ana: Customer) -> None:
        url = await ana.portal(PortalFlow.CANCEL)
        assert (await ana.press(url, action="cancel", subscription=ana.bought)).status_code == 303
        assert ana.subscription.cancel_at == ana.subscription.period_end
        assert (await ana.press(url, action="uncancel", subscription=ana.bought)).status_code == 303
        assert ana.subscription.cancel_at is None

    tell(story)


def test_a_customer_changes_the_plan() -> None:
    async def story(ana: Customer) -> None:
        team = attrs.evolve(PRICE, version="v2", unit_amount=2_400)
        price = await ana.sandbox.provider.ensure_price(team, key="p2")
        url = await ana.portal(PortalFlow.CHANGE)
        assert "24.00 USD per month" in (await ana.http.get(url)).text
        assert (
            await ana.press(url, action="change", subscription=ana.bought, price=price)
        ).status_code == 303
        assert ana.subscription.items[0].price == price

    tell(story)


def test_another_card_pays_what_is_owed_on_the_portal_or_on_the_invoice() -> None:
    async def story(ana: Customer) -> None:
        url = await ana.portal(PortalFlow.PAYMENT_METHOD)
        ana.sandbox.advance(days=32)
        assert ana.invoices[1].status == "open"
        links = await ana.sandbox.provider.invoice_links(ana.invoices[1].id)
        assert links.pay_url == links.document_url
        assert "Pay 12.00 USD" in (await ana.http.get(links.pay_url)).text
        assert (await ana.press(links.pay_url, card="pays")).status_code == 303
        assert (ana.invoices[1].status, ana.subscription.status) == ("paid", "active")
        assert (await ana.press(links.pay_url, card="pays")).status_code == 403  # no form, so no token
        assert (await ana.http.get(url)).status_code == 410  # a portal is for an hour
        fresh = await ana.portal(PortalFlow.PAYMENT_METHOD)
        pressed = await ana.press(fresh, action="card", subscription=ana.bought, card="fails_later")
        assert (pressed.status_code, ana.subscription.payment_method) == (303, "fails_later")

    tell(story, "fails_later")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"action": "cancel"}, 404),  # no subscription is named
        ({"action": "cancel", "subscription": "sub_of_another"}, 404),
        ({"action": "change"}, 400),  # not on this page
        ({"action": ""}, 400),
        ({"action": "cancel", "token": "0" * 64}, 403),
    ],
)
def test_what_the_page_does_not_offer_is_refused(fields: dict[str, str], status: int) -> None:
    async def story(ana: Customer) -> None:
        url = await ana.portal(PortalFlow.CANCEL)
        assert (await ana.press(url, **fields)).status_code == status
        assert ana.subscription.cancel_at is None

    tell(story)


def test_pages_that_are_not_there() -> None:
    async def story(ana: Customer) -> None:
        for path in ("/portal/ps_unknown", "/invoices/in_unknown"):
            assert (await ana.http.get(path)).status_code == 404
            assert (await ana.http.post(path, data={"token": "x"})).status_code == 404

    tell(story)
