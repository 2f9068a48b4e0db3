"""Prices: made once for what they sell, found by our reference, with every option that is declared."""

from __future__ import annotations

import attrs

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import PRICE_TRIALS, ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.sale import Option, Wish, a_wish, only, sell, states
from purchase_contract_tests.provider.sales import assert_paid
from purchase_core.facts.bodies import InvoiceSeen
from purchase_core.ports.provider import Capability, Override, TaxBehavior

MANY = 250


def at(price: str, currency: str = "") -> Option:
    """Sell at this very price, in this currency."""
    return lambda asked: attrs.evolve(asked, price=price, currency=currency)


class Prices(ProviderPromises):
    """`ensure_price`."""

    @promise
    async def a_price_is_made_once_for_what_it_sells(self, bench: ProviderBench) -> None:
        request = Wish().price_request()
        first = await bench.provider.ensure_price(request, key="a")
        assert await bench.provider.ensure_price(request, key="b") == first
        assert first

    @promise
    async def another_version_or_currency_is_another_price(self, bench: ProviderBench) -> None:
        request = Wish().price_request()
        requests = (
            request,
            attrs.evolve(request, version="version-2", unit_amount=1_300),
            attrs.evolve(request, currency="EUR"),
            attrs.evolve(request, version="version-3", interval="year"),
        )
        allowed = bench.provider.capabilities.currencies
        prices = [
            await bench.provider.ensure_price(one, key=f"p{number}")
            for number, one in enumerate(requests)
            if allowed is None or one.currency in allowed
        ]
        assert len(set(prices)) == len(prices) >= 3

    @promise
    async def t10_another_project_has_prices_of_its_own(self, bench: ProviderBench) -> None:
        request = Wish().price_request()
        ours = await bench.provider.ensure_price(request, key="ours")
        assert await bench.neighbour.ensure_price(request, key="theirs") != ours

    @promise
    async def an_amount_that_holds_the_tax_is_what_the_buyer_pays(self, bench: ProviderBench) -> None:
        for number, behaviour in enumerate(TaxBehavior):
            wish = attrs.evolve(a_wish(bench, number), amount=1_200 + number)
            request = attrs.evolve(wish.price_request(), tax_behavior=behaviour)
            price = await bench.provider.ensure_price(request, key=f"price:taxed:{number}")
            assert await bench.provider.ensure_price(request, key=f"again:{number}") == price
            sale, facts = await sell(bench, wish, at(price))
            invoice = only([one for one in states(facts, InvoiceSeen) if one.paid])
            assert [line.price for line in invoice.lines] == [sale.request.price]
            if behaviour is TaxBehavior.INCLUSIVE:
                assert invoice.paid == wish.amount

    @requires(Capability.QUANTITY)
    @promise
    async def as_many_are_sold_as_the_price_allows(self, bench: ProviderBench) -> None:
        sale, facts = await sell(bench, attrs.evolve(a_wish(bench), quantity=MANY, quantity_max=MANY))
        assert_paid(sale, facts)

    @requires(Capability.CURRENCY_OVERRIDES)
    @promise
    async def a_price_may_have_an_amount_in_another_currency(self, bench: ProviderBench) -> None:
        wish = a_wish(bench)
        request = attrs.evolve(wish.price_request(), overrides=(Override(1_100, "EUR"),))
        price = await bench.provider.ensure_price(request, key="price:overridden")
        for number, (currency, amount) in enumerate((("EUR", 1_100), ("", wish.amount))):
            wanted = attrs.evolve(wish, number=number)
            _, facts = await sell(bench, wanted, at(price, currency))
            invoice = only([one for one in states(facts, InvoiceSeen) if one.paid])
            assert (invoice.currency, invoice.paid) == (currency or wish.currency, amount)
            (line,) = invoice.lines
            assert (line.price, line.unit_amount, line.currency) == (price, amount, invoice.currency)

    @requires(Capability.COUNTRY_OVERRIDES)
    @promise
    async def a_price_may_have_an_amount_in_some_countries(self, bench: ProviderBench) -> None:
        """Who lives elsewhere pays what the price says; the bench's buyer lives in none of these."""
        wish = a_wish(bench)
        overrides = (Override(1_100, "EUR", ("DE", "FR")), Override(900, "EUR", ("PL",)))
        request = attrs.evolve(wish.price_request(), overrides=overrides)
        price = await bench.provider.ensure_price(request, key="price:overridden")
        assert await bench.provider.ensure_price(request, key="price:again") == price
        sale, facts = await sell(bench, wish, at(price))
        assert_paid(sale, facts)

    @requires(PRICE_TRIALS, Capability.TRIAL)
    @promise
    async def a_version_has_a_price_with_its_trial_and_one_without(self, bench: ProviderBench) -> None:
        free, paid = Wish().price_request(trial_days=14), Wish().price_request()
        first = await bench.provider.ensure_price(free, key="price:trial")
        second = await bench.provider.ensure_price(paid, key="price:none")
        assert first != second
        assert await bench.provider.ensure_price(free, key="price:trial:again") == first
        assert await bench.provider.ensure_price(paid, key="price:none:again") == second
