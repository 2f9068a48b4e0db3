"""Fetching and listing: the same objects, told by the provider when it is asked."""

from __future__ import annotations

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.checkout import assert_safe
from purchase_contract_tests.provider.sale import Wish, a_wish, meanings, only, registers, sell, states
from purchase_core.facts.bodies import InvoiceSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import Capability, PortalRequest

PAGES_MAX = 200
SALES = 7


class Listing(ProviderPromises):
    """`fetch`, `events`, `objects` and `create_portal`."""

    @promise
    async def i03_what_is_fetched_agrees_with_what_was_told(self, bench: ProviderBench) -> None:
        provider = bench.provider
        _, facts = await sell(bench)
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
        listed: list[bytes] = []
        cursor, pages = "", 0
        while pages == 0 or (cursor and pages < PAGES_MAX):
            page = await provider.events(cursor=cursor, limit=3)
            assert len(page.bodies) <= 3
            listed += page.bodies
            cursor, pages = page.cursor, pages + 1
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
        cursor, pages = "", 0
        while pages == 0 or (cursor and pages < PAGES_MAX):
            page = await provider.objects("subscription", cursor=cursor, limit=3)
            assert len(page.objects) <= 3
            for fetched in page.objects:
                meaning = provider.normalise(provider.parse_fetched(fetched))
                listed.append(only(states(meaning.facts, SubscriptionSeen)).id)
            cursor, pages = page.cursor, pages + 1
        assert sorted(listed) == sorted(expected)

    @requires(Capability.PORTAL)
    @promise
    async def a_portal_is_a_page_of_the_customer(self, bench: ProviderBench) -> None:
        sale, _ = await sell(bench)
        assert_safe(await bench.provider.create_portal(PortalRequest(sale.request.customer)))
