"""Stripe's adapter beyond the contract: what is Stripe's own, on the simulated Stripe, over HTTP."""

from __future__ import annotations

import json

import attrs
import pytest

from purchase_core.errors import (
    CapabilityMissing,
    OutcomeUnknown,
    ProviderUnavailable,
)
from purchase_core.facts.bodies import DisputeSeen, InvoiceSeen, RefundSeen, SubscriptionSeen
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import (
    CustomerRequest,
    OurReference,
    Override,
    PortalFlow,
    PortalRequest,
    RefundRequest,
    TaxBehavior,
)
from purchase_simulators.stripe import refunds
from purchase_simulators.stripe.objects.checkout import PortalSession
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault
from purchase_stripe.config import API_VERSION

from .rig import PRICE, START, Rig, newest, on_stripe

# --- checkouts ---------------------------------------------------------------------------------


@on_stripe
async def test_every_option_of_a_checkout_gets_to_stripe(rig: Rig) -> None:
    """The simulated Stripe refuses what it does not know, so what is accepted has arrived."""
    priced = attrs.evolve(
        PRICE, version="v3", tax_behavior=TaxBehavior.EXCLUSIVE, overrides=(Override(1_100, "EUR"),)
    )
    expires = Instant(START + 3_600 * SECOND)
    session = await rig.open(priced, currency="EUR", collect_tax=True, locale="de", promotion_codes=True,
                             expires_at=expires, trial_days=7, trial_without_card=True)  # fmt: skip
    answer = await rig.calls.raw("look", lambda one: one.v1.checkout.sessions.retrieve_async(session))
    shown = json.loads(answer.body)
    assert (shown["currency"], shown["locale"], shown["expires_at"]) == ("eur", "de", expires // SECOND)
    assert (shown["allow_promotion_codes"], shown["automatic_tax"]["enabled"]) == (True, True)
    assert (shown["payment_method_collection"], shown["amount_total"]) == ("if_required", 0)
    with pytest.raises(CapabilityMissing):
        await rig.provider.ensure_price(
            attrs.evolve(PRICE, version="v4", overrides=(Override(1, "EUR", ("DE",)),)), key="x"
        )


@on_stripe
async def test_what_is_sold_in_another_currency_is_seen_in_it(rig: Rig) -> None:
    """A price's own amount is of its own currency: the event does not hold the other, and is looked up."""
    priced = attrs.evolve(PRICE, version="v3", overrides=(Override(1_100, "EUR"),))
    rig.stripe.pay(await rig.open(priced, currency="EUR"))
    seen = newest(await rig.told(), SubscriptionSeen)
    assert (seen.items[0].unit_amount, seen.items[0].currency) == (1_100, "EUR")


@on_stripe
async def test_f46_a_slow_method_grants_nothing_until_the_money_is_there(rig: Rig) -> None:
    once = attrs.evolve(PRICE, version="once", interval="")
    rig.stripe.pay(await rig.open(once), "debit")
    assert not [fact for fact in await rig.told() if isinstance(fact.body, InvoiceSeen) and fact.body.paid]
    rig.stripe.advance(days=4)
    bill = newest(await rig.told(), InvoiceSeen)
    assert (bill.status, bill.paid, bill.reason, bill.intent) == ("paid", 1_200, "first", "intent_1")


@on_stripe
async def test_dunning_is_told_with_what_the_customer_must_do(rig: Rig) -> None:
    for method, action in (("fails_later", "update_card"), ("always_challenge", "authenticate")):
        name = await rig.subscribed(method)
        rig.stripe.advance(days=32)
        facts = await rig.told()
        bill = newest([fact for fact in facts if getattr(fact.body, "subscription", "") == name], InvoiceSeen)
        assert (bill.status, bill.reason, bill.action) == ("open", "renewal", action)
        assert (await rig.seen(name)).status == "past_due"
        await rig.provider.cancel_subscription(name, at_period_end=False, key=f"end {method}")
        await rig.told()


@on_stripe
async def test_a_customer_is_found_at_once_and_for_ever(rig: Rig) -> None:
    """Search lags by a minute, and keys are forgotten after a day: each covers for the other."""
    first = await rig.provider.ensure_customer(CustomerRequest("ana", "a@example.com"), key="1")
    assert await rig.provider.ensure_customer(CustomerRequest("ana"), key="2") == first
    rig.stripe.advance(days=3)
    assert await rig.provider.ensure_customer(CustomerRequest("ana"), key="3") == first


# --- money back --------------------------------------------------------------------------------


@on_stripe
async def test_f56_a_refund_that_fails_later_is_told(rig: Rig) -> None:
    once = attrs.evolve(PRICE, version="once", interval="")
    rig.stripe.pay(await rig.open(once), "refund_fails")
    bill = newest(await rig.told(), InvoiceSeen)
    made = await rig.provider.refund(RefundRequest(bill.id, 500, OurReference(command="c1")), key="r")
    assert newest([*made, *await rig.told()], RefundSeen).status == "succeeded"
    rig.stripe.advance(days=3)
    failed = newest(
        [*made, *await rig.told()], RefundSeen
    )  # by what is told of its failing, and by nothing else
    assert (failed.status, failed.invoice, failed.command) == ("failed", bill.id, "c1")
    assert refunds.LATER_DAYS < 3


@on_stripe
async def test_a_dispute_is_of_an_invoice(rig: Rig) -> None:
    rig.stripe.pay(await rig.open(), "disputed")
    facts = await rig.told()
    dispute, bill = newest(facts, DisputeSeen), newest(facts, InvoiceSeen)
    assert (dispute.invoice, dispute.status, dispute.amount) == (bill.id, "open", 1_200)


@on_stripe
async def test_an_invoice_has_a_document_and_a_page_while_it_is_open(rig: Rig) -> None:
    await rig.subscribed("fails_later")
    rig.stripe.advance(days=32)
    bill = newest(await rig.told(), InvoiceSeen)
    links = await rig.provider.invoice_links(bill.id)
    assert links.pay_url.startswith(rig.stripe.url)
    assert links.document_url.endswith("/pdf")


# --- pages and endpoints -----------------------------------------------------------------------


@on_stripe
async def test_the_portal_opens_where_it_is_asked_to(rig: Rig) -> None:
    name = await rig.subscribed()
    customer = (await rig.seen(name)).customer
    flows = {
        PortalFlow.OVERVIEW: None,
        PortalFlow.PAYMENT_METHOD: "payment_method_update",
        PortalFlow.CANCEL: "subscription_cancel",
        PortalFlow.CHANGE: "subscription_update",
    }
    assert set(flows) == set(PortalFlow)
    for flow, type_ in flows.items():
        about = "" if flow is PortalFlow.OVERVIEW else name
        url = await rig.provider.create_portal(PortalRequest(customer, flow, about, "http://127.0.0.1/"))
        assert url.startswith(rig.stripe.url)
        opened = list(rig.book.all(PortalSession))[-1]
        assert (opened.flow or {}).get("type") == type_
        assert opened.return_url == "http://127.0.0.1/"


@on_stripe
async def test_an_endpoint_is_made_in_our_version(rig: Rig) -> None:
    made = await rig.provider.create_endpoint("http://127.0.0.1:9/hook", key="e")
    assert (made.api_version, made.enabled) == (API_VERSION, True)
    assert made.secret is not None
    (found,) = await rig.provider.endpoints()
    assert (found.id, found.secret, found.events) == (made.id, None, made.events)
    assert "invoice.paid" in found.events


# --- troubles ----------------------------------------------------------------------------------


@on_stripe
async def test_f40_a_busy_stripe_says_when_to_come_back(rig: Rig) -> None:
    rig.stripe.chaos.set(Fault.BUSY, CERTAIN_PPM)
    with pytest.raises(ProviderUnavailable) as raised:
        await rig.provider.fetch("invoice", "in_1")
    assert (raised.value.retry_after_seconds, raised.value.provider_code) == (1.0, "rate_limit")


@on_stripe
async def test_f39_a_kept_500_is_unknown_however_often(rig: Rig) -> None:
    """A write is never repeated by itself, whatever `Stripe-Should-Retry` says; a read is."""
    session = await rig.open()
    rig.stripe.simulator.should_retry = True
    rig.stripe.chaos.set(Fault.BROKEN_AFTER, CERTAIN_PPM)
    with pytest.raises(OutcomeUnknown):
        await rig.provider.expire_checkout(session, key="k")
    rig.stripe.chaos.clear()
    fetched = await rig.provider.fetch("session", session)
    assert json.loads(fetched.body)["status"] == "expired"
