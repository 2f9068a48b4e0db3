"""The catalog: what is made, changed and archived at a provider, and how all of it is listed."""

from __future__ import annotations

import attrs
import pytest

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import EMPTY_ACCOUNT, PRICE_TRIALS, ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench, Trouble
from purchase_contract_tests.provider.pages import pages
from purchase_contract_tests.provider.prices import at
from purchase_contract_tests.provider.sale import Wish, a_wish, open_sale, sell
from purchase_contract_tests.provider.sales import assert_paid
from purchase_core.errors import OutcomeUnknown, ProviderError, ProviderRefused
from purchase_core.ports.provider import (
    Capability,
    ListedPrice,
    ListedProduct,
    Mark,
    Override,
    PriceRequest,
    ProductRequest,
    Provider,
    TaxBehavior,
)

PRO = ProductRequest("app:pro", "App Pro")
ZERO_AND_THREE_DECIMALS = (("JPY", 1_500), ("KRW", 15_000), ("KWD", 4_500))


async def products(provider: Provider, limit: int = 100) -> dict[str, ListedProduct]:
    """Every product of the account, by id."""
    found: dict[str, ListedProduct] = {}
    async for page in pages(lambda cursor: provider.products(cursor=cursor, limit=limit)):
        assert not found.keys() & {one.id for one in page.products}
        found |= {one.id: one for one in page.products}
    return found


async def prices(provider: Provider, limit: int = 100) -> dict[str, ListedPrice]:
    """Every price of the account, by id."""
    found: dict[str, ListedPrice] = {}
    async for page in pages(lambda cursor: provider.prices(cursor=cursor, limit=limit)):
        assert not found.keys() & {one.id for one in page.prices}
        found |= {one.id: one for one in page.prices}
    return found


async def made(provider: Provider, request: PriceRequest) -> str:
    """A price of a new product."""
    wanted = ProductRequest(request.offer, request.product_name)
    whose = provider.connection.project
    product = await provider.create_product(wanted, key=f"product:{whose}:{request.offer}")
    key = f"price:{whose}:{request.version}:{request.currency}:{request.variant}"
    return await provider.create_price(attrs.evolve(request, product=product), key=key)


def mark_of(provider: Provider, request: PriceRequest) -> Mark:
    """The mark that a price of this request carries."""
    connection = provider.connection
    return Mark(connection.project, connection.environment, request.offer, request.version, request.variant)


