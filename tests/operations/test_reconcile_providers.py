"""Reconcile on the wire: half of what Stripe and Paddle send is lost, and they are asked for it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs
import pytest

from purchase_core.billing import Billing
from purchase_core.identifiers import SeededIds
from purchase_core.instants import SECOND, Instant
from purchase_core.operations.passes import EVENTS, OBJECTS, PASSES
from purchase_core.records.run import RUNNING
from purchase_core.testing.bench import problems
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.plugins import MemoryPlugin
from purchase_core.testing.sales import CATALOG
from purchase_paddle.testing import API_KEY as PADDLE_KEY
from purchase_paddle.testing import WEBHOOK_SECRET as PADDLE_SECRET
from purchase_paddle.testing import PaddleHarness
from purchase_simulators.stripe.simulator import DEFAULT_ACCOUNT
from purchase_simulators.stripe.testing import API_KEY as STRIPE_KEY
from purchase_simulators.stripe.testing import WEBHOOK_SECRET as STRIPE_SECRET
from purchase_simulators.stripe.testing import StripeHarness

START = Instant(1_790_000_000 * SECOND)
NAME = "provider"


@attrs.frozen
class Place:
    """A billing, and the simulated provider that it sells through."""

    billing: Billing
    memory: MemoryPlugin
    harness: Any


@asynccontextmanager
async def opened(harness: Any, connection: dict[str, object], key: str, secret: str) -> AsyncIterator[Place]:
    memory = MemoryPlugin()
    settings = {"mode": "test", "api_key": "env:KEY", "webhook_secrets": ["env:SECRET"], **connection}
    opening = Billing.open(
        catalog=CATALOG,
        config={"project": "shop", "connections": {NAME: settings}, "store": {"plugin": "memory"}},
        plugins=[memory],
        environ={"KEY": key, "SECRET": secret},
        clock=harness.clock,
        ids=SeededIds(7),
    )
    async with opening as billing:
        yield Place(billing, memory, harness)


@asynccontextmanager
async def stripe() -> AsyncIterator[Place]:
    async with StripeHarness(ManualClock(START)) as harness:
        connection: dict[str, object] = {
            "plugin": "stripe",
            "account": DEFAULT_ACCOUNT,
            "base_url": harness.url,
        }
        async with opened(harness, connection, STRIPE_KEY.reveal(), STRIPE_SECRET.reveal()) as place:
            yield place


@asynccontextmanager
async def paddle() -> AsyncIterator[Place]:
    async with PaddleHarness() as harness:
        connection: dict[str, object] = {
            "plugin": "paddle", "base_url": harness.server.url, "checkout_url": "http://127.0.0.1/pay",
        }  # fmt: skip
        async with opened(harness, connection, PADDLE_KEY.reveal(), PADDLE_SECRET.reveal()) as place:
            yield place


async def sell(place: Place, number: int) -> None:
    checkout = await place.billing.checkout.start(
        customer=f"user_{number}",
        offer="app:pro" if number % 3 else "book:full",
        success_url="https://shop.example/yes",
        cancel_url="https://shop.example/no",
        idempotency_key=f"cart-{number}",
        email=f"user_{number}@example.com",
    )
    place.harness.pay(checkout.session)


async def reconciled(place: Place, kind: str, *, repair: bool) -> dict[str, int]:
    run = await place.billing.reconcile.start(NAME, kind, repair=repair)
    while run.state == RUNNING:
        async for noted, found in place.billing.reconcile.run(run, pages_max=3):
            run = noted
            assert not [one for one in found if one.what == "failed"]
    return dict(run.counts)


@pytest.mark.parametrize("kinds", [(EVENTS,), (OBJECTS,), PASSES], ids="+".join)
@pytest.mark.parametrize("provider", [stripe, paddle])
def test_f07_whatever_was_lost_is_found_at_the_provider(
    provider: Callable[[], AbstractAsyncContextManager[Place]], kinds: tuple[str, ...]
) -> None:
    async def work() -> None:
        chance = random.Random(3)
        async with provider() as place:
            for number in range(7):
                await sell(place, number)
            # Stripe forgets its events after 30 days; what there is, it can still list.
            place.harness.advance(days=20 if kinds == (EVENTS,) else 32)
            for webhook in place.harness.webhooks():
                if chance.random() < 0.5:
                    await place.billing.webhooks.receive(NAME, webhook.body, webhook.headers)
            await place.billing.webhooks.drain()
            place.harness.advance(seconds=60)
            shown = [await reconciled(place, kind, repair=False) for kind in kinds]
            assert sum(one.get("missed", 0) + one.get("missing", 0) for one in shown) > 0
            for kind in kinds:
                await reconciled(place, kind, repair=True)
            await place.billing.webhooks.drain()
            for number in range(7):
                rights = await place.billing.customers.entitlements(f"user_{number}")
                assert rights.has("export" if number % 3 else "book")
            place.harness.advance(seconds=60)
            for kind in kinds:
                counts = await reconciled(place, kind, repair=False)
                assert {name: counts.get(name, 0) for name in ("missed", "missing", "differs")} == {
                    "missed": 0,
                    "missing": 0,
                    "differs": 0,
                }
            now = place.harness.clock.now()
            assert list(problems(place.memory.database, now=now)) == []

    asyncio.run(work())
