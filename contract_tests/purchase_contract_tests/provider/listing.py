"""Fetching and listing: the same objects, told by the provider when it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.history import history
from purchase_contract_tests.provider.pages import pages
from purchase_contract_tests.provider.sale import (
    Wish,
    a_wish,
    meanings,
    only,
    registers,
    sell,
    states,
    understood,
)
from purchase_core.facts.bodies import KIND_OF, InvoiceSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import (
    Capability,
    CustomerRequest,
    Fetched,
    ListedCustomer,
    OurReference,
    Provider,
)

SALES = 7
LISTED = ("subscription", "invoice", "refund")


async def objects(provider: Provider, kind: str, *, limit: int) -> AsyncIterator[Fetched]:
    """Every object of a kind, read in pages of so many at the most."""
    async for page in pages(lambda cursor: provider.objects(kind, cursor=cursor, limit=limit)):
        assert len(page.objects) <= limit
        for fetched in page.objects:
            yield fetched


class Listing(ProviderPromises):
    """`fetch`, `events` and `objects`."""

    @promise
    async def i03_what_is_fetched_agrees_with_what_was_told(self, bench: ProviderBench) -> None:
        provider = bench.provider
        bodies = await history(bench)
        facts = [fact for body in bodies for fact in await understood(provider, body)]
        await bench.advance(60)
        for key, told in registers(facts).items():
            kind, _, identifier = key.split(":", 2)
            fetched = await provider.fetch(kind, identifier)
            assert (fetched.kind, fetched.id) == (kind, identifier)
            assert fetched.order <= bench.now()
            found: list[Fact] = list(provider.normalise(provider.parse_fetched(fetched)).facts)
            now = registers(found)[key]
            assert now.newest.body == told.newest.body
            assert now.newest.order == fetched.order >= told.newest.order

    @requires(Capability.LIST_EVENTS)
    @promise
    async def f07_events_that_never_arrived_can_be_listed(self, bench: ProviderBench) -> None:
        provider = bench.provider
        for number in range(SALES):
            await sell(bench, a_wish(bench, number))
            await bench.advance(60)  # so that the order shows, where times are whole seconds
        listed: list[bytes] = []
        async for page in pages(lambda cursor: provider.events(cursor=cursor, limit=3)):
            assert len(page.bodies) <= 3
            listed += page.bodies
        events = [provider.parse(body) for body in listed]
        assert len({event.id for event in events}) == len(events)
        assert [event.occurred_at for event in events] == sorted(event.occurred_at for event in events)
        facts = [fact for meaning in meanings(provider, listed) for fact in meaning.facts]
        assert len([one for one in states(facts, InvoiceSeen) if one.paid]) == SALES

    @requires(Capability.LIST_OBJECTS, Capability.SUBSCRIPTION_CHECKOUT)
    @promise
    async def objects_are_listed_each_once(self, bench: ProviderBench) -> None:
        provider = bench.provider
        expected = {
            only(states((await sell(bench, Wish(number)))[1], SubscriptionSeen)).id for number in range(SALES)
        }
        listed: list[str] = []
        async for fetched in objects(provider, "subscription", limit=3):
            meaning = provider.normalise(provider.parse_fetched(fetched))
            listed.append(only(states(meaning.facts, SubscriptionSeen)).id)
        assert sorted(listed) == sorted(expected)

    @requires(Capability.LIST_OBJECTS)
    @promise
    async def customers_are_listed_each_once_with_what_they_are_known_by(self, bench: ProviderBench) -> None:
        provider = bench.provider
        made = {
            await provider.ensure_customer(
                CustomerRequest(f"user_{number}", f"user-{number}@example.com"), key=f"customer-{number}"
            ): number
            for number in range(SALES)
        }
        listed: list[ListedCustomer] = []
        async for page in pages(lambda cursor: provider.customers(cursor=cursor, limit=3)):
            assert len(page.customers) <= 3
            listed += page.customers
        assert len({one.id for one in listed}) == len(listed)
        mine = {one.id: one for one in listed if one.id in made}
        assert set(mine) == set(made)
        for identifier, one in mine.items():
            assert one.email == f"user-{made[identifier]}@example.com"
            assert one.email not in repr(one)
            reference = OurReference.read(one.metadata, provider.connection)
            assert reference.customer == f"user_{made[identifier]}"

    @requires(Capability.LIST_OBJECTS)
    @promise
    async def i03_every_kind_that_is_told_of_is_listed_alike(self, bench: ProviderBench) -> None:
        provider = bench.provider
        bodies = await history(bench)
        facts = [fact for body in bodies for fact in await understood(provider, body)]
        told = {key.split(":", 2)[2]: one.newest.body for key, one in registers(facts).items()}
        await bench.advance(60)
        for kind in sorted({key.partition(":")[0] for key in registers(facts)} & set(LISTED)):
            listed: dict[str, object] = {}
            async for fetched in objects(provider, kind, limit=2):
                found = provider.normalise(provider.parse_fetched(fetched)).facts
                listed |= {fact.body.id: fact.body for fact in found}
            expected = {key: body for key, body in told.items() if KIND_OF[type(body)] == kind}
            assert expected == {key: body for key, body in listed.items() if key in expected}, kind
