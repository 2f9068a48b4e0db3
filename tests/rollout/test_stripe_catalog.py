"""What only Stripe's catalog has: ids and lookup keys of ours, default prices, currencies counted apart."""

from __future__ import annotations

import attrs
import pytest
from msgspec.structs import replace

from purchase_core import Catalog, Money, one_time, plan
from purchase_core.errors import ProviderRefused
from purchase_core.ports.provider import PriceRequest, ProductRequest, Provider
from purchase_simulators.stripe.objects.catalog import Price, Product
from tests.rollout.catalogs import CATALOG
from tests.rollout.street import Street, run

REQUEST = PriceRequest("app:pro", "v1", "App Pro", 1_200, "USD", "month")


@pytest.mark.parametrize("currency", ["ISK", "MGA", "UGX"])
def test_f65_what_stripe_counts_in_other_units_is_not_sold_there(currency: str) -> None:
    """A hundred krónur would be charged as one, or as ten thousand."""

    async def work(street: Street) -> None:
        sold = Catalog(one_time("book", plans=[plan("full", price=Money("100", currency))]))
        async with street.opening(sold) as billing:
            planned = await billing.rollout.plan()
            assert planned.steps == ()
            assert [one.text for one in planned.notices] == [f"not sold here: does not sell in {currency}"]

    run(work, ["stripe"])


def test_f65_a_third_decimal_that_stripe_would_round_is_refused_before_any_call() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            connection = billing.connections["stripe"]
            before = len(street.stripe.account.book.events)
            odd = attrs.evolve(REQUEST, unit_amount=4_505, currency="KWD", product="prod_1")
            with pytest.raises(ProviderRefused) as refused:
                await connection.create_price(odd, key="odd")
            assert refused.value.provider_code == "invalid_amount"
            assert "last decimal is 0" in refused.value.hint
            assert len(street.stripe.account.book.events) == before

    run(work, ["stripe"])


async def a_price(connection: Provider) -> tuple[str, str]:
    """A product and its price, by id."""
    product = await connection.create_product(ProductRequest("app:pro", "App Pro"), key="")
    return product, await connection.create_price(attrs.evolve(REQUEST, product=product), key="p")


def test_the_price_that_a_product_is_shown_with_can_be_archived() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            connection = billing.connections["stripe"]
            product, price = await a_price(connection)
            book = street.stripe.account.book
            book.put(replace(book.get(Product, product), default_price=price))
            await connection.archive_price(price, key="archive")
            assert [one.active for one in (await connection.prices(cursor="")).prices] == [False]
            with pytest.raises(ProviderRefused):
                await connection.archive_price("price_of_nobody", key="archive")

    run(work, ["stripe"])


def test_an_id_that_went_to_another_offer_is_not_taken_back() -> None:
    """A product that was renamed keeps its id; an offer of the old name is another product later."""

    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            connection = billing.connections["stripe"]
            first = await connection.create_product(ProductRequest("app:pro", "App Pro"), key="a")
            await connection.update_product(first, ProductRequest("app:plus", "App Plus"), key="b")
            second = await connection.create_product(ProductRequest("app:pro", "App Pro"), key="c")
            assert second != first
            listed = {one.id: one for one in (await connection.products(cursor="")).products}
            offers = {name: one.mark.offer for name, one in listed.items() if one.mark}
            assert offers == {first: "app:plus", second: "app:pro"}
            price = await connection.ensure_price(REQUEST, key="d")
            (made,) = (await connection.prices(cursor="")).prices
            assert made.id == price
            assert made.product == second
            assert len((await connection.products(cursor="")).products) == 2

    run(work, ["stripe"])


def test_a_lookup_key_that_somebody_took_away_is_given_back() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            connection = billing.connections["stripe"]
            first = (await connection.prices(cursor="")).prices[0]
            book = street.stripe.account.book
            book.put(replace(book.get(Price, first.id), lookup_key="mine"))
            (step,) = (await billing.rollout.plan()).steps
            assert (step.act, step.fields, step.object) == ("update", ("lookup key",), first.id)
            await billing.rollout.apply(await billing.rollout.plan())
            assert (await billing.rollout.plan()).steps == ()

    run(work, ["stripe"])
