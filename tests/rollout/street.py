"""A street: one shop, and up to three providers that listen on loopback, in one time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

from purchase_core.billing import Billing
from purchase_core.catalog.catalog import Catalog
from purchase_core.facts.rows import CaseRow, SubscriptionRow
from purchase_core.identifiers import IdSource, SeededIds
from purchase_core.opening import Opening
from purchase_core.testing.plugins import MemoryPlugin
from purchase_core.workflows.checkout import Checkout
from purchase_paddle import testing as paddle
from purchase_paddle.testing import PaddleHarness
from purchase_sandbox import testing as sandbox
from purchase_sandbox.testing import SandboxHarness
from purchase_simulators.stripe import testing as stripe
from purchase_simulators.stripe.testing import StripeHarness

PROVIDERS = ("sandbox", "stripe", "paddle")
SUCCESS, CANCEL = "http://127.0.0.1/thanks", "http://127.0.0.1/cart"
ENVIRON = {
    f"{name.upper()}_{what}": secret.reveal()
    for name, module in (("sandbox", sandbox), ("stripe", stripe), ("paddle", paddle))
    for what, secret in (("KEY", module.API_KEY), ("WEBHOOK", module.WEBHOOK_SECRET))
}


class Street:
    """Connections are called as their providers are. Webhooks arrive when `deliver` is called."""

    sandbox: SandboxHarness
    stripe: StripeHarness
    paddle: PaddleHarness

    def __init__(self, providers: Sequence[str] = PROVIDERS) -> None:
        self.providers = tuple(providers)
        self.memory = MemoryPlugin()
        self.paddle = PaddleHarness()
        self.clock = self.paddle.clock
        self.stripe = StripeHarness(self.clock)
        self.sandbox = SandboxHarness(self.clock, loopback=True)
        self._stack = AsyncExitStack()
        self._seeds = iter(range(1, 1_000))

    async def __aenter__(self) -> Self:
        for name in self.providers:
            await self._stack.enter_async_context(getattr(self, name))
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    def config(self, providers: Sequence[str] = (), **settings: object) -> dict[str, object]:
        """The configuration with some of the connections; all of them, if none is named."""
        return {
            "project": "street",
            "environment": "dev",
            "connections": {name: self._connection(name) for name in providers or self.providers},
            "store": {"plugin": "memory"},
            **settings,
        }

    def _connection(self, name: str) -> dict[str, object]:
        own: Mapping[str, dict[str, object]] = {
            "sandbox": {"base_url": self.sandbox.url, "account": self.sandbox.account.id},
            "stripe": {"base_url": self.stripe.url, "account": self.stripe.account.id},
            "paddle": {
                "base_url": self.paddle.server.url,
                "account": self.paddle.account.id,
                "checkout_url": "http://127.0.0.1/pay",
            },
        }
        keys = {"api_key": f"env:{name.upper()}_KEY", "webhook_secrets": [f"env:{name.upper()}_WEBHOOK"]}
        return {"plugin": name, "mode": "test", **keys, **own[name]}

    def opening(
        self,
        catalog: Catalog,
        providers: Sequence[str] = (),
        *,
        ids: IdSource | None = None,
        plugins: Sequence[object] | None = None,
        **settings: object,
    ) -> Opening:
        """A billing over the street's database, unless other plugins bring another one."""
        return Billing.open(
            catalog=catalog,
            config=self.config(providers, **settings),
            plugins=[self.memory] if plugins is None else plugins,
            environ=ENVIRON,
            clock=self.clock,
            ids=ids or SeededIds(next(self._seeds)),
        )

    # --- sales -----------------------------------------------------------------------------------

    async def start(
        self, billing: Billing, offer: str, key: str = "cart-1", customer: str = "ana", **other: Any
    ) -> Checkout:
        """Open a checkout."""
        return await billing.checkout.start(
            customer=customer,
            offer=offer,
            success_url=SUCCESS,
            cancel_url=CANCEL,
            idempotency_key=key,
            email=f"{customer}@example.com",
            **other,
        )

    async def pay(self, billing: Billing, checkout: Checkout, **buyer: str) -> None:
        """Pay on the page, and have it told. `buyer`: what Paddle's page asks for."""
        if checkout.connection == "paddle":
            self.paddle.pay(checkout.session, **buyer)
        elif checkout.connection == "stripe":
            self.stripe.pay(checkout.session)
        else:
            await self.sandbox.pay(checkout.session)
        await self.deliver(billing)

    async def buy(
        self, billing: Billing, offer: str, key: str = "cart-1", customer: str = "ana", **other: Any
    ) -> Checkout:
        """Open a checkout and pay it."""
        checkout = await self.start(billing, offer, key, customer, **other)
        await self.pay(billing, checkout)
        return checkout

    async def deliver(self, billing: Billing) -> None:
        """Take every webhook that was sent since this was last called."""
        for name in self.providers:
            for one in getattr(self, name).webhooks():
                if name in billing.connections:
                    await billing.webhooks.receive(name, one.body, one.headers)
        await billing.webhooks.drain()

    async def subscriptions(self, billing: Billing) -> list[SubscriptionRow]:
        """All there are, by when they began."""
        return sorted(await billing.store.rows(SubscriptionRow), key=lambda row: (row.started_at, row.key))

    async def cases(self, billing: Billing) -> list[tuple[str, str]]:
        """What a person should look at; what one second's order leaves open is asked for again by itself."""
        rows = await billing.store.rows(CaseRow)
        return [(row.kind, row.detail) for row in rows if row.kind != "contested"]


def run(work: Callable[[Street], Awaitable[None]], providers: Sequence[str] = PROVIDERS) -> None:
    """Run a scene on a street with these providers."""

    async def scene() -> None:
        async with Street(providers) as street:
            await work(street)

    asyncio.run(scene())
