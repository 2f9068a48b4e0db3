"""Stripe's hosted pages, Checkout and the portal: what calls say of them, through Stripe's own SDK.

Sources as in `test_stripe_calls.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from purchase_simulators.stripe import portal
from purchase_simulators.stripe.objects.subscriptions import Subscription
from purchase_simulators.stripe.refusal import Refusal

from .rig import DAY, SHOP, START, Rig, on_stripe, refused


@on_stripe
async def test_a_session_is_open_for_half_an_hour_to_a_day(rig: Rig) -> None:
    """API, create a session: `expires_at` 30 minutes to 24 hours, 24 hours by default."""
    price, now = await rig.once(), START // 1_000_000
    assert (await rig.session(price)).expires_at == now + DAY
    assert (await rig.session(price, expires_at=now + 1_900)).expires_at == now + 1_900
    for expires in (now + 1_000, now + DAY + 60):
        await refused(rig.session(price, expires_at=expires), param="expires_at")


@on_stripe
async def test_only_an_open_session_expires(rig: Rig) -> None:
    """API, expire a session: only while it is open; an expired one has no address, and takes no money."""
    session = await rig.session(await rig.once())
    expired = await rig.v.checkout.sessions.expire_async(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    await refused(rig.v.checkout.sessions.expire_async(session.id))
    with pytest.raises(Refusal):
        rig.stripe.pay(session.id)
    paid = await rig.session(await rig.once())
    rig.stripe.pay(paid.id)
    await refused(rig.v.checkout.sessions.expire_async(paid.id))


@on_stripe
async def test_metadata_goes_only_where_it_is_put(rig: Rig) -> None:
    """docs, metadata: the session's stays there; subscription_data's to the subscription and invoices."""
    price, customer = await rig.price(), await rig.customer()
    data = {"metadata": {"where": "subscription"}}
    session = await rig.session(price, customer, metadata={"where": "session"}, subscription_data=data)
    rig.stripe.pay(session.id)
    subscription = (await rig.v.subscriptions.list_async()).data[0]
    invoice = await rig.v.invoices.retrieve_async(subscription.latest_invoice)
    assert subscription.metadata.to_dict() == data["metadata"]
    assert invoice.metadata.to_dict() == {}
    assert invoice.parent.subscription_details.metadata.to_dict() == data["metadata"]
    await rig.v.subscriptions.update_async(subscription.id, {"metadata": {"where": "later"}})
    after = await rig.v.invoices.retrieve_async(invoice.id)
    assert after.parent.subscription_details.metadata.where == "subscription"  # a snapshot


@on_stripe
async def test_a_guest_pays_once_without_a_customer(rig: Rig) -> None:
    """API, create a session: in payment mode a customer is made only if `customer_creation` says so."""
    guest = await rig.session(await rig.once())
    rig.stripe.pay(guest.id)
    after = await rig.v.checkout.sessions.retrieve_async(guest.id)
    assert (after.customer, after.customer_details.email, after.invoice) == (None, "buyer@example.com", None)
    known = await rig.session(
        await rig.once(), customer_creation="always", invoice_creation={"enabled": True}
    )
    rig.stripe.pay(known.id)
    after = await rig.v.checkout.sessions.retrieve_async(known.id)
    assert after.customer.startswith("cus_")
    assert after.invoice.startswith("in_")


@on_stripe
async def test_a_slow_method_completes_unpaid_and_pays_later(rig: Rig) -> None:
    """docs, fulfil orders: complete and `unpaid` = wait for `checkout.session.async_payment_succeeded`."""
    session = await rig.session(await rig.once())
    rig.stripe.pay(session.id, "debit")
    after = await rig.v.checkout.sessions.retrieve_async(session.id)
    assert (after.status, after.payment_status) == ("complete", "unpaid")
    rig.types()
    rig.stripe.advance(days=4)
    assert rig.types() == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
    ]
    assert (await rig.v.checkout.sessions.retrieve_async(session.id)).payment_status == "paid"


@on_stripe
async def test_a_slow_method_can_fail(rig: Rig) -> None:
    """docs, fulfil orders: `checkout.session.async_payment_failed`."""
    session = await rig.session(await rig.once())
    rig.stripe.pay(session.id, "debit_bounces")
    rig.types()
    rig.stripe.advance(days=4)
    assert rig.types()[-1] == "checkout.session.async_payment_failed"
    assert (await rig.v.checkout.sessions.retrieve_async(session.id)).payment_status == "unpaid"


@on_stripe
async def test_a_declined_card_leaves_the_session_open(rig: Rig) -> None:
    """docs, testing: 4000 0000 0000 0002 is declined; the buyer can try again."""
    session = await rig.session(await rig.once())
    with pytest.raises(Refusal) as declined:
        rig.stripe.pay(session.id, "declined")
    assert (declined.value.code, declined.value.decline_code) == ("card_declined", "generic_decline")
    assert (await rig.v.checkout.sessions.retrieve_async(session.id)).status == "open"
    rig.stripe.pay(session.id)
    assert (await rig.v.checkout.sessions.retrieve_async(session.id)).payment_status == "paid"


@on_stripe
async def test_discounts_and_promotion_codes_are_taken_off(rig: Rig) -> None:
    """docs, discounts in Checkout: a coupon or promotion code that is passed, for as long as it lasts."""
    coupon = await rig.v.coupons.create_async({"percent_off": 25, "duration": "once"})
    code = await rig.v.promotion_codes.create_async(
        {"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "Q", "max_redemptions": 1}
    )
    customer = await rig.customer()
    session = await rig.session(await rig.price(), customer, discounts=[{"promotion_code": code.id}])
    assert (session.amount_subtotal, session.amount_total) == (1_200, 900)
    rig.stripe.pay(session.id)
    (invoice,) = (await rig.v.invoices.list_async()).data
    assert (invoice.subtotal, invoice.total, invoice.total_discount_amounts[0].amount) == (1_200, 900, 300)
    await refused(rig.session(await rig.price(), customer, discounts=[{"promotion_code": code.id}]),
                  code="promotion_code_invalid")  # fmt: skip
    rig.stripe.advance(days=32)
    assert (await rig.v.invoices.list_async()).data[0].total == 1_200  # once


@on_stripe
async def test_tax_is_added_or_held_by_the_price(rig: Rig) -> None:
    """docs, tax behaviour: exclusive tax comes on top, inclusive tax is part of the price (20 %, made up)."""
    for behaviour, total, tax in (("exclusive", 600, 100), ("inclusive", 500, 83)):
        price = await rig.once(tax_behavior=behaviour)
        session = await rig.session(
            price, automatic_tax={"enabled": True}, invoice_creation={"enabled": True}
        )
        assert (session.amount_total, session.total_details.amount_tax) == (total, tax)
        rig.stripe.pay(session.id)
        invoice = (await rig.v.invoices.list_async()).data[0]
        assert (invoice.total, invoice.total_taxes[0].amount, invoice.total_taxes[0].tax_behavior) == (
            total, tax, behaviour,
        )  # fmt: skip


# --- the portal --------------------------------------------------------------------------------


@on_stripe
async def test_the_portal_needs_a_configuration_that_was_saved(rig: Rig) -> None:
    """API, create a portal session: without a configuration the account's default, which must be there."""
    subscription = await rig.subscribed()
    asked: dict[str, Any] = {"customer": subscription.customer, "return_url": SHOP}
    await refused(rig.v.billing_portal.sessions.create_async(asked))
    await rig.v.billing_portal.configurations.create_async(
        {"features": {"invoice_history": {"enabled": True}}}
    )
    assert (await rig.v.billing_portal.sessions.create_async(asked)).return_url == SHOP
    flow = {"type": "subscription_cancel", "subscription_cancel": {"subscription": subscription.id}}
    session = await rig.v.billing_portal.sessions.create_async(asked | {"flow_data": flow})
    assert session.flow.subscription_cancel.subscription == subscription.id
    stranger = await rig.customer()
    await refused(rig.v.billing_portal.sessions.create_async({"customer": stranger.id, "flow_data": flow}))


