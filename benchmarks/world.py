"""A world to measure: an account of the sandbox, a catalog, sales, and what was delivered of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from purchase_core import (
    Billing,
    Catalog,
    Money,
    credit_pack,
    credit_unit,
    feature,
    plan,
    quota,
    subscription,
)
from purchase_core.billing import Parts
from purchase_core.identifiers import RandomIds
from purchase_core.instants import Clock, SystemClock
from purchase_core.plugins.descriptors import Subscriber
from purchase_core.plugins.listeners import Listeners
from purchase_core.plugins.registry import Registry
from purchase_core.ports.store import Store
from purchase_core.routing.router import PolicyRouter
from purchase_sandbox.testing import SandboxHarness, Webhook
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore
from purchase_sqlite.writer import Recorder

export = feature("export")
api = quota("api_calls")
ai = credit_unit("ai_credits")

CATALOG = Catalog(
    subscription(
        "app",
        plans=[
            plan("free", default=True, includes=[api(limit=100, reset="month")]),
            plan(
                "pro",
                price=Money("12.00", "USD"),
                every="month",
                includes=[export(), api(limit=100_000, reset="month"), ai(amount=500)],
            ),
        ],
    ),
    credit_pack("ai", plans=[plan("ai_500", price=Money("10.00", "USD"), includes=[ai(amount=500)])]),
)


@attrs.frozen
class World:
    """A billing over a store, and the provider that it sells through."""

    billing: Billing
    store: Store
    harness: SandboxHarness


@asynccontextmanager
async def world(
    path: Path, harness: SandboxHarness, *, clock: Clock | None = None, recorder: Recorder | None = None
) -> AsyncIterator[World]:
    """A billing over this file, for as long as the block lasts."""
    async with await SqliteStore.open(SqliteConfig(str(path)), recorder=recorder) as store:
        await store.migrate()
        yield billing_over(store, harness, clock or SystemClock())


def billing_over(
    store: Store,
    harness: SandboxHarness,
    clock: Clock,
    *,
    listeners: Listeners | None = None,
    subscribers: Mapping[str, Subscriber] | None = None,
) -> World:
    """A billing over an open store."""
    billing = Billing(
        Parts(
            catalog=CATALOG,
            store=store,
            connections={harness.connection.name: harness.provider},
            router=PolicyRouter(),
            listeners=listeners or Listeners(Registry(listed=())),
            subscribers=subscribers or {},
            clock=clock,
            ids=RandomIds(),
        )
    )
    return World(billing, store, harness)


async def sell(one: World, customers: Sequence[str]) -> list[list[Webhook]]:
    """Start a checkout for each customer and have it paid; what was sent of each sale, in order."""
    sent = []
    for customer in customers:
        checkout = await one.billing.checkout.start(
            customer=customer,
            offer="app:pro",
            success_url="https://shop.example/thanks",
            cancel_url="https://shop.example/prices",
            idempotency_key=customer,
        )
        await one.harness.pay(checkout.session)
        sent.append(one.harness.webhooks())
    return sent


def interleaved(sales: Sequence[Sequence[Webhook]]) -> list[Webhook]:
    """The first delivery of every sale, then the second of every sale, and so on."""
    longest = max(map(len, sales))
    return [sale[place] for place in range(longest) for sale in sales if place < len(sale)]
