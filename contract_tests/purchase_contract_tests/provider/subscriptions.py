"""Subscriptions: renewed by time, cancelled by us; an answer and its webhook are one fact."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.sale import Wish, only, registers, sell, states, told
from purchase_core.errors import ProviderRefused
from purchase_core.facts.bodies import InvoiceSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import Capability

PERIOD_SECONDS = 32 * 86_400  # longer than any month


async def subscribed(bench: ProviderBench) -> SubscriptionSeen:
    """A subscription that was just bought."""
    _, facts = await sell(bench, Wish())
    return only(states(facts, SubscriptionSeen))


def settled(facts: Iterable[Fact]) -> SubscriptionSeen:
    """The newest state of the one subscription, of which no two states claim one instant."""
    facts = list(facts)
    assert not [one.object for one in registers(facts).values() if one.contested]
    return only(states(facts, SubscriptionSeen))


async def fetched(bench: ProviderBench, subscription: str) -> SubscriptionSeen:
    """A subscription as it is when the provider is asked."""
    provider = bench.provider
    found = provider.normalise(provider.parse_fetched(await provider.fetch("subscription", subscription)))
    return only(states(found.facts, SubscriptionSeen))


class Subscriptions(ProviderPromises):
    """Renewals and cancellations."""

    @requires(Capability.SUBSCRIPTION_CHECKOUT)
    @promise
    async def a_renewal_is_a_payment_of_its_own(self, bench: ProviderBench) -> None:
        sale, facts = await sell(bench, Wish())
        before = only(states(facts, SubscriptionSeen))
        await bench.advance(PERIOD_SECONDS)
        facts += await told(bench)
        after = only(states(facts, SubscriptionSeen))
        assert (after.status, after.period_start) == ("active", before.period_end)
        assert after.period_end > after.period_start
        paid = [one for one in states(facts, InvoiceSeen) if one.paid]
        renewal = only([one for one in paid if one.reason == "renewal"])
        assert len(paid) == 2
        assert (renewal.subscription, renewal.paid, renewal.status) == (after.id, sale.wish.amount, "paid")
        (line,) = renewal.lines
        assert (line.price, line.quantity, line.amount) == (sale.request.price, 1, sale.wish.amount)
        assert (line.period_start, line.period_end) == (after.period_start, after.period_end)

    @requires(Capability.CANCEL_AT_PERIOD_END)
    @promise
    async def a_cancellation_at_the_end_of_the_period_keeps_it_until_then(self, bench: ProviderBench) -> None:
        bought = await subscribed(bench)
        answer = await bench.provider.cancel_subscription(bought.id, at_period_end=True, key="cancel:1")
        noted = settled([*answer, *await told(bench)])
        assert (noted.status, noted.cancel_at, noted.ended_at) == ("active", bought.period_end, None)
        await bench.advance(PERIOD_SECONDS)
        facts = await told(bench)
        ended = only(states(facts, SubscriptionSeen))
        assert (ended.status, ended.ended_at) == ("canceled", bought.period_end)
        assert not states(facts, InvoiceSeen)

    @requires(Capability.CANCEL_AT_PERIOD_END, Capability.UNCANCEL)
    @promise
    async def a_cancellation_can_be_taken_back(self, bench: ProviderBench) -> None:
        bought = await subscribed(bench)
        await bench.provider.cancel_subscription(bought.id, at_period_end=True, key="cancel:1")
        await bench.advance(60)
        await told(bench)
        answer = await bench.provider.uncancel_subscription(bought.id, key="uncancel:1")
        assert settled([*answer, *await told(bench)]).cancel_at is None
        await bench.advance(PERIOD_SECONDS)
        assert only(states(await told(bench), SubscriptionSeen)).status == "active"

    @requires(Capability.CANCEL_NOW)
    @promise
    async def what_is_cancelled_now_is_over_for_good(self, bench: ProviderBench) -> None:
        bought = await subscribed(bench)
        await bench.advance(60)
        before = bench.now()
        answer = await bench.provider.cancel_subscription(bought.id, at_period_end=False, key="cancel:1")
        facts = [*answer, *await told(bench)]
        ended = settled(facts)
        assert (ended.status, ended.cancel_at) == ("canceled", None)
        assert ended.ended_at is not None
        assert before - 1_000_000 < ended.ended_at <= bench.now()
        assert all(
            one.newest.final for key, one in registers(facts).items() if key.startswith("subscription:")
        )
        await bench.advance(PERIOD_SECONDS)
        assert not states(await told(bench), InvoiceSeen)

    @requires(Capability.CANCEL_AT_PERIOD_END)
    @promise
    async def f10_an_answer_and_its_webhook_are_one_fact(self, bench: ProviderBench) -> None:
        bought = await subscribed(bench)
        answer = await bench.provider.cancel_subscription(bought.id, at_period_end=True, key="cancel:1")
        webhook = await told(bench)
        assert registers([*answer, *webhook]) == registers([*webhook, *answer])
        assert settled([*answer, *webhook]) == settled(webhook)
        assert settled(answer) == settled(webhook)

    @requires(Capability.CANCEL_NOW)
    @promise
    async def what_is_over_cannot_be_cancelled_again(self, bench: ProviderBench) -> None:
        bought = await subscribed(bench)
        await bench.provider.cancel_subscription(bought.id, at_period_end=False, key="cancel:1")
        for wrong, key in ((bought.id, "cancel:2"), ("unknown", "cancel:3")):
            with pytest.raises(ProviderRefused):
                await bench.provider.cancel_subscription(wrong, at_period_end=False, key=key)
