"""Pauses: now or at the end of the period, for ever or until an instant, of the whole or of collection."""

from __future__ import annotations

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.sale import only, states, told
from purchase_contract_tests.provider.subscriptions import PERIOD_SECONDS, fetched, settled, subscribed
from purchase_core.facts.bodies import InvoiceSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.ports.provider import Capability, PauseRequest

DAYS_10 = 10 * 86_400


def paid(facts: list[Fact]) -> list[InvoiceSeen]:
    """The invoices that money was paid for."""
    return [one for one in states(facts, InvoiceSeen) if one.paid]


async def paused(bench: ProviderBench, request: PauseRequest) -> list[Fact]:
    """Pause, ten days into the first period; the answer, and what is told of it."""
    answer = await bench.provider.pause_subscription(request, key="pause:1")
    return [*answer, *await told(bench)]


async def ten_days_old(bench: ProviderBench) -> SubscriptionSeen:
    """A subscription that was bought ten days ago."""
    bought = await subscribed(bench)
    await bench.advance(DAYS_10)
    await told(bench)
    return bought


class Pauses(ProviderPromises):
    """`pause_subscription` and `resume_subscription`."""

    @requires(Capability.PAUSE)
    @promise
    async def what_is_paused_is_not_charged(self, bench: ProviderBench) -> None:
        bought = await ten_days_old(bench)
        seen = settled(await paused(bench, PauseRequest(bought.id)))
        assert (seen.status, seen.ended_at, seen.items) == ("paused", None, bought.items)
        await bench.advance(2 * PERIOD_SECONDS)
        assert paid(await told(bench)) == []
        assert (await fetched(bench, bought.id)).status == "paused"

    @requires(Capability.PAUSE)
    @promise
    async def what_is_resumed_goes_on_with_the_period_it_had(self, bench: ProviderBench) -> None:
        bought = await ten_days_old(bench)
        await paused(bench, PauseRequest(bought.id))
        await bench.advance(86_400)
        answer = await bench.provider.resume_subscription(bought.id, new_period=False, key="resume:1")
        facts = [*answer, *await told(bench)]
        seen = settled(facts)
        assert (seen.status, seen.period_end) == ("active", bought.period_end)
        assert paid(facts) == []

    @requires(Capability.PAUSE)
    @promise
    async def what_is_resumed_can_begin_anew(self, bench: ProviderBench) -> None:
        bought = await ten_days_old(bench)
        await paused(bench, PauseRequest(bought.id))
        await bench.advance(2 * PERIOD_SECONDS)
        await told(bench)
        before = bench.now()
        answer = await bench.provider.resume_subscription(bought.id, new_period=True, key="resume:1")
        facts = [*answer, *await told(bench)]
        seen = settled(facts)
        assert seen.status == "active"
        assert before - SECOND <= seen.period_start <= bench.now()
        assert seen.period_end - seen.period_start > 27 * DAY
        assert only(paid(facts)).paid == 1_200

    @requires(Capability.PAUSE_AT_PERIOD_END)
    @promise
    async def a_pause_can_wait_for_the_end_of_the_period(self, bench: ProviderBench) -> None:
        bought = await ten_days_old(bench)
        noted = settled(await paused(bench, PauseRequest(bought.id, at_period_end=True)))
        assert noted.status == "active"
        await bench.advance(PERIOD_SECONDS)
        facts = await told(bench)
        assert only(states(facts, SubscriptionSeen)).status == "paused"
        assert paid(facts) == []

    @requires(Capability.PAUSE_UNTIL)
    @promise
    async def a_pause_can_end_by_itself(self, bench: ProviderBench) -> None:
        bought = await ten_days_old(bench)
        until = Instant(bench.now() // SECOND * SECOND + 60 * DAY)
        noted = settled(await paused(bench, PauseRequest(bought.id, resumes_at=until)))
        assert (noted.status, noted.resumes_at) == ("paused", until)
        await bench.advance(60 * 86_400 + 60)
        resumed = only(states(await told(bench), SubscriptionSeen))
        assert (resumed.status, resumed.resumes_at) == ("active", None)

    @requires(Capability.PAUSE_COLLECTION)
    @promise
    async def collection_can_be_paused_by_itself(self, bench: ProviderBench) -> None:
        bought = await ten_days_old(bench)
        seen = settled(await paused(bench, PauseRequest(bought.id, collection_only=True)))
        assert (seen.status, seen.collecting) == ("active", False)
        await bench.advance(PERIOD_SECONDS)
        facts = await told(bench)
        assert paid(facts) == []
        assert only(states(facts, SubscriptionSeen)).status == "active"
        answer = await bench.provider.resume_subscription(bought.id, new_period=False, key="resume:1")
        resumed = settled([*answer, *await told(bench)])
        assert (resumed.status, resumed.collecting) == ("active", True)
        await bench.advance(PERIOD_SECONDS)
        assert len(paid(await told(bench))) == 1

    @requires(Capability.PAUSE_COLLECTION_UNTIL)
    @promise
    async def a_pause_of_collection_can_end_by_itself(self, bench: ProviderBench) -> None:
        bought = await ten_days_old(bench)
        until = Instant(bench.now() // SECOND * SECOND + 10 * DAY)
        noted = settled(await paused(bench, PauseRequest(bought.id, resumes_at=until, collection_only=True)))
        assert (noted.status, noted.collecting, noted.resumes_at) == ("active", False, until)
        await bench.advance(DAYS_10 + 60)
        resumed = only(states(await told(bench), SubscriptionSeen))
        assert (resumed.status, resumed.collecting, resumed.resumes_at) == ("active", True, None)
        await bench.advance(PERIOD_SECONDS)
        assert len(paid(await told(bench))) == 1
