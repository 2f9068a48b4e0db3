"""Changes, pauses and cancellations beyond the contract: what is Stripe's own, on the simulated Stripe."""

from __future__ import annotations

import attrs
import pytest

from purchase_core.errors import (
    CapabilityMissing,
    InvalidArgument,
    ProviderRefused,
)
from purchase_core.facts.bodies import InvoiceSeen, SubscriptionSeen
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import (
    ChangeRequest,
    PauseRequest,
    Proration,
)
from purchase_simulators.stripe import collecting, portal
from purchase_simulators.stripe.objects.invoices import Invoice
from purchase_simulators.stripe.objects.subscriptions import Subscription

from .rig import DEARER, PRICE, START, Rig, newest, on_stripe


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
