"""Stripe's adapter beyond the contract: what is Stripe's own, on the simulated Stripe, over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from purchase_core.errors import (
    CapabilityMissing,
    InvalidArgument,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.facts.bodies import DisputeSeen, InvoiceSeen, RefundSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact
from purchase_core.facts.register import Register, observe
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import (
    ChangeRequest,
    CheckoutRequest,
    Connection,
    CustomerRequest,
    OurReference,
    Override,
    PauseRequest,
    PortalFlow,
    PortalRequest,
    PriceRequest,
    Proration,
    RefundRequest,
    TaxBehavior,
)
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_simulators.stripe import collecting, portal, refunds
from purchase_simulators.stripe.objects.checkout import PortalSession
from purchase_simulators.stripe.objects.invoices import Invoice
from purchase_simulators.stripe.objects.subscriptions import Subscription
from purchase_simulators.stripe.openapi import CheckedStripe, document_in
from purchase_simulators.stripe.simulator import DEFAULT_ACCOUNT
from purchase_simulators.stripe.testing import API_KEY
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault
from purchase_stripe.adapter import StripeProvider
from purchase_stripe.client import StripeCalls
from purchase_stripe.config import API_VERSION, StripeConfig

SPECS = Path(os.environ.get("PURCHASE_SPECS_FOLDER") or Path(__file__).parents[5] / "shared" / "specs")
START = Instant(1_790_000_000_000_000)
SECRET = Secret("whsec_0123456789abcdefghijklmnop")
PRICE = PriceRequest("app:pro", "v1", "App Pro", 1_200, "USD", "month")
DEARER = attrs.evolve(PRICE, version="v2", unit_amount=2_400)


async def no_pause(seconds: float) -> None:
    """Instead of sleeping."""


class Rig:
    """A simulated Stripe, and an adapter opened on it."""

    def __init__(self, stripe: CheckedStripe) -> None:
        self.stripe = stripe
        self.book = stripe.account.book
        config = StripeConfig(DEFAULT_ACCOUNT, base_url=stripe.url)
        self.calls = StripeCalls(config, API_KEY, stripe.clock, pause=no_pause)
        connection = Connection("stripe", "stripe", "test", "shop", "dev")
        self.provider = StripeProvider(connection, config, self.calls, (SECRET,))

    async def open(self, price: PriceRequest = PRICE, **more: Any) -> str:
        """A checkout of a price, by its id."""
        customer = await self.provider.ensure_customer(CustomerRequest("ana"), key="customer")
        asked: dict[str, Any] = {
            "mode": "subscription" if price.interval else "payment",
            "price": await self.provider.ensure_price(price, key=f"price:{price.version}"),
            "quantity": 1,
            "customer": customer,
            "success_url": "http://127.0.0.1/thanks",
            "cancel_url": "http://127.0.0.1/pricing",
            "reference": OurReference("intent_1", "attempt_1", "ana", price.version),
        }
        number = len(self.book.events)
        checkout = await self.provider.create_checkout(CheckoutRequest(**asked | more), key=f"c{number}")
        return checkout.id

    async def subscribed(self, method: str = "pays", **more: Any) -> str:
        """A subscription that was just bought, by its id."""
        self.stripe.pay(await self.open(**more), method)
        (found,) = [one for one in self.book.all(Subscription) if one.status != "canceled"]
        await self.told()
        return found.id

    async def told(self) -> list[Fact]:
        """The facts of what was sent since this was last asked, looked up where they must be."""
        found: list[Fact] = []
        for webhook in self.stripe.webhooks():
            meaning = self.provider.normalise(self.provider.parse(webhook.body))
            found += meaning.facts
            for need in meaning.needs:
                fetched = await self.provider.fetch(need.kind, need.id)
                found += self.provider.normalise(self.provider.parse_fetched(fetched)).facts
        return found

    async def seen(self, name: str) -> SubscriptionSeen:
        """The subscription as it is now."""
        fetched = await self.provider.fetch("subscription", name)
        (fact,) = self.provider.normalise(self.provider.parse_fetched(fetched)).facts
        assert isinstance(fact.body, SubscriptionSeen)
        return fact.body


def newest(facts: list[Fact], kind: type[Any]) -> Any:
    """The newest state of the one object of a kind."""
    registers: dict[str, Register] = {}
    for fact in facts:
        registers[fact.object] = observe(registers.get(fact.object), fact)
    (found,) = [one.newest.body for one in registers.values() if isinstance(one.newest.body, kind)]
    return found


def on_stripe(body: Callable[[Rig], Awaitable[None]]) -> Callable[[], None]:
    """A test of a Stripe that holds nothing yet, but the portal's settings."""

    async def run() -> None:
        async with CheckedStripe(ManualClock(START), document_in(SPECS)) as stripe:
            stripe.save_portal()
            rig = Rig(stripe)
            try:
                await body(rig)
            finally:
                await rig.provider.aclose()

    def test() -> None:
        asyncio.run(run())

    test.__name__, test.__doc__ = body.__name__, body.__doc__
    return test


