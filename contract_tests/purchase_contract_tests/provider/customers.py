"""Customers: found by our reference, or made; once. What one of them has is never told of another."""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs
import pytest

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import OWN_CUSTOMERS, UNIQUE_EMAILS, ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.pages import pages
from purchase_contract_tests.provider.sale import (
    Sale,
    a_wish,
    meanings,
    only,
    open_sale,
    states,
    told,
    understood,
)
from purchase_contract_tests.provider.sales import assert_paid
from purchase_core.errors import ProviderRefused
from purchase_core.facts.bodies import InvoiceSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import (
    Capability,
    CustomerPage,
    CustomerRequest,
    OurReference,
    Provider,
)

EMAIL = "somebody@example.com"
HOSTILE_NAMES = (
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


async def two_sales(bench: ProviderBench) -> tuple[tuple[Sale, list[bytes]], tuple[Sale, list[bytes]]]:
    """Ana and Ben have one e-mail address, and each buys something; with the events of each sale."""
    found: list[tuple[Sale, list[bytes]]] = []
    for number, customer in enumerate(("ana", "ben")):
        wish = attrs.evolve(a_wish(bench, number), customer=customer, email=EMAIL)
        sale = await open_sale(bench, wish)
        await bench.pay(sale.checkout)
        found.append((sale, [webhook.body for webhook in await bench.sent()]))
        await bench.advance(60)
    return found[0], found[1]


def every_customer(provider: Provider) -> AsyncIterator[CustomerPage]:
    """The list, page by page."""
    return pages(lambda cursor: provider.customers(cursor=cursor))


class Customers(ProviderPromises):
    """`ensure_customer`, and whose the things are that a customer of the provider has."""

    @promise
    async def a_customer_is_made_once(self, bench: ProviderBench) -> None:
        first = await bench.provider.ensure_customer(CustomerRequest("ana", EMAIL), key="a")
        again = await bench.provider.ensure_customer(CustomerRequest("ana", EMAIL), key="b")
        assert first == again
        assert first

    @requires(OWN_CUSTOMERS)
    @promise
    async def a_customer_stays_whatever_the_e_mail(self, bench: ProviderBench) -> None:
        first = await bench.provider.ensure_customer(CustomerRequest("ana", EMAIL), key="a")
        moved = await bench.provider.ensure_customer(CustomerRequest("ana", "new@example.com"), key="b")
        nameless = await bench.provider.ensure_customer(CustomerRequest("ana"), key="c")
        assert first == moved == nameless

    @requires(OWN_CUSTOMERS)
    @promise
    async def f101_a_customer_is_never_found_by_an_e_mail(self, bench: ProviderBench) -> None:
        ana = await bench.provider.ensure_customer(CustomerRequest("ana", EMAIL), key="a")
        ben = await bench.provider.ensure_customer(CustomerRequest("ben", EMAIL), key="b")
        nameless = await bench.provider.ensure_customer(CustomerRequest("cho"), key="c")
        assert len({ana, ben, nameless}) == 3

    @requires(UNIQUE_EMAILS)
    @promise
    async def f101_two_customers_of_one_e_mail_share_the_providers(self, bench: ProviderBench) -> None:
        ana = await bench.provider.ensure_customer(CustomerRequest("ana", EMAIL), key="a")
        ben = await bench.provider.ensure_customer(CustomerRequest("ben", EMAIL), key="b")
        theirs = await bench.neighbour.ensure_customer(CustomerRequest("cho", EMAIL), key="c")
        other = await bench.provider.ensure_customer(CustomerRequest("dan", "dan@example.com"), key="d")
        assert ana == ben == theirs != other

    @promise
    async def f101_what_one_buys_is_never_told_of_the_other(self, bench: ProviderBench) -> None:
        """Ana and Ben have one e-mail address, and at some providers therefore one customer."""
        for sale, bodies in await two_sales(bench):
            facts = [fact for body in bodies for fact in await understood(bench.provider, body)]
            assert_paid(sale, facts)
            intents = {getattr(fact.body, "intent", "") for fact in facts}
            assert intents <= {"", sale.wish.reference.intent}
            claimed = {claim.customer for one in meanings(bench.provider, bodies) for claim in one.claims}
            assert claimed <= {sale.wish.customer}

    @requires(Capability.SUBSCRIPTION_CHECKOUT, Capability.CANCEL_NOW)
    @promise
    async def f101_what_ends_for_one_goes_on_for_the_other(self, bench: ProviderBench) -> None:
        agreements: list[SubscriptionSeen] = []
        for _, bodies in await two_sales(bench):
            bought = [fact for body in bodies for fact in await understood(bench.provider, body)]
            agreements.append(only(states(bought, SubscriptionSeen)))
        first, second = agreements
        assert first.id != second.id
        answer = await bench.provider.cancel_subscription(first.id, at_period_end=False, key="cancel:1")
        facts: list[Fact] = [*answer, *await told(bench)]
        assert {one.id for one in states(facts, SubscriptionSeen)} == {first.id}
        fetched = bench.provider.parse_fetched(await bench.provider.fetch("subscription", second.id))
        kept = only(states(bench.provider.normalise(fetched).facts, SubscriptionSeen))
        assert (kept.status, kept.intent) == ("active", "intent_1")

    @promise
    async def f101_each_finds_only_the_checkout_of_ones_own(self, bench: ProviderBench) -> None:
        for sale, _ in await two_sales(bench):
            found = await bench.provider.find_checkout(sale.wish.reference.attempt)
            assert found is not None
            assert found.id == sale.checkout.id
        assert await bench.provider.find_checkout("attempt_2") is None

    @promise
    async def t10_another_project_has_customers_of_its_own(self, bench: ProviderBench) -> None:
        ours = await bench.provider.ensure_customer(CustomerRequest("ana", EMAIL), key="ours")
        theirs = await bench.neighbour.ensure_customer(
            CustomerRequest("ana", "other@example.com"), key="theirs"
        )
        assert ours != theirs

    @requires(Capability.LIST_OBJECTS)
    @promise
    async def f100_a_customer_that_is_gone_is_told_apart(self, bench: ProviderBench) -> None:
        """By itself and in the list; nothing is sold to it, and who was never there is told alike."""
        provider = bench.provider
        host = f"{provider.connection.project}.example.com"  # an account may know other addresses from before
        first, second = [
            await provider.ensure_customer(CustomerRequest(name, f"{name}@{host}"), key=name)
            for name in ("ana", "ben")
        ]
        there = await provider.find_customer(first)
        assert there is not None
        assert (there.id, there.email, there.gone) == (first, f"ana@{host}", False)
        assert OurReference.read(there.metadata, provider.connection).customer == "ana"
        sale = await open_sale(bench, attrs.evolve(a_wish(bench, 1), customer="cho", email=f"cho@{host}"))
        await bench.delete_customer(first)
        assert await provider.find_customer(first) is None
        assert await provider.find_customer(f"{first[:-4]}zzzz") is None
        kept = await provider.find_customer(second)
        assert kept is not None
        listed = {one.id: one.gone async for page in every_customer(provider) for one in page.customers}
        assert (listed.get(first, True), listed[second]) == (True, False)
        request = attrs.evolve(sale.request, customer=first, reference=a_wish(bench, 2).reference)
        with pytest.raises(ProviderRefused):
            await provider.create_checkout(request, key="checkout:gone")

    @requires(Capability.LIST_OBJECTS, OWN_CUSTOMERS)
    @promise
    async def f100_another_takes_the_place_of_a_customer_that_is_gone(self, bench: ProviderBench) -> None:
        """Once, however often it is asked for; and again, when that one is gone too."""
        provider, gone = bench.provider, tuple[str, ...]()
        for place in range(3):
            request = CustomerRequest("ana", EMAIL, instead_of=gone)
            made = [await provider.ensure_customer(request, key=f"ana:{place}:{len(gone)}") for _ in range(2)]
            assert made[0] == made[1] not in gone
            found = await provider.find_customer(made[0])
            assert found is not None
            assert OurReference.read(found.metadata, provider.connection).customer == "ana"
            await bench.delete_customer(made[0])
            gone = (*gone, made[0])

    @requires(Capability.LIST_OBJECTS, UNIQUE_EMAILS)
    @promise
    async def f100_who_has_an_e_mail_and_is_gone_is_not_sold_to(self, bench: ProviderBench) -> None:
        """The address is taken: that is told, and another one will do."""
        provider = bench.provider
        gone = await provider.ensure_customer(CustomerRequest("ana", EMAIL), key="a")
        await bench.delete_customer(gone)
        for instead_of in ((), (gone,)):
            with pytest.raises(ProviderRefused) as refused:
                await provider.ensure_customer(CustomerRequest("ana", EMAIL, instead_of=instead_of), key="b")
            assert EMAIL not in str(refused.value)
        other = CustomerRequest("ana", "other@example.com", instead_of=(gone,))
        assert await provider.ensure_customer(other, key="c") != gone

    @promise
    async def customers_with_hostile_names_are_different_customers(self, bench: ProviderBench) -> None:
        requests = {
            name: CustomerRequest(name, f"customer{number}@example.com")
            for number, name in enumerate(HOSTILE_NAMES)
        }
        made = {
            name: await bench.provider.ensure_customer(request, key=f"c{number}")
            for number, (name, request) in enumerate(requests.items())
        }
        assert len(set(made.values())) == len(HOSTILE_NAMES)
        for number, (name, request) in enumerate(requests.items()):
            again = await bench.provider.ensure_customer(request, key=f"again{number}")
            assert again == made[name]

    @promise
    async def nobody_who_does_not_exist_can_buy(self, bench: ProviderBench) -> None:
        sale = await open_sale(bench)
        request = attrs.evolve(sale.request, customer="unknown", reference=a_wish(bench, 2).reference)
        with pytest.raises(ProviderRefused):
            await bench.provider.create_checkout(request, key="checkout:2")
        assert not [one for one in states(await told(bench), InvoiceSeen) if one.paid]
