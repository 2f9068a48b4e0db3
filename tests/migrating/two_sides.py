"""A shop that sells on simulated Stripe and Paddle, over the wire, with one clock that tests move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from purchase_core.billing import Billing
from purchase_core.facts.rows import InvoiceRow, SubscriptionRow
from purchase_core.identifiers import SeededIds
from purchase_core.instants import DAY, Instant
from purchase_core.testing.plugins import MemoryPlugin
from purchase_core.testing.sales import CATALOG
from purchase_core.workflows.checkout import Checkout
from purchase_core.workflows.prospects import Settings
from purchase_paddle.testing import API_KEY as PADDLE_KEY
from purchase_paddle.testing import WEBHOOK_SECRET as PADDLE_SECRET
from purchase_paddle.testing import PaddleHarness
from purchase_simulators.stripe.simulator import DEFAULT_ACCOUNT
from purchase_simulators.stripe.testing import API_KEY as STRIPE_KEY
from purchase_simulators.stripe.testing import WEBHOOK_SECRET as STRIPE_SECRET
from purchase_simulators.stripe.testing import StripeHarness

SETTINGS = Settings(
    "stripe", "paddle", success_url="https://shop.example/moved", cancel_url="https://shop.example/account"
)
ENVIRON = {
    "STRIPE_KEY": STRIPE_KEY.reveal(),
    "STRIPE_SECRET": STRIPE_SECRET.reveal(),
    "PADDLE_KEY": PADDLE_KEY.reveal(),
    "PADDLE_SECRET": PADDLE_SECRET.reveal(),
}


class TwoSides:
    """Both providers, and a billing over both. `store`: its settings, else a memory database."""

    billing: Billing

    def __init__(
        self,
        store: Mapping[str, object] | None = None,
        *,
        router: dict[str, object] | None = None,
        failover: dict[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.paddle = PaddleHarness()
        self.clock = self.paddle.clock
        self.stripe = StripeHarness(self.clock)
        self.memory = MemoryPlugin()
        self._store = dict(store or {"plugin": "memory"})
        self._router, self._failover = router or {}, failover or {}
        self._environ = ENVIRON | dict(environ or {})
        self._ids = SeededIds(3)
        self._stack, self._processes = AsyncExitStack(), AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.paddle)
        await self._stack.enter_async_context(self.stripe)
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
        await self._stack.aclose()

    async def open(self) -> None:
        """Another process begins, beside those that are there."""
        self.billing = await self._processes.enter_async_context(self.opening())

    async def close(self) -> None:
        """Every process ends."""
        await self._processes.aclose()

    def config(self) -> dict[str, Any]:
        """What stands in `purchase.toml`."""
        return {
            "store": self._store,
            "router": self._router,
            "failover": self._failover,
            "connections": {
                "stripe": {
                    "plugin": "stripe", "mode": "test", "api_key": "env:STRIPE_KEY",
                    "webhook_secrets": ["env:STRIPE_SECRET"], "account": DEFAULT_ACCOUNT,
                    "base_url": self.stripe.url,
                },
                "paddle": {
                    "plugin": "paddle", "mode": "test", "api_key": "env:PADDLE_KEY",
                    "webhook_secrets": ["env:PADDLE_SECRET"], "base_url": self.paddle.server.url,
                    "checkout_url": "http://127.0.0.1/pay",
                },
            },
        }  # fmt: skip

    def opening(self) -> Any:
        """One process; there may be more."""
        return Billing.open(
            catalog=CATALOG,
            config=self.config(),
            plugins=[self.memory],
            environ=self._environ,
            clock=self.clock,
            ids=self._ids,
        )

    # --- what customers do -------------------------------------------------------------------

    async def subscribe(self, customer: str, *, offer: str = "app:pro", quantity: int = 1) -> SubscriptionRow:
        """A customer buys on Stripe."""
        checkout: Checkout = await self.billing.checkout.start(
            customer=customer,
            offer=offer,
            quantity=quantity,
            success_url="https://shop.example/yes",
            cancel_url="https://shop.example/no",
            idempotency_key=f"first-{customer}",
            email=f"{customer}@example.com",
        )
        assert checkout.connection == "stripe"
        self.stripe.pay(checkout.session)
        await self.deliver()
        found = await self.billing.subscriptions.current(customer)
        assert found is not None
        return found

    def accept(self, session: str, customer: str) -> None:
        """A customer gives their card on Paddle's page."""
        self.paddle.pay(session, email=f"{customer}@example.com")

    # --- time --------------------------------------------------------------------------------

    async def deliver(self) -> None:
        """Webhooks arrive, until nothing more is told."""
        while True:
            told = [("stripe", one.body, one.headers) for one in self.stripe.webhooks()]
            told += [("paddle", one.body, one.headers) for one in self.paddle.webhooks()]
            if not told:
                await self.billing.webhooks.drain()
                return
            for name, body, headers in told:
                receipt = await self.billing.webhooks.receive(name, body, headers)
                assert receipt.status in ("done", "ignored", "pending"), receipt

    async def pass_days(self, days: int = 1, *, work: bool = True) -> None:
        """Days go by; each evening webhooks arrive, and workers do what they have to."""
        for _ in range(days):
            self.clock.advance(days=1)
            self.stripe.simulator.catch_up()
            self.paddle.account.catch_up()
            await self.deliver()
            if work:
                await self.billing.migrations.advance()
                await self.deliver()

    # --- what there is -----------------------------------------------------------------------

    async def bills(self, customer: str) -> list[tuple[int, str, int]]:
        """What was taken from a customer: day since the start, connection, minor units."""
        rows = await self.billing.store.rows(InvoiceRow, lane=f"customer:{customer}")
        paid = [(one.paid_at or Instant(0), one.connection, one.paid) for one in rows if one.paid]
        return [(day_of(at), connection, amount) for at, connection, amount in sorted(paid)]

    async def subscriptions(self, customer: str) -> Sequence[SubscriptionRow]:
        return sorted(await self.billing.subscriptions.list(customer), key=lambda row: row.started_at)

    async def phase(self, customer: str) -> str:
        status = await self.billing.migrations.status("stripe", "paddle")
        return next((one.phase for one in status.moves if one.customer == customer), "")


def sqlite_in(folder: Path) -> dict[str, object]:
    """Settings of a SQLite file."""
    return {"plugin": "sqlite", "path": str(folder / "shop.db")}


START = Instant(1_790_000_000_000_000)


def day_of(at: Instant) -> int:
    return (at - START) // DAY
