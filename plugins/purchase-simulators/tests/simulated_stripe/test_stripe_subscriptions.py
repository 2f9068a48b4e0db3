"""Subscriptions on the simulated Stripe: what calls and time do to them, and when calls are refused.

Sources as in `test_stripe_calls.py`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from purchase_simulators.stripe import playing
from purchase_simulators.stripe.objects.subscriptions import Subscription

from .rig import DAY, START, Rig, on_stripe, refused


def item(subscription: Any) -> Any:
    return subscription["items"].data[0]


@on_stripe
async def test_the_period_stands_on_the_items(rig: Rig) -> None:
    """changelog basil: the current period is on subscription items, and not on the subscription."""
    subscription = await rig.subscribed()
    assert "current_period_end" not in subscription
    assert item(subscription).current_period_start == START // 1_000_000


@on_stripe
async def test_a_renewal_is_a_draft_for_an_hour(rig: Rig) -> None:
    """docs, subscription invoices: a renewal's invoice is a draft for about an hour, and then charged."""
    subscription = await rig.subscribed()
    rig.stripe.advance(seconds=item(subscription).current_period_end - START // 1_000_000)
    assert rig.types() == ["invoice.created", "customer.subscription.updated"]
    (draft,) = (await rig.v.invoices.list_async({"status": "draft"})).data
    assert (draft.billing_reason, draft.total) == ("subscription_cycle", 1_200)
    rig.stripe.advance(seconds=3_600)
    assert rig.types()[-2:] == ["invoice.paid", "invoice.payment_succeeded"]


@on_stripe
async def test_a_failing_card_is_tried_again_and_then_the_subscription_ends(rig: Rig) -> None:
    """docs, subscription lifecycle: past_due while retries last, then cancelled (as the Dashboard is set)."""
    subscription = await rig.subscribed("fails_later")
    rig.stripe.advance(days=32)
    assert (await rig.now(subscription)).status == "past_due"
    assert "invoice.payment_failed" in rig.types()
    playing.use_card(rig.book, subscription.id, "pays")
    rig.stripe.advance(days=4)
    assert (await rig.now(subscription)).status == "active"
    playing.use_card(rig.book, subscription.id, "fails_later")
    rig.stripe.advance(days=50)
    assert (await rig.now(subscription)).status == "canceled"


@on_stripe
async def test_a_trial_ends_with_a_payment_a_pause_or_a_cancellation(rig: Rig) -> None:
    """docs, trials: `missing_payment_method` says how one ends; trial_will_end comes three days before."""
    trial = await rig.subscribed(trial_period_days=14)
    assert (trial.status, trial.trial_end) == ("trialing", START // 1_000_000 + 14 * DAY)
    rig.stripe.advance(days=12)
    assert rig.types() == ["customer.subscription.trial_will_end"]
    rig.stripe.advance(days=3)
    after = await rig.now(trial)
    assert (after.status, item(after).current_period_start) == ("active", trial.trial_end)
    customer, price = await rig.v.customers.create_async({}), await rig.price()
    for behavior, status in (("cancel", "canceled"), ("pause", "paused")):
        made = await rig.v.subscriptions.create_async(
            {
                "customer": customer.id,
                "items": [{"price": price.id}],
                "trial_period_days": 7,
                "trial_settings": {"end_behavior": {"missing_payment_method": behavior}},
            }
        )
        rig.stripe.advance(days=8)
        assert (await rig.now(made)).status == status


@on_stripe
async def test_an_update_without_the_item_adds_another(rig: Rig) -> None:
    """API, update a subscription: give the item's id, or a second item is added."""
    subscription, price = await rig.subscribed(), await rig.price(500)
    after = await rig.update(subscription, items=[{"price": price.id}])
    assert len(after["items"].data) == 2
    await refused(rig.update(subscription, items=[{"price": price.id}]))
    changed = await rig.update(subscription, items=[{"id": item(after).id, "deleted": True}])
    assert [one.price.id for one in changed["items"].data] == [price.id]


@on_stripe
async def test_prorations_wait_or_are_charged_or_are_not_made(rig: Rig) -> None:
    """API, proration_behavior: create_prorations, always_invoice, none; `proration_date` fixes them."""
    dearer = await rig.price(2_400)
    for behavior, now, later in (
        ("create_prorations", 0, 3_000),
        ("always_invoice", 600, 2_400),
        ("none", 0, 2_400),
    ):
        subscription = await rig.subscribed()
        half = (item(subscription).current_period_start + item(subscription).current_period_end) // 2
        rig.stripe.advance(seconds=half - item(subscription).current_period_start)
        asked = {"items": [{"id": item(subscription).id, "price": dearer.id}], "proration_behavior": behavior,
                 "proration_date": half}  # fmt: skip
        preview = await rig.v.invoices.create_preview_async(
            {"subscription": subscription.id, "subscription_details": asked}
        )
        assert preview.total == (now or later)
        await rig.update(subscription, **asked)
        invoice = (await rig.v.invoices.list_async({"subscription": subscription.id})).data[0]
        assert (invoice.billing_reason == "subscription_update") == bool(now)
        assert invoice.total == (now or 1_200)
        rig.stripe.advance(days=20)
        assert (await rig.v.invoices.list_async({"subscription": subscription.id})).data[0].total == later


@on_stripe
async def test_a_change_can_be_refused_pend_or_be_owed(rig: Rig) -> None:
    """API, payment_behavior: error_if_incomplete is 402, pending_if_incomplete waits 23 hours."""
    dearer = await rig.price(2_400)
    subscription = await rig.subscribed("fails_later")
    rig.stripe.advance(days=1)
    asked = {
        "items": [{"id": item(subscription).id, "price": dearer.id}],
        "proration_behavior": "always_invoice",
    }
    await refused(
        rig.update(subscription, **asked, payment_behavior="error_if_incomplete"), 402, code="card_declined"
    )
    assert await rig.now(subscription) == subscription
    pending = await rig.update(subscription, **asked, payment_behavior="pending_if_incomplete")
    assert (item(pending).price.id, pending.status) == (item(subscription).price.id, "active")
    assert pending.pending_update.subscription_items[0].price.id == dearer.id
    rig.types()
    rig.stripe.advance(days=1)
    assert "customer.subscription.pending_update_expired" in rig.types()
    owed = await rig.update(subscription, **asked)
    assert (item(owed).price.id, owed.status) == (dearer.id, "past_due")
    metadata = {"metadata": {"a": "b"}, "payment_behavior": "pending_if_incomplete"}
    await refused(rig.update(subscription, **asked, **metadata))


@on_stripe
async def test_a_cancellation_is_scheduled_and_taken_back(rig: Rig) -> None:
    """API, cancel_at_period_end and cancel_at: the status stays; an empty value takes it back."""
    subscription = await rig.subscribed()
    ending = await rig.update(subscription, cancel_at_period_end=True)
    assert (ending.status, ending.cancel_at) == ("active", item(subscription).current_period_end)
    assert (await rig.update(subscription, cancel_at_period_end=False)).cancel_at is None
    word = await rig.update(subscription, cancel_at="min_period_end")
    assert (word.cancel_at, word.cancel_at_period_end) == (item(subscription).current_period_end, False)
    await refused(rig.update(subscription, cancel_at_period_end=True, cancel_at=word.cancel_at))
    rig.types()
    rig.stripe.advance(days=32)
    assert rig.types() == ["customer.subscription.deleted"]


@on_stripe
async def test_what_is_cancelled_is_gone_and_pays_nothing_back(rig: Rig) -> None:
    """API, cancel a subscription: no refund by itself; a second time it is not there."""
    subscription = await rig.subscribed()
    assert (await rig.v.subscriptions.cancel_async(subscription.id)).status == "canceled"
    await refused(rig.v.subscriptions.cancel_async(subscription.id), 404, code="resource_missing")
    assert not (await rig.v.refunds.list_async()).data
    await refused(rig.update(subscription, cancel_at_period_end=True))
    assert (await rig.update(subscription, metadata={"a": "b"})).metadata.a == "b"


@on_stripe
async def test_a_pause_of_the_collection_leaves_the_status(rig: Rig) -> None:
    """docs, pause payment collection: the status is unchanged, invoices are made, and void."""
    subscription = await rig.subscribed()
    until = START // 1_000_000 + 40 * DAY
    paused = await rig.update(subscription, pause_collection={"behavior": "void", "resumes_at": until})
    assert (paused.status, paused.pause_collection.resumes_at) == ("active", until)
    rig.stripe.advance(days=32)
    assert (await rig.v.invoices.list_async()).data[0].status == "void"
    rig.stripe.advance(days=10)
    assert (await rig.now(subscription)).pause_collection is None


@on_stripe
async def test_a_pause_makes_no_invoices_and_a_resumption_is_paid(rig: Rig) -> None:
    """changelog 2026-09-30.endive: status `paused`, at once; resumed with `billing_cycle_anchor: {type}`."""
    subscription = await rig.subscribed()
    paused = await rig.v.subscriptions.pause_async(
        subscription.id, {"bill_for": {"unused_time_from": {"type": "none"}}}
    )
    assert (paused.status, paused.status_details.paused.subscription.type) == ("paused", "pause_requested")
    rig.stripe.advance(days=40)
    assert len((await rig.v.invoices.list_async()).data) == 1
    resumed = await rig.v.subscriptions.resume_async(
        subscription.id, {"billing_cycle_anchor": {"type": "now"}}
    )
    assert (resumed.status, item(resumed).current_period_start) == ("active", START // 1_000_000 + 40 * DAY)
    await refused(rig.v.subscriptions.resume_async(subscription.id))


@on_stripe
async def test_an_unpaid_resumption_stays_paused_and_its_invoice_is_void_after_23_hours(rig: Rig) -> None:
    """API, resume a subscription: resume_on_payment_success leaves it paused until its invoice is paid."""
    subscription = await rig.subscribed("fails_later")
    unused = {"bill_for": {"unused_time_from": {"type": "none"}}}
    await rig.v.subscriptions.pause_async(subscription.id, unused)
    asked = {"billing_cycle_anchor": {"type": "now"}, "payment_behavior": "resume_on_payment_success"}
    assert (await rig.v.subscriptions.resume_async(subscription.id, asked)).status == "paused"
    rig.stripe.advance(days=1)
    assert (await rig.v.invoices.list_async()).data[0].status == "void"
    assert (await rig.now(subscription)).status == "paused"


@on_stripe
async def test_a_schedule_changes_with_the_period_and_then_lets_go(rig: Rig) -> None:
    """docs, subscription schedules: from a subscription, phases, release at the end or by hand."""
    subscription, cheaper = await rig.subscribed(), await rig.price(500)
    made = await rig.v.subscription_schedules.create_async({"from_subscription": subscription.id})
    await refused(rig.v.subscription_schedules.create_async({"from_subscription": subscription.id}))
    first = made.phases[0]
    price = item(subscription).price.id
    phases = [
        {
            "start_date": first.start_date,
            "end_date": first.end_date,
            "items": [{"price": price}],
        },
        {"items": [{"price": cheaper.id}], "duration": {"interval": "month", "interval_count": 1}},
    ]
    await rig.v.subscription_schedules.update_async(made.id, {"phases": phases, "end_behavior": "release"})
    await refused(rig.update(subscription, cancel_at_period_end=True))
    await refused(rig.v.subscriptions.pause_async(subscription.id))
    rig.stripe.advance(days=32)
    assert item(await rig.now(subscription)).price.id == cheaper.id
    rig.stripe.advance(days=31)
    assert (await rig.now(subscription)).schedule is None
    assert (await rig.v.subscription_schedules.retrieve_async(made.id)).status == "released"
    again = await rig.v.subscription_schedules.create_async({"from_subscription": subscription.id})
    assert (await rig.v.subscription_schedules.release_async(again.id)).status == "released"
    await refused(rig.v.subscription_schedules.release_async(again.id))


@on_stripe
async def test_an_incomplete_subscription_expires_after_23_hours(rig: Rig) -> None:
    """docs, subscription lifecycle: incomplete for 23 hours, then over, and its invoice is void."""
    customer, price = await rig.v.customers.create_async({}), await rig.price()
    made = await rig.v.subscriptions.create_async(
        {"customer": customer.id, "items": [{"price": price.id}], "payment_behavior": "default_incomplete"}
    )
    assert made.status == "incomplete"
    rig.stripe.advance(days=1)
    assert (await rig.now(made)).status == "incomplete_expired"
    assert (await rig.v.invoices.retrieve_async(made.latest_invoice)).status == "void"


@on_stripe
async def test_an_invoice_paid_elsewhere_is_paid_and_no_payment(rig: Rig) -> None:
    """API, pay an invoice: `paid_out_of_band` tells `invoice.paid`, and not `invoice.payment_succeeded`."""
    await rig.subscribed("fails_later")
    rig.stripe.advance(days=32)
    (open_one,) = (await rig.v.invoices.list_async({"status": "open"})).data
    rig.types()
    await rig.v.invoices.pay_async(open_one.id, {"paid_out_of_band": True})
    told = rig.types()
    assert "invoice.paid" in told
    assert "invoice.payment_succeeded" not in told
    await refused(rig.v.invoices.pay_async(open_one.id), 400, code="invoice_already_paid")


@on_stripe
async def test_lists_show_what_is_over_only_when_asked(rig: Rig) -> None:
    """API, list subscriptions: canceled ones only with `status`."""
    subscription = await rig.subscribed()
    await rig.v.subscriptions.cancel_async(subscription.id)
    assert not (await rig.v.subscriptions.list_async()).data
    for status in ("all", "canceled", "ended"):
        assert [one.id for one in (await rig.v.subscriptions.list_async({"status": status})).data] == [
            subscription.id
        ]


@on_stripe
async def test_a_trial_ends_now_where_that_is_asked(rig: Rig) -> None:
    """API, update a subscription: `trial_end: "now"`; the first period begins, and is paid."""
    trial = await rig.subscribed(trial_period_days=14)
    after = await rig.update(trial, trial_end="now")
    assert (after.status, (await rig.v.invoices.list_async()).data[0].total) == ("active", 1_200)


@on_stripe
async def test_only_what_is_charged_automatically_is_resumed(rig: Rig) -> None:
    """changelog 2026-09-30.endive, resume: `collection_method` must be charge_automatically."""
    made = await rig.subscribed()
    known = rig.book.get(Subscription, made.id)
    rig.book.put(replace(known, collection_method="send_invoice"))  # as in the Dashboard
    unused = {"bill_for": {"unused_time_from": {"type": "none"}}}
    await rig.v.subscriptions.pause_async(made.id, unused)
    await refused(rig.v.subscriptions.resume_async(made.id))
