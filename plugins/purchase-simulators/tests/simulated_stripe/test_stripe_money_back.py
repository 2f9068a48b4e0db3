"""Refunds and disputes, through Stripe's own SDK.

Sources as in `test_stripe_calls.py`.
"""

from __future__ import annotations

from purchase_simulators.stripe import disputing
from purchase_simulators.stripe.objects.payments import Charge, Dispute

from .rig import Rig, on_stripe, refused


@on_stripe
async def test_a_refund_is_never_of_more_than_is_left(rig: Rig) -> None:
    """API, create a refund: partial refunds up to the charge; then it is refused."""
    intent = await rig.paid_once()
    first = await rig.v.refunds.create_async({"payment_intent": intent.id, "amount": 200})
    assert (first.status, first.amount) == ("succeeded", 200)
    await refused(rig.v.refunds.create_async({"payment_intent": intent.id, "amount": 301}), param="amount")
    assert (await rig.v.refunds.create_async({"payment_intent": intent.id})).amount == 300
    await refused(rig.v.refunds.create_async({"payment_intent": intent.id}), code="charge_already_refunded")
    charge = await rig.v.charges.retrieve_async(intent.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (True, 500)
    assert rig.types()[-4:] == ["refund.created", "charge.refunded"] * 2


@on_stripe
async def test_what_was_not_paid_is_not_refunded(rig: Rig) -> None:
    """API, create a refund: of a payment that has succeeded."""
    asked = {"amount": 500, "currency": "usd"}
    intent = await rig.v.payment_intents.create_async(asked)
    await refused(
        rig.v.refunds.create_async({"payment_intent": intent.id}), code="payment_intent_unexpected_state"
    )


@on_stripe
async def test_a_refund_can_fail_later(rig: Rig) -> None:
    """docs, failed refunds: usually succeeded at once, and `refund.failed` can follow; the money is back."""
    intent = await rig.paid_once("refund_fails")
    made = await rig.v.refunds.create_async({"payment_intent": intent.id})
    assert made.status == "succeeded"
    rig.types()
    rig.stripe.advance(days=3)
    assert rig.types() == ["refund.updated", "charge.refund.updated", "refund.failed", "charge.updated"]
    assert (await rig.v.refunds.retrieve_async(made.id)).status == "failed"
    assert (await rig.v.charges.retrieve_async(made.charge)).amount_refunded == 0


@on_stripe
async def test_a_refund_can_be_pending(rig: Rig) -> None:
    """API, the refund object: pending, with a reason, and succeeded later."""
    intent = await rig.paid_once("refund_pends")
    made = await rig.v.refunds.create_async({"payment_intent": intent.id})
    assert (made.status, made.pending_reason) == ("pending", "processing")
    rig.stripe.advance(days=3)
    assert (await rig.v.refunds.retrieve_async(made.id)).status == "succeeded"


@on_stripe
async def test_neither_charge_nor_payment_intent_names_the_invoice(rig: Rig) -> None:
    """changelog basil: `charge.invoice` and `payment_intent.invoice` are gone; there are invoice payments."""
    intent = await rig.paid_once()
    charge = await rig.v.charges.retrieve_async(intent.latest_charge)
    assert "invoice" not in intent
    assert "invoice" not in charge
    asked = {"payment": {"type": "payment_intent", "payment_intent": intent.id}}
    (payment,) = (await rig.v.invoice_payments.list_async(asked)).data
    assert (await rig.v.invoices.retrieve_async(payment.invoice)).amount_paid == 500


@on_stripe
async def test_a_dispute_withdraws_the_money_until_it_is_won(rig: Rig) -> None:
    """docs, how disputes work; testing: `winning_evidence` wins."""
    intent = await rig.paid_once("disputed")
    rig.types()
    (dispute,) = (await rig.v.disputes.list_async({"payment_intent": intent.id})).data
    assert dispute.status == "needs_response"
    await refused(rig.v.refunds.create_async({"payment_intent": intent.id}), code="charge_disputed")
    asked = {"evidence": {"uncategorized_text": "winning_evidence"}}
    assert (await rig.v.disputes.update_async(dispute.id, asked)).status == "won"
    assert rig.types() == [
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_reinstated",
    ]
    await refused(rig.v.disputes.update_async(dispute.id, asked))


@on_stripe
async def test_a_lost_dispute_can_be_appealed(rig: Rig) -> None:
    """changelog 2026-10-28.endive: the statuses `appeal_needs_response` and `appeal_under_review`."""
    intent = await rig.paid_once("disputed")
    (dispute,) = (await rig.v.disputes.list_async({"payment_intent": intent.id})).data
    assert (await rig.v.disputes.close_async(dispute.id)).status == "lost"
    disputing.appeal(rig.book, rig.book.get(Dispute, dispute.id))
    assert (await rig.v.disputes.retrieve_async(dispute.id)).status == "appeal_needs_response"


@on_stripe
async def test_an_inquiry_takes_no_money(rig: Rig) -> None:
    """docs, inquiries: `warning_needs_response`, and the charge can still be refunded."""
    intent = await rig.paid_once()
    rig.types()
    disputing.open_dispute(rig.book, rig.book.get(Charge, intent.latest_charge), inquiry=True)
    assert rig.types() == ["charge.updated", "charge.dispute.created"]
    assert (await rig.v.refunds.create_async({"payment_intent": intent.id})).status == "succeeded"
