"""A first sale, step by step: catalog, route, checkout, hosted page, webhooks, facts, entitlements."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import attrs

from purchase_core.catalog.grants import name_of
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.reads.receipts import Receipt
from purchase_core.records.effect import Effect
from purchase_core.workflows.checkout import Checkout

from . import playing
from .playing import Step, Steps, StoryFailed, settled
from .running import Demo
from .visitor import HttpVisitor, NotThere, pay

CUSTOMER, OFFER, FEATURE, GOOD_CARD = "user_1", "app:pro_monthly", "export", "4242"


@attrs.frozen
class Sale:
    """What was played. `sold`: the entitlement is there."""

    steps: tuple[Step, ...]
    sold: bool
    receipt: str
    milliseconds: int


class Hearing:
    """A plugin that waits for something to have become true."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.heard = asyncio.Event()

    @hookimpl
    async def purchase_on_event(self, event: Effect) -> None:
        """Told by Purchase, after the commit."""
        if event.name == self._name:
            self.heard.set()


async def play(demo: Demo, hearing: Hearing, tell: Callable[[Step], None]) -> Sale:
    """Sell somebody something, and tell each step when it is done. Raises StoryFailed.

    `hearing` is a plugin of the demo's billing, and waits for the subscription to start.
    """
    async with HttpVisitor() as buyer:
        try:
            return await _Selling(demo, buyer, hearing, tell).play()
        except NotThere as error:
            raise StoryFailed(str(error)) from error


class _Selling:
    def __init__(
        self, demo: Demo, buyer: HttpVisitor, hearing: Hearing, tell: Callable[[Step], None]
    ) -> None:
        self._demo = demo
        self._billing = demo.billing
        self._buyer = buyer
        self._hearing = hearing
        self._steps = Steps(tell)

    async def play(self) -> Sale:
        done = self._steps.add
        done("catalog", self._catalog())
        checkout = await self._start()
        receipt = await self._billing.receipts.get(checkout.receipt)
        done("route", _route(receipt))
        done("checkout", [f"{stage.name:9} {stage.detail}" for stage in receipt.stages])
        done("hosted page", await self._pay(checkout))
        done("webhooks", await self._webhooks())
        receipt = await self._billing.receipts.get(receipt.id)
        done("facts", [fact.key.partition("@")[0] for fact in receipt.facts])
        rights = await self._billing.customers.entitlements(CUSTOMER)
        held = [f"{FEATURE}: {'yes' if rights.has(FEATURE) else 'no'}"]
        held += [f"{name}: {quota.limit:,} a {quota.reset}" for name, quota in rights.quotas.items()]
        done("entitlements", held)
        await self._buyer.open(f"{self._demo.shop_url}/account")
        shown = FEATURE in (await self._buyer.page()).items("Entitlements")
        sold = rights.has(FEATURE) and shown
        return Sale(tuple(self._steps.done), sold, receipt.id, self._steps.milliseconds)

    def _catalog(self) -> list[str]:
        lines = []
        for offer, version in self._billing.catalog.offers.items():
            grants = ", ".join(map(name_of, version.grants))
            price = " or ".join(map(str, version.prices)) or "free"
            lines.append(f"{offer:18} {price:11} {grants}")
        return lines

    async def _start(self) -> Checkout:
        shop = self._demo.shop_url
        return await self._billing.checkout.start(
            customer=CUSTOMER,
            offer=OFFER,
            email=f"{CUSTOMER}@example.com",
            success_url=f"{shop}/account?from=checkout",
            cancel_url=f"{shop}/",
            idempotency_key="first-sale",
        )

    async def _pay(self, checkout: Checkout) -> list[str]:
        """The provider's page, its form, and where paying leads."""
        await self._buyer.open(checkout.url)
        await pay(self._buyer, GOOD_CARD)
        led_to = await self._buyer.url()
        if not led_to.startswith(f"{self._demo.shop_url}/account"):
            raise StoryFailed(f"paying led to {led_to}")
        return list(self._buyer.log)

    async def _webhooks(self) -> list[str]:
        """What has arrived, once all of it has."""
        try:
            async with asyncio.timeout(playing.WEBHOOK_SECONDS_MAX):
                await self._hearing.heard.wait()
        except TimeoutError:
            seconds = f"{playing.WEBHOOK_SECONDS_MAX:.0f} s"
            raise StoryFailed(f"no webhook told of the sale within {seconds}") from None
        await settled(self._demo.providers)
        found = await self._billing.webhooks.list()
        return [f"{one.event_type:32} {one.state:8} {one.reason}".rstrip() for one in reversed(found)]


def _route(receipt: Receipt) -> list[str]:
    decision = receipt.decision
    if decision is None:
        return []
    lines = [f"{one.connection}: {one.excluded or 'can take it'}" for one in decision.verdicts]
    return [*lines, f"router {decision.router!r} chose {decision.order[0]!r}"]
