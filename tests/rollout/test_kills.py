"""Killed at every call and every batch, before it and after: what goes on ends where an unhurt one ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from purchase_core import Catalog, Money, plan, subscription
from purchase_core.billing import Billing
from purchase_core.catalog.products import Product
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import ListedPrice, ListedProduct
from purchase_core.rollout.plan import Plan, decode_plan
from purchase_core.workflows.rollout_log import LEASE_SECONDS
from tests.faults.killed import Killed
from tests.rollout.catalogs import BOOK, PACK
from tests.rollout.street import PROVIDERS, Street

CALLS = (
    "create_product",
    "create_price",
    "update_product",
    "update_price",
    "archive_product",
    "archive_price",
)
POINTS_MAX = 200


@attrs.define
class Counter:
    """Kills at the n-th point: before an operation, or after it and before its answer is known."""

    kills_at: int = 0
    seen: int = 0

    def point(self) -> None:
        """A place where the process may be killed."""
        self.seen += 1
        if self.seen == self.kills_at:
            raise Killed

    def around(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """The operation, with a point before it and one behind it."""

        async def counted(*arguments: Any, **options: Any) -> Any:
            self.point()
            answer = await call(*arguments, **options)
            self.point()
            return answer

        return counted


def watched(billing: Billing, counter: Counter) -> None:
    """Count every call that changes something at a provider, and every batch."""
    for provider in billing.connections.values():
        for name in CALLS:
            setattr(provider, name, counter.around(getattr(provider, name)))
    store: Any = billing.store
    store.commit = counter.around(store.commit)


async def picture(billing: Billing, provider: str) -> tuple[list[object], list[object], list[object]]:
    """What is at the provider and in our records, without ids and times."""
    connection = billing.connections[provider]
    products = [_product(one) for one in (await connection.products(cursor="")).products]
    prices = [_price(one) for one in (await connection.prices(cursor="")).prices]
    records = [
        (one.offer, one.version, one.currency, one.variant, one.ended_at is None)
        for one in await billing.store.prices_of(provider)
    ]
    return sorted(products, key=repr), sorted(prices, key=repr), sorted(records, key=repr)


def _product(one: ListedProduct) -> object:
    return one.name, one.active, one.mark


def _price(one: ListedPrice) -> object:
    return one.active, one.unit_amount, one.currency, one.overrides, one.trial_days, one.lookup, one.mark


def small(amount: str, name: str) -> Product:
    """A product of one plan, with a trial."""
    sold = plan("pro", price=Money(amount, "USD"), every="month", trial_days=14)
    return subscription("app", name=name, plans=[sold])


FIRST = Catalog(small("12.00", "App"), PACK)
CHANGED = Catalog(small("15.00", "Application"), BOOK)


async def prepared(street: Street) -> Plan:
    """An account that is as the first catalog says, and the plan for the second one."""
    async with street.opening(FIRST) as billing:
        await billing.rollout.apply(await billing.rollout.plan())
    async with street.opening(CHANGED) as billing:
        return decode_plan((await billing.rollout.plan()).encode())


async def scene(provider: str, kills_at: int) -> tuple[object, int, bool]:
    """Apply with a kill at one point, go on afterwards; the end, how many points there are, and if it hit."""
    async with Street([provider]) as street:
        planned = await prepared(street)
        counter, hit = Counter(kills_at), False
        async with street.opening(CHANGED) as billing:
            watched(billing, counter)
            try:
                await billing.rollout.apply(planned)
            except Killed:
                hit = True
        street.clock.set_to(Instant(street.clock.now() + (LEASE_SECONDS + 1) * SECOND))
        async with street.opening(CHANGED) as billing:
            await billing.rollout.apply(planned)
            assert (await billing.rollout.plan()).steps == ()
            head = await billing.rollout.versions()
            assert [one.catalog for one in head] == [FIRST.content_hash, CHANGED.content_hash]
            return await picture(billing, provider), counter.seen, hit


@pytest.mark.parametrize("provider", PROVIDERS)
def test_f92_whoever_is_killed_anywhere_ends_where_an_unhurt_one_ends(provider: str) -> None:
    async def all_points() -> None:
        unhurt, points, _ = await scene(provider, 0)
        assert points < POINTS_MAX
        for kills_at in range(1, points + 1):
            ended, _, hit = await scene(provider, kills_at)
            assert hit
            assert ended == unhurt, f"killed at point {kills_at} of {points}"

    asyncio.run(all_points())
