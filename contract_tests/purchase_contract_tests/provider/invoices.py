"""Invoices: what is owed, since when, what the customer has to do about it, and where."""

from __future__ import annotations

import pytest

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.checkout import assert_safe
from purchase_contract_tests.provider.sale import only, sell, states, told
from purchase_contract_tests.provider.subscriptions import subscribed
from purchase_core.errors import ProviderRefused
from purchase_core.facts.bodies import InvoiceSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact
from purchase_core.instants import DAY
from purchase_core.ports.provider import Capability

ACTIONS = ("pay", "authenticate", "update_card")
DUNNING_SECONDS = 75 * 86_400  # longer than any provider goes on asking
OVER = ("canceled", "unpaid", "paused")


async def overdue(bench: ProviderBench) -> tuple[SubscriptionSeen, list[Fact]]:
    """A subscription whose renewal was not paid, and what was told of that."""
    bought = await subscribed(bench)
    await bench.fail_payments(bought.id)
    await told(bench)
    await bench.advance((bought.period_end - bench.now()) // 1_000_000 + 86_400)
    return bought, await told(bench)


def renewal(facts: list[Fact]) -> InvoiceSeen:
    """The bill of the first renewal."""
    return min(
        (one for one in states(facts, InvoiceSeen) if one.reason == "renewal"),
        key=lambda one: one.due_at or 0,
    )


class Invoices(ProviderPromises):
    """Payments that fail, and `invoice_links`."""

    @requires(Capability.SUBSCRIPTION_CHECKOUT)
    @promise
    async def what_is_not_paid_is_owed_since_it_was_asked_for(self, bench: ProviderBench) -> None:
        bought, facts = await overdue(bench)
        bill = renewal(facts)
        assert (bill.status, bill.paid, bill.total, bill.subscription) == ("open", 0, 1_200, bought.id)
        assert bill.due_at is not None
        assert bought.period_end <= bill.due_at <= bought.period_end + DAY
        assert bill.action in ACTIONS
        assert bill.paid_at is None
        assert only(states(facts, SubscriptionSeen)).status == "past_due"

    @requires(Capability.SUBSCRIPTION_CHECKOUT)
    @promise
    async def what_is_paid_after_all_is_owed_no_more(self, bench: ProviderBench) -> None:
        bought, facts = await overdue(bench)
        owed = renewal(facts)
        await bench.recover_payments(bought.id)
        facts += await told(bench)
        bill = only([one for one in states(facts, InvoiceSeen) if one.id == owed.id])
        assert (bill.status, bill.paid, bill.action) == ("paid", 1_200, "")
        assert bill.due_at == owed.due_at
        assert (bill.paid_at or 0) > (owed.due_at or 0)
        assert only(states(facts, SubscriptionSeen)).status == "active"

    @requires(Capability.SUBSCRIPTION_CHECKOUT)
    @promise
    async def what_is_never_paid_comes_to_an_end(self, bench: ProviderBench) -> None:
        _, facts = await overdue(bench)
        await bench.advance(DUNNING_SECONDS)
        facts += await told(bench)
        assert only(states(facts, SubscriptionSeen)).status in OVER
        assert renewal(facts).status != "paid"
        assert not [one for one in states(facts, InvoiceSeen) if one.paid]

    @promise
    async def a_bill_that_is_paid_asks_for_nothing(self, bench: ProviderBench) -> None:
        _, facts = await sell(bench)
        assert {one.action for one in states(facts, InvoiceSeen) if one.status == "paid"} == {""}

    @requires(Capability.INVOICE_LINKS)
    @promise
    async def a_paid_invoice_has_a_document(self, bench: ProviderBench) -> None:
        _, facts = await sell(bench)
        bill = only([one for one in states(facts, InvoiceSeen) if one.paid])
        links = await bench.provider.invoice_links(bill.id)
        assert_safe(links.document_url)
        assert links.pay_url == ""
        with pytest.raises(ProviderRefused):
            await bench.provider.invoice_links("unknown")

    @requires(Capability.INVOICE_LINKS, Capability.SUBSCRIPTION_CHECKOUT)
    @promise
    async def an_open_invoice_can_be_paid_somewhere(self, bench: ProviderBench) -> None:
        _, facts = await overdue(bench)
        assert_safe((await bench.provider.invoice_links(renewal(facts).id)).pay_url)
