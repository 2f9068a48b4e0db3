"""Refunds: as much as was paid, once for a key."""

from __future__ import annotations

import pytest

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import IDEMPOTENCY_KEYS, ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.sale import only, registers, sell, states, told
from purchase_core.errors import ProviderRefused
from purchase_core.facts.bodies import InvoiceSeen, RefundSeen
from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import Capability, OurReference, RefundRequest

ACCEPTED = ("pending", "succeeded")


async def paid_invoice(bench: ProviderBench) -> InvoiceSeen:
    """An invoice of 12.00 USD that was just paid."""
    _, facts = await sell(bench)
    return only(states(facts, InvoiceSeen))


async def refund(
    bench: ProviderBench, invoice: InvoiceSeen, amount: int | None, number: int
) -> tuple[Fact, ...]:
    """Refund an invoice by our command of this number."""
    request = RefundRequest(invoice.id, amount, OurReference(command=f"command_{number}"))
    return await bench.provider.refund(request, key=f"refund:{number}")


class Refunds(ProviderPromises):
    """`refund` and `find_refund`."""

    @requires(Capability.REFUND)
    @promise
    async def a_refund_is_of_the_whole_invoice(self, bench: ProviderBench) -> None:
        invoice = await paid_invoice(bench)
        answer = await refund(bench, invoice, None, 1)
        facts = [*answer, *await told(bench)]
        made = only(states(facts, RefundSeen))
        assert (made.invoice, made.amount, made.currency) == (invoice.id, invoice.paid, "USD")
        assert made.status in ACCEPTED
        assert not [one.object for one in registers(facts).values() if one.contested]

    @requires(Capability.PARTIAL_REFUND)
    @promise
    async def refunds_in_part_are_refunds_of_their_own(self, bench: ProviderBench) -> None:
        invoice = await paid_invoice(bench)
        facts: list[Fact] = []
        for number, amount in enumerate((500, 300)):
            await bench.advance(60)
            facts += await refund(bench, invoice, amount, number)
            facts += await told(bench)
        assert sorted(one.amount for one in states(facts, RefundSeen)) == [300, 500]
        assert {one.invoice for one in states(facts, RefundSeen)} == {invoice.id}

    @requires(Capability.PARTIAL_REFUND)
    @promise
    async def f36_a_refund_is_found_by_our_command(self, bench: ProviderBench) -> None:
        invoice = await paid_invoice(bench)
        made = [await refund(bench, invoice, amount, amount) for amount in (500, 300)]
        for facts, amount in zip(made, (500, 300), strict=True):
            found = await bench.provider.find_refund(invoice.id, f"command_{amount}")
            assert only(states(found, RefundSeen)) == only(states(facts, RefundSeen))
        assert await bench.provider.find_refund(invoice.id, "command_9") == ()
        assert await bench.neighbour.find_refund(invoice.id, "command_500") == ()

    @requires(Capability.PARTIAL_REFUND)
    @promise
    async def more_than_was_paid_is_refused(self, bench: ProviderBench) -> None:
        invoice = await paid_invoice(bench)
        await refund(bench, invoice, 1_000, 1)
        for number, amount in enumerate((201, 1_200, 10**9)):
            with pytest.raises(ProviderRefused):
                await refund(bench, invoice, amount, 2 + number)
        assert [one.amount for one in states(await told(bench), RefundSeen)] == [1_000]

    @requires(Capability.PARTIAL_REFUND, IDEMPOTENCY_KEYS)
    @promise
    async def f38_the_same_key_refunds_once(self, bench: ProviderBench) -> None:
        invoice = await paid_invoice(bench)
        answers = [await refund(bench, invoice, 400, 1) for _ in range(2)]
        facts = [*answers[0], *answers[1], *await told(bench)]
        assert only(states(facts, RefundSeen)).amount == 400