class Catalog(ProviderPromises):
    """Everything that needs `catalog`."""

    @requires(EMPTY_ACCOUNT, Capability.CATALOG)
    @promise
    async def a_product_is_listed_as_it_was_made(self, bench: ProviderBench) -> None:
        provider = bench.provider
        made = await provider.create_product(PRO, key="product")
        (listed,) = (await products(provider)).values()
        connection = provider.connection
        mark = Mark(connection.project, connection.environment, PRO.offer)
        assert (listed.id, listed.name, listed.active, listed.mark) == (made, PRO.name, True, mark)

    @requires(EMPTY_ACCOUNT, Capability.CATALOG)
    @promise
    async def a_price_is_listed_as_it_was_made(self, bench: ProviderBench) -> None:
        provider, request = bench.provider, Wish(interval="year").price_request()
        made_as = await made(provider, request)
        (listed,) = (await prices(provider)).values()
        assert (listed.id, listed.active, listed.mark) == (made_as, True, mark_of(provider, request))
        assert (listed.unit_amount, listed.currency) == (request.unit_amount, request.currency)
        assert (listed.interval, listed.interval_count) == ("year", 1)
        assert listed.product in await products(provider)
        assert listed.quantity_max in (None, request.quantity_max)
        assert listed.trial_days in (None, 0)
        assert listed.tax_behavior in (None, "")
        assert listed.overrides == ()
        assert listed.lookup == provider.price_lookup(request)

    @requires(EMPTY_ACCOUNT, Capability.CATALOG)
    @promise
    async def f65_amounts_are_listed_in_the_currencys_own_smallest_unit(self, bench: ProviderBench) -> None:
        allowed = bench.provider.capabilities.currencies
        for number, (currency, amount) in enumerate(ZERO_AND_THREE_DECIMALS):
            if allowed is None or currency in allowed:
                wish = Wish(number, amount=amount, currency=currency)
                request = attrs.evolve(wish.price_request(), version=f"version-{currency}")
                price = await bench.provider.ensure_price(request, key=f"price:{currency}")
                listed = (await prices(bench.provider))[price]
                assert (listed.unit_amount, listed.currency) == (amount, currency)
                sale, facts = await sell(bench, wish, at(price))
                assert_paid(sale, facts)

    @requires(EMPTY_ACCOUNT, Capability.CATALOG, Capability.CURRENCY_OVERRIDES)
    @promise
    async def amounts_in_other_currencies_are_listed(self, bench: ProviderBench) -> None:
        overrides = (Override(1_100, "EUR"), Override(1_800, "JPY"))
        request = attrs.evolve(Wish().price_request(), overrides=overrides)
        price = await made(bench.provider, request)
        listed = (await prices(bench.provider))[price]
        assert set(listed.overrides) == set(overrides)
        assert listed.lookup == bench.provider.price_lookup(request)

    @requires(EMPTY_ACCOUNT, Capability.CATALOG, Capability.COUNTRY_OVERRIDES)
    @promise
    async def amounts_in_some_countries_are_listed(self, bench: ProviderBench) -> None:
        overrides = (Override(1_100, "EUR", ("DE", "FR")), Override(900, "EUR", ("PL",)))
        price = await made(bench.provider, attrs.evolve(Wish().price_request(), overrides=overrides))
        assert set((await prices(bench.provider))[price].overrides) == set(overrides)

    @requires(EMPTY_ACCOUNT, Capability.CATALOG, PRICE_TRIALS, Capability.TRIAL)
    @promise
    async def the_trial_of_a_price_is_listed(self, bench: ProviderBench) -> None:
        request = Wish().price_request(trial_days=14)
        price = await made(bench.provider, request)
        listed = (await prices(bench.provider))[price]
        assert (listed.trial_days, listed.mark) == (14, mark_of(bench.provider, request))

    @requires(EMPTY_ACCOUNT, Capability.CATALOG)
    @promise
    async def whether_a_price_holds_the_tax_is_listed(self, bench: ProviderBench) -> None:
        for behaviour in (TaxBehavior.INCLUSIVE, TaxBehavior.EXCLUSIVE):
            request = attrs.evolve(
                Wish().price_request(), tax_behavior=behaviour, version=f"version-{behaviour}"
            )
            price = await bench.provider.ensure_price(request, key=f"price:{behaviour}")
            assert (await prices(bench.provider))[price].tax_behavior in (None, behaviour.value)

    @requires(EMPTY_ACCOUNT, Capability.CATALOG)
    @promise
    async def what_a_checkout_makes_is_what_a_rollout_finds(self, bench: ProviderBench) -> None:
        provider, request = bench.provider, Wish().price_request()
        price = await provider.ensure_price(request, key="checkout")
        listed = (await prices(provider))[price]
        assert listed.mark == mark_of(provider, request)
        product = (await products(provider))[listed.product]
        assert (product.name, product.mark and product.mark.offer) == ("App Pro", request.offer)
        other = attrs.evolve(request, version="version-2", unit_amount=1_300, product=listed.product)
        second = await provider.create_price(other, key="rollout")
        assert await provider.ensure_price(other, key="again") == second
        assert (await prices(provider))[second].product == listed.product
        assert len(await products(provider)) == 1

    @requires(EMPTY_ACCOUNT, Capability.CATALOG)
    @promise
    async def what_is_archived_is_listed_and_sold_no_more(self, bench: ProviderBench) -> None:
        provider, wish = bench.provider, a_wish(bench)
        sale = await open_sale(bench, wish)
        await provider.archive_price(sale.request.price, key="archive")
        await provider.archive_price(sale.request.price, key="archive:again")
        listed = (await prices(provider))[sale.request.price]
        assert (listed.active, listed.unit_amount) == (False, wish.amount)
        request = attrs.evolve(sale.request, reference=attrs.evolve(wish, number=2).reference)
        with pytest.raises(ProviderRefused):
            await provider.create_checkout(request, key="checkout:2")
        product = listed.product
        await provider.archive_product(product, key="archive:product")
        assert [one.active for one in (await products(provider)).values()] == [False]

    @requires(EMPTY_ACCOUNT, Capability.CATALOG)
    @promise
    async def what_was_archived_can_be_sold_again(self, bench: ProviderBench) -> None:
        provider, wish = bench.provider, a_wish(bench)
        request = wish.price_request()
        price = await provider.ensure_price(request, key="price")
        await provider.archive_price(price, key="archive")
        await provider.update_price(price, request, key="update")
        sale, facts = await sell(bench, wish, at(price))
        assert_paid(sale, facts)
        await provider.archive_price(price, key="archive:2")
        assert await provider.ensure_price(request, key="price:2") == price
        assert (await prices(provider))[price].active
        (product,) = await products(provider)
        await provider.archive_product(product, key="archive:product")
        await provider.update_product(product, PRO, key="update:product")
        assert (await products(provider))[product].active

    @requires(EMPTY_ACCOUNT, Capability.CATALOG)
    @promise
    async def a_product_takes_another_name(self, bench: ProviderBench) -> None:
        provider = bench.provider
        product = await provider.create_product(PRO, key="product")
        renamed = ProductRequest("app:plus", "App Plus")
        for key in ("update", "update:again"):
            await provider.update_product(product, renamed, key=key)
        listed = (await products(provider))[product]
        assert (listed.name, listed.mark and listed.mark.offer) == ("App Plus", "app:plus")

    @requires(EMPTY_ACCOUNT, Capability.CATALOG)
    @promise
    async def t10_what_another_project_made_is_listed_as_theirs(self, bench: ProviderBench) -> None:
        request = Wish().price_request()
        theirs = await made(bench.neighbour, request)
        ours = await made(bench.provider, request)
        found = await prices(bench.provider)
        assert found.keys() == {theirs, ours}
        neighbour = bench.neighbour.connection
        assert found[theirs].mark == mark_of(bench.neighbour, request)
        assert found[ours].mark == mark_of(bench.provider, request)
        marks = [one.mark for one in (await products(bench.provider)).values()]
        assert sorted(mark.project for mark in marks if mark) == sorted(
            [bench.provider.connection.project, neighbour.project]
        )

    @requires(EMPTY_ACCOUNT, Capability.CATALOG)
    @promise
    async def what_was_theirs_is_ours_once_we_say_so(self, bench: ProviderBench) -> None:
        """And the other way round: whoever marked it last has it. How a lost mark is mended."""
        request = Wish().price_request()
        price = await made(bench.neighbour, request)
        (product,) = await products(bench.neighbour)
        await bench.provider.update_product(product, PRO, key="product")
        await bench.provider.update_price(price, request, key="price")
        listed = (await prices(bench.provider))[price]
        assert listed.mark == mark_of(bench.provider, request)
        assert listed.lookup == bench.provider.price_lookup(request)
        mark = (await products(bench.provider))[product].mark
        assert mark is not None
        assert mark.is_of(bench.provider.connection)

    @requires(EMPTY_ACCOUNT, Capability.CATALOG)
    @promise
    async def a_catalog_is_listed_to_its_end(self, bench: ProviderBench) -> None:
        for number in range(5):
            request = attrs.evolve(Wish().price_request(), offer=f"app:p{number}", version=f"v{number}")
            await made(bench.provider, request)
        assert len(await products(bench.provider, limit=2)) == 5
        assert len(await prices(bench.provider, limit=2)) == 5

    @requires(EMPTY_ACCOUNT, Capability.CATALOG)
    @promise
    async def f35_what_was_made_without_an_answer_is_found_in_the_list(self, bench: ProviderBench) -> None:
        request = Wish().price_request()
        product = await bench.provider.create_product(PRO, key="product")
        with pytest.raises(OutcomeUnknown):
            async with bench.trouble(Trouble.LOST_ANSWER):
                await bench.provider.create_price(attrs.evolve(request, product=product), key="price")
        (listed,) = (await prices(bench.provider)).values()
        assert (listed.product, listed.mark) == (product, mark_of(bench.provider, request))
        assert await bench.provider.ensure_price(request, key="again") == listed.id

    @requires(EMPTY_ACCOUNT, Capability.CATALOG)
    @promise
    async def a_list_that_cannot_be_had_is_no_empty_list(self, bench: ProviderBench) -> None:
        await made(bench.provider, Wish().price_request())
        for trouble in (Trouble.UNREACHABLE, Trouble.BUSY, Trouble.BROKEN, Trouble.GARBLED):
            async with bench.trouble(trouble):
                for listing in (products, prices):
                    with pytest.raises(ProviderError):
                        await listing(bench.provider)
