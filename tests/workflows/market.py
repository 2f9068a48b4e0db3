"""A shop that sells through two providers, shaped like Stripe and Paddle, over one memory database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from purchase_core.billing import Billing
from purchase_core.facts.bodies import AttemptMade
from purchase_core.facts.rows import CaseRow, IntentRow, SubscriptionRow
from purchase_core.identifiers import SeededIds
from purchase_core.instants import SECOND, Instant
from purchase_core.records.command import Command
from purchase_core.testing.bench import problems
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.plugins import MemoryPlugin
from purchase_core.testing.sales import CATALOG
from purchase_core.testing.shaped import PaddleShaped, ShapedPlugin, ShapedProvider, StripeShaped
from purchase_core.workflows.checkout import KIND, Checkout

START = Instant(1_790_000_000 * SECOND)
ENVIRON = {"KEY": "key", "SECRET": "whsec_" + "a" * 32}


class Market:
    """`stripe` comes first, and `paddle` second, unless the router is told otherwise."""

    billing: Billing

    def __init__(self, **settings: dict[str, object]) -> None:
        self.clock = ManualClock(START)
        self.memory = MemoryPlugin()
        self.shaped = ShapedPlugin()
        self._ids = SeededIds(7)
        self._settings = settings

    @property
    def stripe(self) -> StripeShaped:
        found = self.shaped.providers["stripe"]
        assert isinstance(found, StripeShaped)
        return found

    @property
    def paddle(self) -> PaddleShaped:
        found = self.shaped.providers["paddle"]
        assert isinstance(found, PaddleShaped)
        return found

    def opening(self, *extra: object, **settings: dict[str, object]) -> Any:
        connections = {
            name: {
                "plugin": f"{name}-shaped",
                "mode": "test",
                "api_key": "env:KEY",
                "webhook_secrets": ["env:SECRET"],
            }
            for name in ("stripe", "paddle")
        }
        return Billing.open(
            catalog=CATALOG,
            config={"store": {"plugin": "memory"}, "connections": connections, **self._settings, **settings},
            plugins=[self.memory, self.shaped, *extra],
            environ=ENVIRON,
            clock=self.clock,
            ids=self._ids,
        )

    async def start(
        self, key: str = "cart-1", *, billing: Billing | None = None, offer: str = "app:pro", **other: Any
    ) -> Checkout:
        return await (billing or self.billing).checkout.start(
            customer=other.pop("customer", "ana"),
            offer=offer,
            success_url="https://shop.example/yes",
            cancel_url="https://shop.example/no",
            idempotency_key=key,
            **other,
        )

    async def pay(self, provider: ShapedProvider, session: str) -> None:
        """Pay a session a little later, and take the webhook."""
        self.clock.advance(seconds=30)
        assert await provider.deliver(self.billing, provider.pay(session)) == "done"

    def command(self, key: str = "cart-1") -> Command:
        return self.memory.database.commands[f"{KIND}:{key}"]

    def stages(self, key: str = "cart-1") -> list[tuple[str, str]]:
        return [(stage.name, stage.detail) for stage in self.command(key).stages]

    def attempts(self) -> list[tuple[str, str]]:
        """Connection and newest status of every attempt, in order of their ids."""
        newest: dict[str, tuple[int, AttemptMade]] = {}
        for one in self.memory.database.facts.values():
            body = one.fact.body
            if isinstance(body, AttemptMade) and one.fact.order >= newest.get(body.id, (0, body))[0]:
                newest[body.id] = (one.fact.order, body)
        return [(body.connection, body.status) for _, (_, body) in sorted(newest.items())]

    async def cases(self) -> list[tuple[str, str, int]]:
        rows = await self.billing.store.rows(CaseRow)
        return [(one.kind, one.about.rpartition(":")[2], one.amount) for one in rows]

    async def bound(self) -> list[tuple[str, bool]]:
        rows = await self.billing.store.rows(SubscriptionRow)
        return [(one.connection, one.bound) for one in rows]

    async def intent(self) -> IntentRow:
        (row,) = await self.billing.store.rows(IntentRow)
        return row


def run(work: Callable[[Market], Coroutine[Any, Any, None]], **settings: dict[str, object]) -> None:
    """Run a scene, and check that nothing in the database contradicts itself afterwards."""

    async def scene() -> None:
        market = Market(**settings)
        async with market.opening() as billing:
            market.billing = billing
            await work(market)
            assert list(problems(market.memory.database, now=market.clock.now())) == []

    asyncio.run(scene())


@asynccontextmanager
async def another(market: Market, *extra: object, **settings: dict[str, object]) -> AsyncIterator[Billing]:
    """One more process over the same database and accounts."""
    async with market.opening(*extra, **settings) as billing:
        yield billing


PADDLE_FIRST: dict[str, object] = {"share": {"paddle": 100, "stripe": 0}}
