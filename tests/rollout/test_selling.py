"""Trials once, amounts in other currencies and countries: sold as they are declared, on every provider."""

from __future__ import annotations

from typing import Any

import pytest

from purchase_core import Catalog, Money, feature, plan, subscription
from purchase_core.errors import NoRoute
from purchase_core.facts.rows import InvoiceRow
from purchase_core.records.reference import TRIAL
from tests.rollout.street import PROVIDERS, Street, run

export = feature("export")
CATALOG = Catalog(
    subscription(
        "app",
        name="App",
        plans=[
            plan("pro", price=Money("12.00", "USD"), every="month", trial_days=14, includes=[export()]),
            plan("team", price=Money("30.00", "USD"), every="month", trial_days=14, includes=[export()]),
        ],
    ),
    subscription("other", plans=[plan("one", price=Money("5.00", "USD"), every="month", trial_days=7)]),
)
ONCE: dict[str, Any] = {"checkout": {"trials": "once_per_product"}}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_customer_who_had_a_trial_pays_at_once(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG, **ONCE) as billing:
            await street.buy(billing, "app:pro")
            (first,) = await street.subscriptions(billing)
            assert (first.status, first.bound) == ("trialing", True)
            await billing.subscriptions.cancel("ana", first.key, idempotency_key="c", at_period_end=False)
            street.clock.advance(seconds=60)
            await street.deliver(billing)
            await street.buy(billing, "app:team", "cart-2")
            assert [row.status for row in await street.subscriptions(billing)] == ["canceled", "active"]
            await street.buy(billing, "other:one", "cart-3")  # another product has a trial of its own
            await street.buy(billing, "app:pro", "cart-4", "ben")  # and so has another customer
            rows = await street.subscriptions(billing)
            assert [row.status for row in rows] == ["canceled", "active", "trialing", "trialing"]
            assert all(row.bound for row in rows)
            assert await street.cases(billing) == []

    run(work, [provider])


def test_where_trials_belong_to_prices_an_offer_has_two() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG, **ONCE) as billing:
            await street.buy(billing, "app:pro")
            (row,) = await street.subscriptions(billing)
            changed = await billing.subscriptions.change(
                "ana", row.key, offer="app:team", idempotency_key="up"
            )
            assert changed.subscription.unit_amount == 3_000
            known = await billing.store.prices_of("paddle")
            assert sorted((one.offer, one.variant) for one in known) == [("app:pro", TRIAL), ("app:team", "")]
            team = next(one for one in known if one.offer == "app:team")
            assert street.paddle.book.find("pri", team.price)["trial_period"] is None

    run(work, ["paddle"])


MANY = Catalog(
    subscription(
        "app",
        plans=[
            plan(
                "pro",
                prices=[Money("12.00", "USD"), Money("11.00", "EUR"), Money("1800", "JPY")],
                every="month",
                includes=[export()],
            )
        ],
    )
)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("currency", "amount"), [("EUR", 1_100), ("", 1_200), ("JPY", 1_800)])
def test_a_plan_is_sold_in_each_of_its_currencies(provider: str, currency: str, amount: int) -> None:
    async def work(street: Street) -> None:
        async with street.opening(MANY) as billing:
            await street.buy(billing, "app:pro", currency=currency)
            (row,) = await street.subscriptions(billing)
            assert (row.bound, row.unit_amount, row.currency) == (True, amount, currency or "USD")
            assert (await billing.customers.entitlements("ana")).has("export")
            prices = await billing.store.prices_of(provider)
            assert len({one.price for one in prices}) == 1
            told = ["EUR", "JPY", "USD"] if provider == "stripe" else [currency or "USD"]
            assert sorted(one.currency for one in prices) == told

    run(work, [provider])


ABROAD = Catalog(
    subscription(
        "app",
        plans=[
            plan(
                "pro",
                price=Money("12.00", "USD"),
                countries={
                    "DE": Money("11.00", "EUR"),
                    "FR": Money("11.00", "EUR"),
                    "PL": Money("7.00", "EUR"),
                },
                every="month",
                tax="inclusive",
                includes=[export()],
            )
        ],
    )
)


@pytest.mark.parametrize(
    ("country", "amount", "currency"), [("DE", 1_100, "EUR"), ("PL", 700, "EUR"), ("US", 1_200, "USD")]
)
def test_who_lives_where_a_plan_costs_something_else_pays_that(
    country: str, amount: int, currency: str
) -> None:
    async def work(street: Street) -> None:
        async with street.opening(ABROAD) as billing:
            checkout = await street.start(billing, "app:pro")
            await street.pay(billing, checkout, country=country)
            (row,) = await street.subscriptions(billing)
            (invoice,) = await billing.store.rows(InvoiceRow)
            assert (row.bound, row.currency, invoice.match) == (True, currency, "matched")
            assert (invoice.total, invoice.currency) == (amount, currency)
            assert (await billing.customers.entitlements("ana")).has("export")
            assert await street.cases(billing) == []

    run(work, ["paddle"])


@pytest.mark.parametrize("provider", ["sandbox", "stripe"])
def test_who_cannot_price_by_country_does_not_sell_what_needs_it(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(ABROAD) as billing:
            with pytest.raises(NoRoute) as refused:
                await street.start(billing, "app:pro")
            assert refused.value.reasons == (f"{provider}: {provider} has no country_overrides",)

    run(work, [provider])
