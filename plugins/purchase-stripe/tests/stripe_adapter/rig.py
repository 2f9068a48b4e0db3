"""Stripe's adapter on a simulated Stripe, over HTTP, and what was told since."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs

from purchase_core.facts.bodies import SubscriptionSeen
from purchase_core.facts.fact import Fact
from purchase_core.facts.register import Register, observe
from purchase_core.instants import Instant
from purchase_core.ports.provider import (
    CheckoutRequest,
    Connection,
    CustomerRequest,
    OurReference,
    PriceRequest,
)
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_simulators.stripe.objects.subscriptions import Subscription
from purchase_simulators.stripe.openapi import CheckedStripe, document_in
from purchase_simulators.stripe.simulator import DEFAULT_ACCOUNT
from purchase_simulators.stripe.testing import API_KEY
from purchase_stripe.adapter import StripeProvider
from purchase_stripe.client import StripeCalls
from purchase_stripe.config import StripeConfig

SPECS = Path(os.environ.get("PURCHASE_SPECS_FOLDER") or Path(__file__).parents[5] / "shared" / "specs")
START = Instant(1_790_000_000_000_000)
SECRET = Secret("whsec_0123456789abcdefghijklmnop")
PRICE = PriceRequest("app:pro", "v1", "App Pro", 1_200, "USD", "month")
DEARER = attrs.evolve(PRICE, version="v2", unit_amount=2_400)


async def no_pause(seconds: float) -> None:
    """Instead of sleeping."""


class Rig:
    """A simulated Stripe, and an adapter opened on it."""

    def __init__(self, stripe: CheckedStripe) -> None:
        self.stripe = stripe
        self.book = stripe.account.book
        config = StripeConfig(DEFAULT_ACCOUNT, base_url=stripe.url)
        self.calls = StripeCalls(config, API_KEY, stripe.clock, pause=no_pause)
        connection = Connection("stripe", "stripe", "test", "shop", "dev")
        self.provider = StripeProvider(connection, config, self.calls, (SECRET,))

    async def open(self, price: PriceRequest = PRICE, **more: Any) -> str:
        """A checkout of a price, by its id."""
        customer = await self.provider.ensure_customer(CustomerRequest("ana"), key="customer")
        asked: dict[str, Any] = {
            "mode": "subscription" if price.interval else "payment",
            "price": await self.provider.ensure_price(price, key=f"price:{price.version}"),
            "quantity": 1,
            "customer": customer,
            "success_url": "http://127.0.0.1/thanks",
            "cancel_url": "http://127.0.0.1/pricing",
            "reference": OurReference("intent_1", "attempt_1", "ana", price.version),
        }
        number = len(self.book.events)
        checkout = await self.provider.create_checkout(CheckoutRequest(**asked | more), key=f"c{number}")
        return checkout.id

    async def subscribed(self, method: str = "pays", **more: Any) -> str:
        """A subscription that was just bought, by its id."""
        self.stripe.pay(await self.open(**more), method)
        (found,) = [one for one in self.book.all(Subscription) if one.status != "canceled"]
        await self.told()
        return found.id

    async def told(self) -> list[Fact]:
        """The facts of what was sent since this was last asked, looked up where they must be."""
        found: list[Fact] = []
        for webhook in self.stripe.webhooks():
            meaning = self.provider.normalise(self.provider.parse(webhook.body))
            found += meaning.facts
            for need in meaning.needs:
                fetched = await self.provider.fetch(need.kind, need.id)
                found += self.provider.normalise(self.provider.parse_fetched(fetched)).facts
        return found

    async def seen(self, name: str) -> SubscriptionSeen:
        """The subscription as it is now."""
        fetched = await self.provider.fetch("subscription", name)
        (fact,) = self.provider.normalise(self.provider.parse_fetched(fetched)).facts
        assert isinstance(fact.body, SubscriptionSeen)
        return fact.body


def newest(facts: list[Fact], kind: type[Any]) -> Any:
    """The newest state of the one object of a kind."""
    registers: dict[str, Register] = {}
    for fact in facts:
        registers[fact.object] = observe(registers.get(fact.object), fact)
    (found,) = [one.newest.body for one in registers.values() if isinstance(one.newest.body, kind)]
    return found


def on_stripe(body: Callable[[Rig], Awaitable[None]]) -> Callable[[], None]:
    """A test of a Stripe that holds nothing yet, but the portal's settings."""

    async def run() -> None:
        async with CheckedStripe(ManualClock(START), document_in(SPECS)) as stripe:
            stripe.save_portal()
            rig = Rig(stripe)
            try:
                await body(rig)
            finally:
                await rig.provider.aclose()

    def test() -> None:
        asyncio.run(run())

    test.__name__, test.__doc__ = body.__name__, body.__doc__
    return test