# --- changes -----------------------------------------------------------------------------------


@on_stripe
async def test_a_change_is_paid_before_it_is_made(rig: Rig) -> None:
    name = await rig.subscribed()
    rig.stripe.advance(days=10)
    price = await rig.provider.ensure_price(DEARER, key="dearer")
    request = ChangeRequest(name, price, 1)
    preview = await rig.provider.preview_change(request)
    facts = await rig.provider.change_subscription(attrs.evolve(request, preview=preview.token), key="change")
    assert newest(list(facts), SubscriptionSeen).items[0].price == price
    bill = newest(await rig.told(), InvoiceSeen)
    assert (bill.reason, bill.status, bill.paid) == ("change", "paid", preview.due_now)
    assert 0 < preview.due_now < 1_200
    assert (preview.renewal, preview.currency) == (2_400, "USD")
    assert all(line.proration for line in bill.lines)


@on_stripe
async def test_a_change_that_is_declined_leaves_everything_as_it_was(rig: Rig) -> None:
    """The old rights stay, and nothing stays behind that a later payment could still change."""
    name = await rig.subscribed("fails_later")
    before = await rig.seen(name)
    price = await rig.provider.ensure_price(DEARER, key="dearer")
    for _ in range(2):  # the second time, the answer is the old one under its key
        with pytest.raises(ProviderRefused) as refused:
            await rig.provider.change_subscription(ChangeRequest(name, price, 1), key="change")
    assert refused.value.provider_code == "generic_decline"
    assert await rig.seen(name) == before
    assert rig.book.get(Subscription, name).pending_update is None
    bill = newest(await rig.told(), InvoiceSeen)
    assert (bill.reason, bill.status, bill.paid) == ("change", "void", 0)


async def asked_by_the_bank(rig: Rig) -> tuple[str, str, InvoiceSeen]:
    """A change that the customer's bank asks about: its subscription, its price, and the bill that waits."""
    name = await rig.subscribed("always_challenge")
    before = await rig.seen(name)
    price = await rig.provider.ensure_price(DEARER, key="dearer")
    facts = await rig.provider.change_subscription(ChangeRequest(name, price, 1), key="change")
    assert newest(list(facts), SubscriptionSeen).items == before.items
    bill = newest(list(facts), InvoiceSeen)
    assert (bill.status, bill.reason, bill.action, bill.paid) == ("open", "change", "authenticate", 0)
    assert newest(await rig.told(), InvoiceSeen).action == "authenticate"
    assert await rig.seen(name) == before
    return name, price, bill


@on_stripe
async def test_a_change_that_a_bank_asks_about_is_made_when_the_customer_has_answered(rig: Rig) -> None:
    name, price, bill = await asked_by_the_bank(rig)
    assert (await rig.provider.invoice_links(bill.id)).pay_url.startswith(rig.stripe.url)
    rig.stripe.advance(seconds=60)
    invoice = rig.book.get(Invoice, bill.id)
    collecting.collect(
        rig.book, invoice, collecting.method_of(rig.book, invoice), present=True, authenticated=True
    )
    facts = await rig.told()
    assert [one.price for one in newest(facts, SubscriptionSeen).items] == [price]
    assert newest(facts, InvoiceSeen).status == "paid"
    again = await rig.provider.change_subscription(ChangeRequest(name, price, 1), key="change")
    assert [one.price for one in newest(list(again), SubscriptionSeen).items] == [price]


@on_stripe
async def test_a_change_that_nobody_answers_for_is_given_up_after_a_day(rig: Rig) -> None:
    name, price, _ = await asked_by_the_bank(rig)
    before = await rig.seen(name)
    rig.stripe.advance(seconds=23 * 3_600 + 60)
    facts = await rig.told()
    assert newest(facts, InvoiceSeen).status == "void"
    assert newest(facts, SubscriptionSeen).items == before.items
    with pytest.raises(ProviderRefused):
        await rig.provider.change_subscription(ChangeRequest(name, price, 1), key="change")
    assert await rig.seen(name) == before


@on_stripe
async def test_the_difference_can_wait_for_the_next_invoice_or_be_nobodys(rig: Rig) -> None:
    for proration, extra in ((Proration.NEXT_INVOICE, True), (Proration.NONE, False)):
        name = await rig.subscribed()
        rig.stripe.advance(days=10)
        price = await rig.provider.ensure_price(DEARER, key=f"dearer {proration}")
        request = ChangeRequest(name, price, 1, proration)
        preview = await rig.provider.preview_change(request)
        assert (preview.due_now, preview.renewal > 2_400) == (0, extra)
        await rig.provider.change_subscription(
            attrs.evolve(request, preview=preview.token), key=f"k {proration}"
        )
        await rig.told()
        rig.stripe.advance(days=25)
        bills = [fact.body for fact in await rig.told() if isinstance(fact.body, InvoiceSeen)]
        assert [bill.total for bill in bills if bill.subscription == name] == [preview.renewal]
        await rig.provider.cancel_subscription(name, at_period_end=False, key=f"end {proration}")


