"""A simulated Stripe, and Stripe's own SDK as its client. What passes is compared with Stripe's document."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import stripe

from purchase_core.instants import Instant
from purchase_core.testing.clocks import ManualClock
from purchase_simulators.stripe.openapi import CheckedStripe, document_in
from purchase_simulators.stripe.testing import API_KEY

SPECS = Path(os.environ.get("PURCHASE_SPECS_FOLDER") or Path(__file__).parents[5] / "shared" / "specs")
START = Instant(1_790_000_000_000_000)
SHOP = "http://127.0.0.1/thanks"
DAY = 86_400
OPENED: list[stripe.HTTPXClient] = []  # of one test


class Rig:
    """A simulated Stripe, and Stripe's own client of it. `v` is the client's `v1`."""

    def __init__(self, stripe_: CheckedStripe) -> None:
        self.stripe = stripe_
        self.book = stripe_.account.book
        self.v: Any = client(stripe_.url).v1

    async def customer(self, **more: Any) -> Any:
        return await self.v.customers.create_async({"email": "ana@example.com", **more})

    async def price(self, amount: int = 1_200, **more: Any) -> Any:
        product = await self.v.products.create_async({"name": "Pro"})
        asked = {
            "product": product.id,
            "currency": "usd",
            "unit_amount": amount,
            "recurring": {"interval": "month"},
        }
        return await self.v.prices.create_async(asked | more)

    async def once(self, amount: int = 500, **more: Any) -> Any:
        product = await self.v.products.create_async({"name": "Book"})
        return await self.v.prices.create_async(
            {"product": product.id, "currency": "usd", "unit_amount": amount} | more
        )

    async def session(self, price: Any, customer: Any = None, **more: Any) -> Any:
        asked: dict[str, Any] = {"success_url": SHOP, "line_items": [{"price": price.id, "quantity": 1}]}
        asked["mode"] = "subscription" if price.recurring else "payment"
        if customer:
            asked["customer"] = customer.id
        return await self.v.checkout.sessions.create_async(asked | more)

    async def subscribed(self, method: str = "pays", **data: Any) -> Any:
        """A subscription that was just bought on the hosted page; `data` goes to it."""
        customer = await self.customer()
        more = {"subscription_data": data} if data else {}
        session = await self.session(await self.price(), customer, **more)
        self.stripe.pay(session.id, method)
        self.types()
        (found,) = (await self.v.subscriptions.list_async({"customer": customer.id, "status": "all"})).data
        return found

    async def now(self, subscription: Any) -> Any:
        """The subscription as it is now."""
        return await self.v.subscriptions.retrieve_async(subscription.id)

    async def update(self, subscription: Any, **params: Any) -> Any:
        """Change a subscription."""
        return await self.v.subscriptions.update_async(subscription.id, params)

    async def paid_once(self, method: str = "pays") -> Any:
        """A payment intent of 5.00 USD that was paid."""
        session = await self.session(await self.once(), invoice_creation={"enabled": True})
        self.stripe.pay(session.id, method)
        after = await self.v.checkout.sessions.retrieve_async(session.id)
        return await self.v.payment_intents.retrieve_async(after.payment_intent)

    def types(self) -> list[str]:
        """The types of what was sent since this was last asked."""
        return [json.loads(webhook.body)["type"] for webhook in self.stripe.webhooks()]


def client(url: str, key: str = API_KEY.reveal(), **more: Any) -> stripe.StripeClient:
    """Stripe's own client of a simulator."""
    http = stripe.HTTPXClient(timeout=60)
    OPENED.append(http)
    return stripe.StripeClient(key, base_addresses={"api": url}, http_client=http, **more)


def on_stripe(body: Callable[[Rig], Awaitable[None]]) -> Callable[[], None]:
    """A test of a Stripe that holds nothing yet."""

    async def run() -> None:
        async with CheckedStripe(ManualClock(START), document_in(SPECS)) as simulated:
            try:
                await body(Rig(simulated))
            finally:
                while OPENED:
                    await OPENED.pop().close_async()  # type: ignore[no-untyped-call]

    def test() -> None:
        asyncio.run(run())

    test.__name__, test.__doc__ = body.__name__, body.__doc__
    return test


async def refused(
    call: Awaitable[object], status: int = 400, *, code: str | None = None, param: str | None = None
) -> str:
    """What a call is refused with."""
    with pytest.raises(stripe.StripeError) as raised:
        await call
    error = raised.value
    assert (error.http_status, error.code) == (status, code), error
    if param is not None:
        assert error.param == param  # type: ignore[attr-defined]
    return str(error)
