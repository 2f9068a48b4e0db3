"""Code from an account: it runs, it is adopted without a question, and nothing is made twice."""

from __future__ import annotations

from typing import Any

import pytest

from purchase_core import Catalog, Money, one_time, plan, subscription
from tests.rollout.catalogs import told
from tests.rollout.changing import forget
from tests.rollout.street import PROVIDERS, Street, run

HOSTILE = 'Pro "plan" \\ \' {x} \n"""); import os #'
THEIRS = Catalog(
    subscription(
        "app",
        name="App",
        plans=[
            plan("pro", name="Pro", price=Money("12.00", "USD"), every="month", tax="inclusive"),
            plan("yearly", name="Pro, yearly", price=Money("120.00", "USD"), every="year"),
            plan("odd", name="Odd", price=Money("1500", "JPY"), every=(3, "month")),
        ],
    ),
    one_time("book", name="Book", plans=[plan("full", name="Book", price=Money("20.00", "EUR"))]),
)


def executed(code: str) -> Catalog:
    """The catalog that the code makes."""
    found: dict[str, Any] = {}
    exec(compile(code, "pulled", "exec"), found)  # noqa: S102  # that is what it is for
    assert isinstance(found["catalog"], Catalog)
    return found["catalog"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_was_made_in_a_dashboard_becomes_code_and_is_adopted(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(THEIRS) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
        async with street.opening(THEIRS, project="neighbour") as billing:
            await billing.rollout.apply(await billing.rollout.plan(connections=[provider]))
        strip_ours(street, provider)
        street.memory = type(street.memory)()
        async with street.opening(Catalog()) as billing:
            code = await billing.rollout.pull(provider)
            connection = billing.connections[provider]
            before = len((await connection.prices(cursor="")).prices)
        catalog = executed(code)
        assert {version.name for version in catalog.offers.values()} == {
            "App Pro", "App Pro, yearly", "App Odd", "Book",
        }  # fmt: skip
        prices = {(str(one.prices[0]), one.interval, one.interval_count) for one in catalog.offers.values()}
        assert prices == {
            ("12.00 USD", "month", 1), ("120.00 USD", "year", 1), ("1500 JPY", "month", 3),
            ("20.00 EUR", "", 1),
        }  # fmt: skip
        async with street.opening(catalog) as billing:
            planned = await billing.rollout.plan()
            assert planned.doubts == ()
            assert {step.act for step in planned.steps} == {"adopt"}
            await billing.rollout.apply(planned)
            assert (await billing.rollout.plan()).steps == ()
            assert len((await billing.connections[provider].prices(cursor="")).prices) == before
            (offer,) = [one for one, version in catalog.offers.items() if version.interval_count == 3]
            await street.buy(billing, offer)

    run(work, [provider])


def strip_ours(street: Street, provider: str) -> None:
    """Forget what this project has marked: the neighbour's is to stay the neighbour's."""
    forget(street, provider, project="street")


def test_names_that_would_break_out_of_a_literal_stay_names() -> None:
    async def work(street: Street) -> None:
        hostile = plan("x", name=HOSTILE.replace("\n", " "), price=Money("1.00", "USD"), every="month")
        async with street.opening(Catalog(subscription("a", name="A", plans=[hostile]))) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
        forget(street, "sandbox")
        from purchase_sandbox.account.objects import Product  # noqa: PLC0415

        (made,) = street.sandbox.account.book.all(Product)
        object.__setattr__(made, "name", HOSTILE)
        async with street.opening(Catalog()) as billing:
            code = await billing.rollout.pull("sandbox")
        assert "import os #" in code
        (version,) = executed(code).offers.values()
        assert version.name == HOSTILE

    run(work, ["sandbox"])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_prices_of_one_product_are_offers_that_share_it(provider: str) -> None:
    async def work(street: Street) -> None:
        from purchase_core.ports.provider import PriceRequest, ProductRequest  # noqa: PLC0415

        async with street.opening(Catalog()) as billing:
            connection = billing.connections[provider]
            product = await connection.create_product(ProductRequest("hand", "Pro"), key="p")
            for amount, interval in ((1_200, "month"), (12_000, "year")):
                request = PriceRequest("hand", interval, "Pro", amount, "USD", interval, product=product)
                await connection.create_price(request, key=f"p:{interval}")
        strip_ours(street, provider)
        async with street.opening(Catalog()) as billing:
            catalog = executed(await billing.rollout.pull(provider))
        assert len(catalog.products) == 1
        async with street.opening(catalog) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            again = await billing.rollout.plan()
            assert told(again) == []
            assert len((await billing.connections[provider].products(cursor="")).products) == 1

    run(work, [provider])
