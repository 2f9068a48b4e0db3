"""Fetching and listing: the same objects, told by the provider when it is asked."""

from __future__ import annotations

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.history import history
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
from purchase_core.ports.provider import Capability

PAGES_MAX = 200
SALES = 7
LISTED = ("subscription", "invoice", "refund")


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

    @requires(Capability.LIST_OBJECTS)
    @promise
    async def i03_every_kind_that_is_told_of_is_listed_alike(self, bench: ProviderBench) -> None:
        provider = bench.provider
        bodies = await history(bench)
        facts = [fact for body in bodies for fact in await understood(provider, body)]
        told = {key.split(":", 2)[2]: one.newest.body for key, one in registers(facts).items()}
        await bench.advance(60)
        for kind in sorted({key.partition(":")[0] for key in registers(facts)} & set(LISTED)):
            cursor, pages = "", 0
            listed: dict[str, object] = {}
            while pages == 0 or (cursor and pages < PAGES_MAX):
                page = await provider.objects(kind, cursor=cursor, limit=2)
                for fetched in page.objects:
                    found = provider.normalise(provider.parse_fetched(fetched)).facts
                    listed |= {fact.body.id: fact.body for fact in found}
                cursor, pages = page.cursor, pages + 1
            expected = {key: body for key, body in told.items() if KIND_OF[type(body)] == kind}
            assert expected == {key: body for key, body in listed.items() if key in expected}, kind
