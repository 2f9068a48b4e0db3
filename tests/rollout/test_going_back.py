"""Rollouts that lead back to a catalog of before, or over several providers."""

from __future__ import annotations

import pytest

from purchase_core import Catalog, Money, plan, subscription
from purchase_core.rollout.plan import decode_plan
from tests.rollout.catalogs import CATALOG, PACK, app, told
from tests.rollout.street import PROVIDERS, Street, run


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_way_back_reinstates_what_was_replaced_and_moves_nobody(provider: str) -> None:
    async def work(street: Street) -> None:
        dearer = Catalog(app("15.00"), PACK)
        first = Catalog(app(), PACK)
        async with street.opening(first) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            await street.buy(billing, "app:pro")
            old = {one.price for one in await billing.store.prices_of(provider) if one.offer == "app:pro"}
        async with street.opening(dearer) as billing:
            street.clock.advance(seconds=5)
            await billing.rollout.apply(await billing.rollout.plan())
            await street.buy(billing, "app:pro", "cart-2", "ben")
            assert [one.catalog for one in await billing.rollout.versions()] == [
                first.content_hash, dearer.content_hash,
            ]  # fmt: skip
            back = await billing.rollout.plan(to=first.content_hash[:8])
            acts = {step.act for step in back.steps}
            assert acts == {"reinstate", "retire"}
            assert {step.object for step in back.steps if step.act == "reinstate"} == old
            keeping = {step.currency: step.holders for step in back.steps if step.act == "retire"}
            assert keeping == ({"USD": 1} if provider == "stripe" else {"USD": 1, "EUR": 0})
            street.clock.advance(seconds=5)
            await billing.rollout.apply(decode_plan(back.encode()))
            assert (await billing.rollout.plan(to=first.content_hash)).steps == ()
            assert (await billing.rollout.plan()).steps != ()
            await street.deliver(billing)
            rows = {row.lane: row.unit_amount for row in await street.subscriptions(billing)}
            assert rows == {"customer:ana": 1_200, "customer:ben": 1_500}
        async with street.opening(first) as billing:
            assert (await billing.rollout.plan()).steps == ()
            before = await billing.store.prices_of(provider)
            await street.buy(billing, "app:pro", "cart-3", "cid")
            assert await billing.store.prices_of(provider) == before

    run(work, [provider])


def test_several_providers_are_planned_and_brought_there_together() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            planned = await billing.rollout.plan()
            assert [one.name for one in planned.accounts] == ["paddle", "sandbox", "stripe"]
            assert {step.connection for step in planned.steps} == set(PROVIDERS)
            some = await billing.rollout.plan(connections=["stripe"])
            assert {step.connection for step in some.steps} == {"stripe"}
            await billing.rollout.apply(some)
            rest = await billing.rollout.plan()
            assert {step.connection for step in rest.steps} == {"paddle", "sandbox"}
            await billing.rollout.apply(rest)
            assert (await billing.rollout.plan()).steps == ()

    run(work)


def test_a_free_plan_needs_nothing_at_a_provider() -> None:
    async def work(street: Street) -> None:
        free = Catalog(subscription("app", plans=[plan("free", default=True)]))
        async with street.opening(free) as billing:
            planned = await billing.rollout.plan()
            assert (told(planned), planned.notices) == ([], ())
        paid = plan("pro", price=Money("5.00", "USD"), every="month")
        both = Catalog(subscription("app", plans=[plan("free", default=True), paid]))
        async with street.opening(both) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
        async with street.opening(free) as billing:  # what was paid is free now
            assert {step.act for step in (await billing.rollout.plan()).steps} == {"archive"}

    run(work)
