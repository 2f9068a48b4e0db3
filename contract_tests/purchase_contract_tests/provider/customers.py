"""Customers and prices: found by our reference, or made; once."""

from __future__ import annotations

import attrs

from purchase_contract_tests.contract import promise
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.sale import Wish
from purchase_core.ports.provider import CustomerRequest

EMAIL = "somebody@example.com"


class Customers(ProviderPromises):
    """`ensure_customer` and `ensure_price`."""

    @promise
    async def a_customer_is_made_once(self, bench: ProviderBench) -> None:
        first = await bench.provider.ensure_customer(CustomerRequest("ana", EMAIL), key="a")
        again = await bench.provider.ensure_customer(CustomerRequest("ana", EMAIL), key="b")
        moved = await bench.provider.ensure_customer(CustomerRequest("ana", "new@example.com"), key="c")
        assert first == again == moved
        assert first

    @promise
    async def f101_a_customer_is_never_found_by_an_e_mail(self, bench: ProviderBench) -> None:
        ana = await bench.provider.ensure_customer(CustomerRequest("ana", EMAIL), key="a")
        ben = await bench.provider.ensure_customer(CustomerRequest("ben", EMAIL), key="b")
        nameless = await bench.provider.ensure_customer(CustomerRequest("cho"), key="c")
        assert len({ana, ben, nameless}) == 3

    @promise
    async def t10_another_project_has_customers_of_its_own(self, bench: ProviderBench) -> None:
        ours = await bench.provider.ensure_customer(CustomerRequest("ana"), key="ours")
        theirs = await bench.neighbour.ensure_customer(CustomerRequest("ana"), key="theirs")
        assert ours != theirs

    @promise
    async def customers_with_hostile_names_are_different_customers(self, bench: ProviderBench) -> None:
        names = (
            "ana",
            "Ana",
            "a'b",
            'a"b',
            "a&b=c",
            "a/../b",
            "x" * 255,
            "\u00fcml\u00e4ut",
            "a%20b",
            "a b",
            "[a]",
            "007",
            "7",
        )
        made = {
            name: await bench.provider.ensure_customer(CustomerRequest(name), key=f"c{number}")
            for number, name in enumerate(names)
        }
        assert len(set(made.values())) == len(names)
        for number, name in enumerate(names):
            again = await bench.provider.ensure_customer(CustomerRequest(name), key=f"again{number}")
            assert again == made[name]

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
