"""Credit notes on the simulated Stripe, through Stripe's own SDK. Sources as in `test_stripe_calls.py`."""

from __future__ import annotations

from typing import Any

from .rig import Rig, on_stripe, refused


async def invoice_of(rig: Rig, method: str = "pays") -> Any:
    """The first invoice of a subscription; with "fails_later", an open one of the renewal."""
    await rig.subscribed(method)
    if method == "fails_later":
        rig.stripe.advance(days=32)
    rig.types()
    return (await rig.v.invoices.list_async()).data[0]


@on_stripe
async def test_a_credit_note_is_of_a_finalized_invoice(rig: Rig) -> None:
    """API, create a credit note: "adjust the amount of a finalized invoice"."""
    customer = await rig.customer()
    await rig.v.invoice_items.create_async({"customer": customer.id, "amount": 500})
    draft = await rig.v.invoices.create_async(
        {"customer": customer.id, "pending_invoice_items_behavior": "include"}
    )
    await refused(rig.v.credit_notes.create_async({"invoice": draft.id, "amount": 100}))


@on_stripe
async def test_after_payment_it_is_refunded_credited_or_paid_elsewhere_and_adds_up(rig: Rig) -> None:
    """API, create a credit note: the three amounts must equal what is above the invoice's open rest."""
    invoice = await invoice_of(rig)
    asked = {"invoice": invoice.id, "amount": 600}
    await refused(rig.v.credit_notes.create_async(asked), param="refund_amount")
    parts = {"refund_amount": 300, "credit_amount": 200, "out_of_band_amount": 100}
    seen = await rig.v.credit_notes.preview_async(asked | parts)
    assert (seen.post_payment_amount, seen.type) == (600, "post_payment")
    assert not (await rig.v.credit_notes.list_async({"invoice": invoice.id})).data
    made = await rig.v.credit_notes.create_async(asked | parts)
    assert (made.status, made.amount, made.pre_payment_amount) == ("issued", 600, 0)
    refund = await rig.v.refunds.retrieve_async(made.refunds[0].refund)
    assert (refund.amount, refund.status) == (300, "succeeded")
    assert (await rig.v.customers.retrieve_async(invoice.customer)).balance == -200
    after = await rig.v.invoices.retrieve_async(invoice.id)
    assert (after.status, after.post_payment_credit_notes_amount) == ("paid", 600)
    assert {"refund.created", "customer.updated", "credit_note.created"} <= set(rig.types())


@on_stripe
async def test_before_payment_it_lowers_what_is_due(rig: Rig) -> None:
    """API, create a credit note: it first reduces `amount_remaining`; nothing left means paid."""
    invoice = await invoice_of(rig, "fails_later")
    assert (invoice.status, invoice.amount_remaining) == ("open", 1_200)
    made = await rig.v.credit_notes.create_async({"invoice": invoice.id, "amount": 500})
    assert (made.pre_payment_amount, made.type) == (500, "pre_payment")
    assert (await rig.v.invoices.retrieve_async(invoice.id)).amount_remaining == 700
    rest = [{"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id, "amount": 700}]
    await rig.v.credit_notes.create_async({"invoice": invoice.id, "lines": rest})
    after = await rig.v.invoices.retrieve_async(invoice.id)
    assert (after.status, after.pre_payment_credit_notes_amount) == ("paid", 1_200)


@on_stripe
async def test_it_is_never_of_more_than_the_invoice(rig: Rig) -> None:
    """API, create a credit note: the sum of an invoice's notes is at most its total."""
    invoice = await invoice_of(rig)
    asked = {"invoice": invoice.id, "amount": 1_201, "out_of_band_amount": 1_201}
    await refused(rig.v.credit_notes.create_async(asked), param="amount")


@on_stripe
async def test_a_credit_note_is_issued_or_void_and_void_only_while_its_invoice_is_open(rig: Rig) -> None:
    """API, void a credit note: of an open invoice; what it took off is due again."""
    invoice = await invoice_of(rig, "fails_later")
    made = await rig.v.credit_notes.create_async({"invoice": invoice.id, "amount": 500, "memo": "a"})
    assert (await rig.v.credit_notes.update_async(made.id, {"memo": "b"})).memo == "b"
    assert (await rig.v.credit_notes.void_credit_note_async(made.id)).status == "void"
    assert (await rig.v.invoices.retrieve_async(invoice.id)).amount_remaining == 1_200
    await refused(rig.v.credit_notes.void_credit_note_async(made.id))
    assert [one for one in rig.types() if one.startswith("credit_note.")] == [
        "credit_note.created",
        "credit_note.updated",
        "credit_note.voided",
    ]
    (first,) = (await rig.v.invoices.list_async({"status": "paid"})).data
    asked = {"invoice": first.id, "amount": 100, "out_of_band_amount": 100}
    issued = await rig.v.credit_notes.create_async(asked)
    await refused(rig.v.credit_notes.void_credit_note_async(issued.id))
