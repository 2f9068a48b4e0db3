"""Disputes: how much a bank holds back of an invoice, whatever the provider calls it."""

from __future__ import annotations

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.refunds import paid_invoice
from purchase_contract_tests.provider.sale import registers, states, told
from purchase_core.facts.bodies import DisputeSeen, InvoiceSeen, RefundSeen
from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import Capability

HELD = ("open", "lost")
STATUSES = ("inquiry", "open", "won", "lost")


async def disputed(bench: ProviderBench, *steps: str) -> tuple[InvoiceSeen, list[list[Fact]]]:
    """A paid invoice that a bank disputes step by step; after each, all the facts that were told of it.

    How many objects tell of it is the provider's business: one that changes, or one for each step.
    """
    invoice = await paid_invoice(bench)
    facts: list[Fact] = []
    found: list[list[Fact]] = []
    for step in steps:
        await bench.advance(86_400)
        await bench.dispute(invoice.id, step)
        facts += await told(bench)
        found.append(list(facts))
    return invoice, found


def held(invoice: InvoiceSeen, facts: list[Fact]) -> int:
    """What a bank holds back of an invoice. None of it is a refund that anybody asked for."""
    seen = states(facts, DisputeSeen)
    assert states(facts, RefundSeen) == []
    assert {one.invoice for one in seen} == {invoice.id}
    assert {one.currency for one in seen} == {invoice.currency}
    assert {one.status for one in seen} <= set(STATUSES)
    assert not [one.object for one in registers(facts).values() if one.contested]
    return sum(one.amount for one in seen if one.status in HELD)


class Disputes(ProviderPromises):
    """What is told of disputes."""

    @requires(Capability.DISPUTES)
    @promise
    async def f58_a_dispute_holds_the_money_back_and_is_no_refund(self, bench: ProviderBench) -> None:
        invoice, (opened,) = await disputed(bench, "open")
        assert held(invoice, opened) == invoice.paid == 1_200
        assert "won" not in {one.status for one in states(opened, DisputeSeen)}

    @requires(Capability.DISPUTES)
    @promise
    async def a_dispute_that_is_won_gives_it_back(self, bench: ProviderBench) -> None:
        invoice, (opened, won) = await disputed(bench, "open", "won")
        assert (held(invoice, opened), held(invoice, won)) == (1_200, 0)
        assert "won" in {one.status for one in states(won, DisputeSeen)}

    @requires(Capability.DISPUTES)
    @promise
    async def a_dispute_can_be_opened_again(self, bench: ProviderBench) -> None:
        invoice, (_, won, reopened) = await disputed(bench, "open", "won", "open")
        assert (held(invoice, won), held(invoice, reopened)) == (0, 1_200)

    @requires(Capability.DISPUTES, Capability.DISPUTE_LOSSES)
    @promise
    async def a_dispute_that_is_lost_keeps_it(self, bench: ProviderBench) -> None:
        invoice, (_, lost) = await disputed(bench, "open", "lost")
        assert held(invoice, lost) == 1_200
        assert "lost" in {one.status for one in states(lost, DisputeSeen)}

    @requires(Capability.DISPUTES, Capability.DISPUTE_INQUIRIES)
    @promise
    async def an_inquiry_holds_nothing_back(self, bench: ProviderBench) -> None:
        invoice, (asked, opened) = await disputed(bench, "inquiry", "open")
        assert held(invoice, asked) == 0
        assert "inquiry" in {one.status for one in states(asked, DisputeSeen)}
        assert held(invoice, opened) == 1_200
