"""Methods that take days: the page is complete, and nothing is paid until the money is there."""

from __future__ import annotations

import random

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import DELAYED_PAYMENTS, ProviderPromises
from purchase_contract_tests.provider.bench import SLOW_SECONDS_MAX, ProviderBench
from purchase_contract_tests.provider.sale import ONCE, Sale, only, open_sale, registers, states, told
from purchase_contract_tests.provider.sales import assert_paid
from purchase_core.facts.bodies import InvoiceSeen, SessionSeen
from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import Capability

SHUFFLES = 10


async def begun(bench: ProviderBench, *, arrives: bool) -> tuple[Sale, list[Fact]]:
    """A sale whose buyer has chosen such a method, and what is told of it so far."""
    sale = await open_sale(bench, ONCE)
    await bench.pay_slowly(sale.checkout, arrives=arrives)
    return sale, await told(bench)


def assert_unpaid(sale: Sale, facts: list[Fact]) -> None:
    """Whatever else is told, no money is."""
    assert [one for one in states(facts, InvoiceSeen) if one.paid or one.status == "paid"] == []
    sessions = [one for one in states(facts, SessionSeen) if one.id == sale.checkout.id]
    assert [one.payment for one in sessions if one.payment != "unpaid"] == []


class Delayed(ProviderPromises):
    """Payments that arrive, or do not, after the page is complete."""

    @requires(DELAYED_PAYMENTS, Capability.ONE_TIME_CHECKOUT)
    @promise
    async def f46_what_is_under_way_is_not_paid(self, bench: ProviderBench) -> None:
        sale, facts = await begun(bench, arrives=True)
        assert_unpaid(sale, facts)
        fetched = bench.provider.parse_fetched(await bench.provider.fetch("session", sale.checkout.id))
        assert_unpaid(sale, list(bench.provider.normalise(fetched).facts))

    @requires(DELAYED_PAYMENTS, Capability.ONE_TIME_CHECKOUT)
    @promise
    async def f46_what_has_arrived_is_paid_once(self, bench: ProviderBench) -> None:
        """In whatever order its events come, and however often."""
        sale, facts = await begun(bench, arrives=True)
        await bench.advance(SLOW_SECONDS_MAX)
        facts += await told(bench)
        assert_paid(sale, facts)
        session = only([one for one in states(facts, SessionSeen) if one.id == sale.checkout.id])
        assert (session.status, session.payment) == ("complete", "paid")
        expected, dice = registers(facts), random.Random(46)  # noqa: S311  # the same orders in every run
        for _ in range(SHUFFLES):
            doubled = [*facts, *facts]
            dice.shuffle(doubled)
            assert registers(doubled) == expected

    @requires(DELAYED_PAYMENTS, Capability.ONE_TIME_CHECKOUT)
    @promise
    async def f46_what_never_arrives_is_never_paid(self, bench: ProviderBench) -> None:
        sale, facts = await begun(bench, arrives=False)
        await bench.advance(2 * SLOW_SECONDS_MAX)
        assert_unpaid(sale, [*facts, *await told(bench)])
