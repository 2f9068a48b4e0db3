"""A sale, as the provider's webhooks tell it: whole, once, in any order, and only to whom it concerns."""

from __future__ import annotations

import random

import attrs

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.sale import (
    ONCE,
    Sale,
    Wish,
    a_wish,
    meanings,
    only,
    open_sale,
    registers,
    sell,
    states,
    told,
    understood,
)
from purchase_core.currencies import DECIMALS
from purchase_core.facts.bodies import InvoiceSeen, SessionSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import Capability

SHUFFLES = 20
CURRENCIES = ("USD", "JPY", "KWD")  # two decimals, none, three


def assert_paid(sale: Sale, facts: list[Fact]) -> InvoiceSeen:
    """The facts tell one payment: of the right amount, for the right price, for our intent."""
    wish = sale.wish
    invoice = only([one for one in states(facts, InvoiceSeen) if one.paid])
    assert (invoice.status, invoice.reason, invoice.currency) == ("paid", "first", wish.currency)
    assert (invoice.intent, invoice.customer) == (wish.reference.intent, sale.request.customer)
    assert invoice.paid == invoice.total == wish.amount * wish.quantity
    assert invoice.paid_at is not None
    (line,) = invoice.lines
    assert (line.price, line.quantity, line.unit_amount) == (sale.request.price, wish.quantity, wish.amount)
    assert (line.amount, line.currency) == (invoice.total, wish.currency)
    assert (line.proration, line.trial, line.version) == (False, False, "")
    return invoice


def assert_session(sale: Sale, facts: list[Fact], payment: str) -> None:
    """The facts tell that the checkout is complete."""
    session = only(states(facts, SessionSeen))
    assert (session.id, session.status, session.payment) == (sale.checkout.id, "complete", payment)
    assert (session.intent, session.customer) == (sale.wish.reference.intent, sale.request.customer)


class Sales(ProviderPromises):
    """`normalise`, over what a sale brings."""

    @requires(Capability.SUBSCRIPTION_CHECKOUT)
    @promise
    async def a_paid_subscription_is_told_whole(self, bench: ProviderBench) -> None:
        sale, facts = await sell(bench, Wish())
        invoice = assert_paid(sale, facts)
        assert_session(sale, facts, "paid")
        subscription = only(states(facts, SubscriptionSeen))
        assert (subscription.status, subscription.intent) == ("active", sale.wish.reference.intent)
        assert subscription.customer == sale.request.customer
        assert invoice.subscription == subscription.id
        assert subscription.started_at <= subscription.period_start < subscription.period_end
        assert (subscription.trial_end, subscription.cancel_at, subscription.ended_at) == (None, None, None)
        (item,) = subscription.items
        assert (item.price, item.quantity, item.unit_amount) == (sale.request.price, 1, sale.wish.amount)
        assert item.currency == sale.wish.currency

    @requires(Capability.ONE_TIME_CHECKOUT)
    @promise
    async def a_paid_purchase_is_told_whole(self, bench: ProviderBench) -> None:
        sale, facts = await sell(bench, ONCE)
        invoice = assert_paid(sale, facts)
        assert_session(sale, facts, "paid")
        assert invoice.subscription == ""
        assert not states(facts, SubscriptionSeen)

    @promise
    async def a_checkout_that_nobody_paid_tells_no_payment(self, bench: ProviderBench) -> None:
        sale = await open_sale(bench)
        facts = [*sale.checkout.facts, *await told(bench)]
        assert not [one for one in states(facts, InvoiceSeen) if one.paid]
        assert only(states(facts, SessionSeen)).status == "open"

    @promise
    async def f14_a_payment_is_one_fact_however_often_it_is_told(self, bench: ProviderBench) -> None:
        sale = await open_sale(bench)
        await bench.pay(sale.checkout)
        bodies = [webhook.body for webhook in await bench.sent()] * 2
        facts = [fact for body in bodies for fact in await understood(bench.provider, body)]
        assert_paid(sale, facts)
        paid = {fact.key for fact in facts if isinstance(fact.body, InvoiceSeen) and fact.body.paid}
        assert len(paid) == 1

    @promise
    async def f04_the_order_of_events_makes_no_difference(self, bench: ProviderBench) -> None:
        _, facts = await sell(bench)
        _, more = await sell(bench, a_wish(bench, 2))
        facts += more
        expected = registers(facts)
        assert not [one.object for one in expected.values() if one.contested]
        dice = random.Random(4)  # noqa: S311  # the same orders in every run
        for _ in range(SHUFFLES):
            dice.shuffle(facts)
            assert registers(facts) == expected

    @requires(Capability.QUANTITY)
    @promise
    async def a_quantity_is_sold_as_such(self, bench: ProviderBench) -> None:
        sale, facts = await sell(bench, attrs.evolve(a_wish(bench), quantity=3))
        assert_paid(sale, facts)
        assert [item.quantity for one in states(facts, SubscriptionSeen) for item in one.items] in ([], [3])

    @requires(Capability.TRIAL, Capability.SUBSCRIPTION_CHECKOUT)
    @promise
    async def a_trial_is_confirmed_and_not_paid(self, bench: ProviderBench) -> None:
        sale, facts = await sell(bench, Wish(trial_days=14))
        subscription = only(states(facts, SubscriptionSeen))
        assert (subscription.status, subscription.intent) == ("trialing", sale.wish.reference.intent)
        assert subscription.trial_end is not None
        days = (subscription.trial_end - subscription.started_at) / 86_400_000_000
        assert 13 < days <= 15
        assert_session(sale, facts, "none_due")
        assert not [one for one in states(facts, InvoiceSeen) if one.paid or one.total]

    @promise
    async def f65_amounts_are_minor_units_of_their_currency(self, bench: ProviderBench) -> None:
        allowed = bench.provider.capabilities.currencies or frozenset(DECIMALS)
        for number, currency in enumerate(one for one in CURRENCIES if one in allowed):
            sale, facts = await sell(
                bench, attrs.evolve(a_wish(bench, number), amount=12_340, currency=currency)
            )
            assert_paid(sale, facts)

    @promise
    async def f34_only_our_own_reference_counts(self, bench: ProviderBench) -> None:
        """The same events, read by a connection of another project: somebody else's sale."""
        sale = await open_sale(bench)
        await bench.pay(sale.checkout)
        bodies = [webhook.body for webhook in await bench.sent()]
        ours, theirs = meanings(bench.provider, bodies), meanings(bench.neighbour, bodies)
        assert {getattr(fact.body, "intent", "") for one in ours for fact in one.facts} - {""}
        for one in theirs:
            assert not one.claims
            assert {getattr(fact.body, "intent", "") for fact in one.facts} <= {""}

    @promise
    async def t10_facts_are_of_this_connection_and_claims_of_this_customer(
        self, bench: ProviderBench
    ) -> None:
        sale = await open_sale(bench)
        await bench.pay(sale.checkout)
        told_of = meanings(bench.provider, [webhook.body for webhook in await bench.sent()])
        facts = [fact for one in told_of for fact in one.facts]
        assert {fact.connection for fact in facts} == {bench.provider.connection.name}
        assert {fact.object for fact in facts} == {
            f"{one.kind}:{one.connection}:{one.body.id}" for one in facts
        }
        claims = {(one.provider_customer, one.customer) for meaning in told_of for one in meaning.claims}
        assert claims <= {(sale.request.customer, "ana"), ("", "ana")}
