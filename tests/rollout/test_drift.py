"""What somebody else has changed since: told, mended, and never mistaken for the catalog's own changes."""

from __future__ import annotations

from typing import Any

import pytest

from purchase_core import Catalog, Money, plan, subscription
from purchase_core.ports.provider import ListedPrice, ListedProduct, ProductRequest
from tests.rollout.catalogs import CATALOG, PACK, app, told
from tests.rollout.changing import forget
from tests.rollout.street import PROVIDERS, Street, run

ONE = Catalog(
    subscription("app", name="App", plans=[plan("pro", price=Money("12.00", "USD"), every="month")])
)


TAXED = [("stripe", "txcd_10103001", "txcd_10000000"), ("paddle", "saas", "standard")]


async def only(street: Street, provider: str) -> tuple[ListedProduct, ListedPrice]:
    """The product and the price that there are."""
    async with street.opening(ONE, [provider]) as billing:
        connection = billing.connections[provider]
        (product,) = (await connection.products(cursor="")).products
        (price,) = (await connection.prices(cursor="")).prices
        return product, price


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_name_that_somebody_changed_is_put_back(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(ONE) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            product, _ = await only(street, provider)
            connection = billing.connections[provider]
            await connection.update_product(product.id, ProductRequest("app:pro", "Mine"), key="drift")
            planned = await billing.rollout.plan()
            (step,) = planned.steps
            assert (step.act, step.kind, step.fields, step.drift) == ("update", "product", ("name",), True)
            assert (step.before, step.after, planned.drift) == ("Mine", "App pro", True)
            await billing.rollout.apply(planned)
            assert (await billing.rollout.plan()).steps == ()
            assert (await only(street, provider))[0].name == "App pro"

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_name_that_the_catalog_changed_is_no_drift(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(ONE) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
        sold = plan("pro", price=Money("12.00", "USD"), every="month")
        renamed = Catalog(subscription("app", name="Application", plans=[sold]))
        async with street.opening(renamed) as billing:
            planned = await billing.rollout.plan()
            assert told(planned) == [("update", "product", "app:pro")]
            assert not planned.drift
            await billing.rollout.apply(planned)
            assert (await billing.rollout.plan()).steps == ()

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_price_in_use_that_was_archived_by_hand_is_told_with_those_who_have_it(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(ONE) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            await street.buy(billing, "app:pro")
            _, price = await only(street, provider)
            await billing.connections[provider].archive_price(price.id, key="by hand")
            (step,) = (await billing.rollout.plan()).steps
            assert (step.act, step.fields, step.drift, step.holders) == ("update", ("active",), True, 1)
            await billing.rollout.apply(await billing.rollout.plan())
            assert (await only(street, provider))[1].active
            await street.buy(billing, "app:pro", "cart-2", "ben")

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_product_that_was_archived_by_hand_is_sold_again(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(ONE) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            product, _ = await only(street, provider)
            await billing.connections[provider].archive_product(product.id, key="by hand")
            planned = await billing.rollout.plan()
            (step,) = [one for one in planned.steps if one.kind == "product"]
            assert (step.act, step.fields, step.drift) == ("update", ("active",), True)
            assert (step.before, step.after) == ("archived", "on sale")
            await billing.rollout.apply(planned)
            again, price = await only(street, provider)
            assert (again.id, again.active, price.active) == (product.id, True, True)
            assert (await billing.rollout.plan()).steps == ()

    run(work, [provider])


def test_an_interval_that_was_changed_in_place_is_put_back() -> None:
    async def work(street: Street) -> None:
        async with street.opening(ONE) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            await street.buy(billing, "app:pro")
            _, price = await only(street, "paddle")
            street.paddle.book.find("pri", price.id)["billing_cycle"]["interval"] = "year"
            (step,) = (await billing.rollout.plan()).steps
            assert (step.act, step.fields, step.drift, step.holders) == ("update", ("interval",), True, 1)
            assert (step.before, step.after) == ("12.00 USD every year", "12.00 USD every month")
            await billing.rollout.apply(await billing.rollout.plan())
            assert (await only(street, "paddle"))[1].interval == "month"
            assert (await billing.rollout.plan()).steps == ()

    run(work, ["paddle"])


@pytest.mark.parametrize(("provider", "category", "other"), TAXED)
def test_a_tax_category_and_whether_tax_is_in_a_price_arrive_and_are_put_back(
    provider: str, category: str, other: str
) -> None:
    sold = plan("pro", price=Money("12.00", "USD"), every="month", tax="inclusive", tax_category=category)
    taxed = Catalog(subscription("app", name="App", plans=[sold]))

    async def work(street: Street) -> None:
        async with street.opening(taxed) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            product, price = await only(street, provider)
            assert (product.tax_category, price.tax_behavior) == (category, "inclusive")
            connection = billing.connections[provider]
            await connection.update_product(product.id, ProductRequest("app:pro", "App pro", other), key="x")
            (step,) = (await billing.rollout.plan()).steps
            assert (step.act, step.fields, step.drift) == ("update", ("tax category",), True)
            assert (step.before, step.after) == (other, category)
            await billing.rollout.apply(await billing.rollout.plan())
            assert (await only(street, provider))[0].tax_category == category
            assert (await billing.rollout.plan()).steps == ()

    run(work, [provider])


def test_an_amount_that_was_changed_in_place_is_put_back() -> None:
    async def work(street: Street) -> None:
        async with street.opening(ONE) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            _, price = await only(street, "paddle")
            street.paddle.book.find("pri", price.id)["unit_price"]["amount"] = "99"
            (step,) = (await billing.rollout.plan()).steps
            assert (step.act, step.fields, step.drift) == ("update", ("amount",), True)
            assert (step.before, step.after) == ("0.99 USD every month", "12.00 USD every month")
            await billing.rollout.apply(await billing.rollout.plan())
            assert (await only(street, "paddle"))[1].unit_amount == 1_200

    run(work, ["paddle"])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_that_forgets_metadata_makes_nothing_twice(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(ONE) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            forget(street, provider)
            product, price = await only(street, provider)
            assert (product.mark, price.mark) == (None, None)
            planned = await billing.rollout.plan()
            acts = {(step.act, step.kind) for step in planned.steps}
            assert acts == {("adopt", "product"), ("update", "price")}
            assert all("mark" in step.fields for step in planned.steps if step.kind == "price")
            await billing.rollout.apply(planned)
            again_product, again = await only(street, provider)
            assert (again_product.id, again.id) == (product.id, price.id)
            assert again.mark is not None
            assert (await billing.rollout.plan()).steps == ()

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_database_that_was_lost_is_filled_again_and_nothing_is_made_twice(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            before = await billing.store.prices_of(provider)
        street.memory = type(street.memory)()
        async with street.opening(CATALOG) as billing:
            planned = await billing.rollout.plan()
            assert {step.act for step in planned.steps} == {"link"}
            await billing.rollout.apply(planned)
            assert (await billing.rollout.plan()).steps == ()
            after = await billing.store.prices_of(provider)
            assert [(one.price, one.version, one.currency, one.variant) for one in after] == [
                (one.price, one.version, one.currency, one.variant) for one in before
            ]

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_t10_neither_another_application_nor_another_environment_is_touched(provider: str) -> None:
    async def work(street: Street) -> None:
        own = Catalog(app(), PACK)
        others: tuple[dict[str, Any], ...] = ({"project": "neighbour"}, {"environment": "staging"})
        for settings in others:
            street.memory = type(street.memory)()
            async with street.opening(own, **settings) as billing:
                await billing.rollout.apply(await billing.rollout.plan())
        street.memory = type(street.memory)()
        async with street.opening(ONE) as billing:
            connection = billing.connections[provider]
            before = {one.id: one for one in (await connection.products(cursor="")).products}
            before_prices = {one.id: one for one in (await connection.prices(cursor="")).prices}
            planned = await billing.rollout.plan()
            assert told(planned) == [("create", "product", "app:pro"), ("create", "price", "app:pro")]
            assert planned.accounts[0].foreign == len(before)
            await billing.rollout.apply(planned)
            after = {one.id: one for one in (await connection.products(cursor="")).products}
            after_prices = {one.id: one for one in (await connection.prices(cursor="")).prices}
            assert {name: after[name] for name in before} == before
            assert {name: after_prices[name] for name in before_prices} == before_prices
        async with street.opening(Catalog(), project="street") as billing:  # nothing is sold any more
            await billing.rollout.apply(await billing.rollout.plan())
            last = {one.id: one for one in (await billing.connections[provider].products(cursor="")).products}
            assert {name: last[name] for name in before} == before
            assert sum(one.active for one in last.values()) == len(before)

    run(work, [provider])


def test_a_copy_of_the_database_does_not_sell_the_originals_prices() -> None:
    """A staging that began with a copy of production's records must not touch production's prices."""

    async def work(street: Street) -> None:
        async with street.opening(ONE) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            (theirs,) = await billing.store.prices_of("sandbox")
        async with street.opening(ONE, environment="staging") as billing:
            planned = await billing.rollout.plan()
            acts = [(step.act, step.kind) for step in planned.steps]
            assert acts == [("create", "product"), ("create", "price"), ("forget", "price")]
            await billing.rollout.apply(planned)
            (listed, own) = (await billing.connections["sandbox"].prices(cursor="")).prices
            assert (listed.id, listed.active) == (theirs.price, True)
            sold = await billing.store.price_for("sandbox", theirs.version, "USD")
            assert sold is not None
            assert sold.price == own.id
            assert (await billing.rollout.plan()).steps == ()

    run(work, ["sandbox"])