@on_stripe
async def test_a_downgrade_can_wait_for_the_renewal_and_be_let_go_of(rig: Rig) -> None:
    """By a schedule, which is ours to release: a cancellation at the end of the period does so first."""
    name = await rig.subscribed()
    cheaper = await rig.provider.ensure_price(attrs.evolve(PRICE, version="v0", unit_amount=500), key="cheap")
    planned = await rig.provider.change_subscription(
        ChangeRequest(name, cheaper, 1, at_period_end=True), key="later"
    )
    seen = newest(list(planned), SubscriptionSeen)
    assert (seen.items[0].unit_amount, seen.next_items[0].unit_amount) == (1_200, 500)
    assert seen.next_items_at == seen.period_end
    await rig.told()
    rig.stripe.advance(days=32)
    assert (await rig.seen(name)).items[0].price == cheaper
    again = await rig.provider.ensure_price(PRICE, key="price:v1")
    await rig.provider.change_subscription(ChangeRequest(name, again, 1, at_period_end=True), key="back")
    ending = await rig.provider.cancel_subscription(name, at_period_end=True, key="cancel")
    assert newest(list(ending), SubscriptionSeen).next_items == ()


@on_stripe
async def test_a_subscription_of_several_items_is_not_changed(rig: Rig) -> None:
    name = await rig.subscribed()
    extra = await rig.provider.ensure_price(DEARER, key="dearer")
    await rig.calls.raw(
        "add", lambda one: one.v1.subscriptions.update_async(name, {"items": [{"price": extra}]})
    )
    with pytest.raises(ProviderRefused):
        await rig.provider.change_subscription(ChangeRequest(name, extra, 2), key="k")
    assert len((await rig.seen(name)).items) == 2


@on_stripe
async def test_a_preview_of_another_provider_is_refused(rig: Rig) -> None:
    name = await rig.subscribed()
    with pytest.raises(InvalidArgument):
        await rig.provider.change_subscription(ChangeRequest(name, "price_1", 1, preview="x"), key="k")


@on_stripe
async def test_a_cancellation_of_the_portal_is_seen_and_taken_back(rig: Rig) -> None:
    """The portal sets an instant, and not the flag; undoing clears whichever is set."""
    name = await rig.subscribed()
    portal.portal_cancel(rig.book, rig.book.get(Subscription, name))
    seen = newest(await rig.told(), SubscriptionSeen)
    assert seen.cancel_at == seen.period_end
    facts = await rig.provider.uncancel_subscription(name, key="undo")
    assert newest(list(facts), SubscriptionSeen).cancel_at is None


@on_stripe
async def test_f38_what_is_cancelled_twice_is_cancelled(rig: Rig) -> None:
    name = await rig.subscribed()
    first = await rig.provider.cancel_subscription(name, at_period_end=False, key="k")
    again = await rig.provider.cancel_subscription(name, at_period_end=False, key="k")
    assert newest(list(first), SubscriptionSeen) == newest(list(again), SubscriptionSeen)


@on_stripe
async def test_both_pauses_are_seen_for_what_they_are(rig: Rig) -> None:
    name = await rig.subscribed()
    until = Instant(START + 40 * 86_400 * SECOND)
    (fact,) = await rig.provider.pause_subscription(PauseRequest(name, collection_only=True), key="p1")
    assert isinstance(fact.body, SubscriptionSeen)
    assert (fact.body.status, fact.body.collecting) == ("active", False)
    (fact,) = await rig.provider.resume_subscription(name, new_period=False, key="r1")
    assert isinstance(fact.body, SubscriptionSeen)
    assert (fact.body.status, fact.body.collecting) == ("active", True)
    (fact,) = await rig.provider.pause_subscription(PauseRequest(name), key="p2")
    assert isinstance(fact.body, SubscriptionSeen)
    assert fact.body.status == "paused"
    (fact,) = await rig.provider.resume_subscription(name, new_period=True, key="r2")
    assert isinstance(fact.body, SubscriptionSeen)
    assert fact.body.status == "active"
    with pytest.raises(CapabilityMissing):
        await rig.provider.pause_subscription(PauseRequest(name, resumes_at=until), key="p3")
    with pytest.raises(CapabilityMissing):
        await rig.provider.pause_subscription(PauseRequest(name, at_period_end=True), key="p4")


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
    assert newest(list(made), RefundSeen).status == "succeeded"
    rig.stripe.advance(days=3)
    failed = newest([*made, *await rig.told()], RefundSeen)
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
