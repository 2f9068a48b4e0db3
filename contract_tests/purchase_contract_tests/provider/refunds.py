"""Refunds: as much as was paid, once for a key, found by our command, and back only when they arrive."""

from __future__ import annotations

import pytest

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import IDEMPOTENCY_KEYS, REFUND_APPROVAL, ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.sale import a_wish, only, registers, sell, states, told
from purchase_core.errors import ProviderRefused
from purchase_core.facts.bodies import InvoiceSeen, RefundSeen
from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import Capability, OurReference, RefundReason, RefundRequest

ACCEPTED = ("pending", "succeeded")


async def paid_invoice(bench: ProviderBench, number: int = 1) -> InvoiceSeen:
    """An invoice of 12.00 USD that was just paid."""
    _, facts = await sell(bench, a_wish(bench, number))
    return only(states(facts, InvoiceSeen))


async def refund(
    bench: ProviderBench,
    invoice: InvoiceSeen,
    amount: int | None,
    number: int,
    reason: RefundReason = RefundReason.REQUESTED,
) -> list[Fact]:
    """Refund an invoice by our command of this number."""
    reference = OurReference(command=f"command_{number}")
    request = RefundRequest(invoice.id, amount, reference, reason)
    return list(await bench.provider.refund(request, key=f"refund:{number}"))


async def approved(bench: ProviderBench, facts: list[Fact]) -> list[Fact]:
    """The facts of a refund once it has succeeded, whoever had to agree to it."""
    made = only(states(facts, RefundSeen))
    if bench.provider.capabilities.refund_approval:
        await bench.decide_refund(made.id, approved=True)
    return [*facts, *await told(bench)]


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
        assert (made.status in ACCEPTED, made.command) == (True, "command_1")
        assert not [one.object for one in registers(facts).values() if one.contested]

    @requires(Capability.PARTIAL_REFUND)
    @promise
    async def f55_refunds_in_part_are_refunds_of_their_own(self, bench: ProviderBench) -> None:
        invoice = await paid_invoice(bench)
        facts: list[Fact] = []
        for number, amount in enumerate((500, 300)):
            await bench.advance(60)
            facts += await approved(bench, await refund(bench, invoice, amount, number))
        made = states(facts, RefundSeen)
        assert sorted((one.amount, one.status) for one in made) == [(300, "succeeded"), (500, "succeeded")]
        assert {one.invoice for one in made} == {invoice.id}

    @requires(Capability.PARTIAL_REFUND)
    @promise
    async def f36_a_refund_is_found_by_our_command(self, bench: ProviderBench) -> None:
        invoice = await paid_invoice(bench)
        made = [await approved(bench, await refund(bench, invoice, amount, amount)) for amount in (500, 300)]
        for facts, amount in zip(made, (500, 300), strict=True):
            found = await bench.provider.find_refund(invoice.id, f"command_{amount}")
            assert only(states(found, RefundSeen)) == only(states(facts, RefundSeen))
        assert await bench.provider.find_refund(invoice.id, "command_9") == ()
        assert await bench.neighbour.find_refund(invoice.id, "command_500") == ()

    @requires(Capability.PARTIAL_REFUND)
    @promise
    async def more_than_was_paid_is_refused(self, bench: ProviderBench) -> None:
        invoice = await paid_invoice(bench)
        await approved(bench, await refund(bench, invoice, 1_000, 1))
        for number, amount in enumerate((201, 1_200, 10**9)):
            with pytest.raises(ProviderRefused):
                await refund(bench, invoice, amount, 2 + number)
        assert states(await told(bench), RefundSeen) == []

    @requires(Capability.REFUND)
    @promise
    async def every_reason_is_taken(self, bench: ProviderBench) -> None:
        for number, reason in enumerate(RefundReason):
            invoice = await paid_invoice(bench, number)
            facts = await refund(bench, invoice, None, number, reason)
            assert only(states(facts, RefundSeen)).amount == invoice.paid
            await told(bench)

    @requires(Capability.PARTIAL_REFUND, IDEMPOTENCY_KEYS)
    @promise
    async def f38_the_same_key_refunds_once(self, bench: ProviderBench) -> None:
        invoice = await paid_invoice(bench)
        answers = [await refund(bench, invoice, 400, 1) for _ in range(2)]
        facts = [*answers[0], *answers[1], *await told(bench)]
        assert only(states(facts, RefundSeen)).amount == 400

    # --- what becomes of them --------------------------------------------------------------------

    @requires(Capability.REFUND)
    @promise
    async def f56_a_refund_that_comes_back_has_failed(self, bench: ProviderBench) -> None:
        invoice = await paid_invoice(bench)
        facts = await approved(bench, await refund(bench, invoice, None, 1))
        made = only(states(facts, RefundSeen))
        assert made.status == "succeeded"
        await bench.advance(60)
        await bench.return_refund(made.id)
        facts += await told(bench)
        gone = only(states(facts, RefundSeen))
        assert (gone.id, gone.status, gone.amount, gone.command) == (made.id, "failed", 1_200, "command_1")

    @requires(Capability.REFUND, REFUND_APPROVAL)
    @promise
    async def f56_a_refund_is_pending_until_it_is_approved(self, bench: ProviderBench) -> None:
        invoice = await paid_invoice(bench)
        facts = await refund(bench, invoice, None, 1)
        facts += await told(bench)
        assert only(states(facts, RefundSeen)).status == "pending"
        await bench.decide_refund(only(states(facts, RefundSeen)).id, approved=True)
        facts += await told(bench)
        assert only(states(facts, RefundSeen)).status == "succeeded"

    @requires(Capability.REFUND, REFUND_APPROVAL)
    @promise
    async def f56_a_refund_that_is_rejected_gives_nothing_back(self, bench: ProviderBench) -> None:
        invoice = await paid_invoice(bench)
        facts = await refund(bench, invoice, None, 1)
        await bench.decide_refund(only(states(facts, RefundSeen)).id, approved=False)
        facts += await told(bench)
        assert only(states(facts, RefundSeen)).status == "rejected"
        again = await approved(bench, await refund(bench, invoice, None, 2))
        assert only(states(again, RefundSeen)).status == "succeeded"