@on_stripe
async def test_the_portal_cancels_by_an_instant(rig: Rig) -> None:
    """docs, flexible billing: cancelling in the portal sets `cancel_at`, not `cancel_at_period_end`."""
    subscription = await rig.subscribed()
    portal.portal_cancel(rig.book, rig.book.get(Subscription, subscription.id))
    after = await rig.v.subscriptions.retrieve_async(subscription.id)
    assert (after.cancel_at_period_end, after.status) == (False, "active")
    assert after.cancel_at == after["items"].data[0].current_period_end
    # cancel_at_period_end=False takes back nothing here: it was not set.
    still = await rig.v.subscriptions.update_async(subscription.id, {"cancel_at_period_end": False})
    assert still.cancel_at is not None
    assert (await rig.v.subscriptions.update_async(subscription.id, {"cancel_at": ""})).cancel_at is None


@on_stripe
async def test_a_payments_metadata_is_that_of_payment_intent_data(rig: Rig) -> None:
    """docs, metadata: `payment_intent_data[metadata]` goes to the payment intent, the session's does not."""
    data = {"metadata": {"where": "intent"}}
    session = await rig.session(await rig.once(), metadata={"where": "session"}, payment_intent_data=data)
    rig.stripe.pay(session.id)
    after = await rig.v.checkout.sessions.retrieve_async(session.id)
    intent = await rig.v.payment_intents.retrieve_async(after.payment_intent)
    assert (intent.metadata.where, after.metadata.where) == ("intent", "session")


@on_stripe
async def test_only_hosted_pages_are_simulated(rig: Rig) -> None:
    """API, create a session: `ui_mode` hosted_page by default; others are refused here."""
    session = await rig.session(await rig.once())
    assert (session.ui_mode, session.url[:17]) == ("hosted_page", "http://127.0.0.1:")
    await refused(rig.session(await rig.once(), ui_mode="embedded_page"), param="ui_mode")
