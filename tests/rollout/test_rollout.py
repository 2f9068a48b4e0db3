"""Plan, apply, plan again: on every provider, from an empty account to a price change with subscribers."""

from __future__ import annotations

import pytest

from purchase_core import (
    Catalog,
    Money,
    one_time,
    plan,
)
from purchase_core.rollout.plan_words import summary
from tests.rollout.catalogs import BOOK, CATALOG, PACK, app
from tests.rollout.street import PROVIDERS, Street, run


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_empty_account_gets_the_catalog_and_then_nothing_is_left_to_do(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            planned = await billing.rollout.plan()
            assert {step.act for step in planned.steps} == {"create"}
            offers = {step.offer for step in planned.steps}
            assert offers == {"app:pro", "app:team", "ai:small", "book:full"}  # a free plan needs no price
            count = {"sandbox": 5, "stripe": 4, "paddle": 7}[provider]
            assert sum(step.kind == "price" for step in planned.steps) == count
            done = await billing.rollout.apply(planned)
            assert done.done == planned.steps
            again = await billing.rollout.plan()
            assert (again.steps, again.doubts, again.notices) == ((), (), ())
            known = await billing.store.prices_of(provider)
            await street.buy(billing, "app:pro")  # and a checkout finds what was made
            await street.buy(billing, "app:pro", "cart-2", "ben", currency="EUR")
            assert await billing.store.prices_of(provider) == known
            assert (await billing.rollout.plan()).steps == ()
            assert await street.cases(billing) == []

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_changed_price_leaves_those_who_have_it_alone(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            for customer in ("ana", "ben", "cid"):
                await street.buy(billing, "app:pro", customer, customer)
        dearer = Catalog(app("15.00"), PACK, BOOK)
        async with street.opening(dearer) as billing:
            planned = await billing.rollout.plan()
            replaced = {
                (step.act, step.before, step.after) for step in planned.steps if step.act == "replace"
            }
            assert all("12.00 USD" in before and "15.00 USD" in after for _, before, after in replaced
                       if "USD" in after)  # fmt: skip
            retired = [step for step in planned.steps if step.act == "retire"]
            assert retired
            keeping = {step.currency: step.holders for step in retired}
            assert keeping == ({"USD": 3} if provider == "stripe" else {"USD": 3, "EUR": 0})
            assert summary(planned).endswith("; 3 subscribers keep what they have.")
            assert {step.offer for step in planned.steps} == {"app:pro"}
            before = [(row.unit_amount, row.items) for row in await street.subscriptions(billing)]
            await billing.rollout.apply(planned)
            assert (await billing.rollout.plan()).steps == ()
            await street.deliver(billing)
            rows = await street.subscriptions(billing)
            assert [(row.unit_amount, row.items) for row in rows] == before
            await street.buy(billing, "app:pro", "dan", "dan")
            newest = next(row for row in await street.subscriptions(billing) if "dan" in row.lane)
            assert (newest.unit_amount, newest.bound) == (1_500, True)
            assert await street.cases(billing) == []

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_f65_amounts_without_and_with_three_decimals_arrive_as_they_are(provider: str) -> None:
    odd = Catalog(
        one_time(
            "book",
            plans=[plan("yen", price=Money("1500", "JPY")), plan("dinar", price=Money("4.500", "KWD"))],
        )
    )

    async def work(street: Street) -> None:
        async with street.opening(odd) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            listed = (await billing.connections[provider].prices(cursor="")).prices
            amounts = {(one.currency, one.unit_amount) for one in listed}
            both = {("JPY", 1_500), ("KWD", 4_500)}
            assert amounts == (both - {("KWD", 4_500)} if provider == "paddle" else both)
            notices = [notice.text for notice in (await billing.rollout.plan()).notices]
            assert notices == (["not sold here: does not sell in KWD"] if provider == "paddle" else [])

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_process_that_still_runs_the_old_code_goes_on_selling(provider: str) -> None:
    """In a deploy, some processes are behind: they sell what they show, until the next plan."""

    async def work(street: Street) -> None:
        old, new = Catalog(app(), PACK), Catalog(app("15.00"), PACK)
        async with street.opening(old) as behind:
            await behind.rollout.apply(await behind.rollout.plan())
            known = await behind.store.prices_of(provider)
            street.clock.advance(seconds=5)
            async with street.opening(new) as ahead:
                await ahead.rollout.apply(await ahead.rollout.plan())
                street.clock.advance(seconds=5)
                await street.buy(behind, "app:pro")
                (row,) = await street.subscriptions(behind)
                assert (row.unit_amount, row.bound) == (1_200, True)
                assert await street.cases(behind) == []
                prices = {one.price for one in await behind.store.prices_of(provider)}
                assert {one.price for one in known} <= prices
                made = (await behind.connections[provider].prices(cursor="")).prices
                assert len(made) == len(prices)  # it was sold again, not made again
                acts = {step.act for step in (await ahead.rollout.plan()).steps}
                assert acts == {"retire"}

    run(work, [provider])
