"""Stripe's calls, through Stripe's own SDK: every note on what they do has a test here, with its source.

"API" is docs.stripe.com/api, "docs" the guides at docs.stripe.com, "SDK" the sources of stripe-python 16.1.0,
"changelog" that of the API and of stripe-node. All that passes is compared with Stripe's OpenAPI document.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import stripe

from purchase_simulators.stripe.versions import API_VERSION
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault

from .rig import DAY, SHOP, START, Rig, client, on_stripe, refused


@on_stripe
async def test_the_sdk_pins_the_version_that_is_simulated(rig: Rig) -> None:
    """SDK: stripe-python 16.1.0 pins 2026-10-28.endive."""
    customer = await rig.customer()
    assert stripe.api_version == API_VERSION == customer.last_response.headers["stripe-version"]


@on_stripe
async def test_another_api_version_is_refused(rig: Rig) -> None:
    other = client(rig.stripe.url, stripe_version="2020-08-27")
    await refused(other.v1.customers.list_async(), 400)


@on_stripe
async def test_a_key_that_is_not_known_is_refused_and_partly_shown(rig: Rig) -> None:
    """API errors: 401; Stripe echoes the beginning and the end of the key."""
    said = await refused(client(rig.stripe.url, "sk_test_wrong0123456789beef").v1.customers.list_async(), 401)
    assert "sk_test_" in said
    assert "beef" in said
    assert "wrong0123" not in said


@on_stripe
async def test_an_account_of_connect_is_refused(rig: Rig) -> None:
    await refused(rig.v.customers.list_async({}, {"stripe_account": "acct_other"}), 403)


@on_stripe
async def test_an_unknown_path_is_refused_in_json(rig: Rig) -> None:
    raw: Any = client(rig.stripe.url)
    await refused(raw.raw_request_async("get", "/v1/quotes"), 404)


@on_stripe
async def test_parameters_are_checked(rig: Rig) -> None:
    """API errors: parameter_unknown, parameter_missing, parameter_invalid_integer; `param` is nested."""
    price = await rig.price()
    await refused(rig.v.customers.create_async({"emial": "x"}), code="parameter_unknown", param="emial")
    await refused(rig.v.prices.create_async({"unit_amount": 1}), code="parameter_missing", param="currency")
    asked = {
        "mode": "subscription",
        "success_url": SHOP,
        "line_items": [{"price": price.id, "quantity": "x"}],
    }
    await refused(rig.v.checkout.sessions.create_async(asked), code="parameter_invalid_integer",
                  param="line_items[0][quantity]")  # fmt: skip


@on_stripe
async def test_the_same_key_replays_the_first_answer(rig: Rig) -> None:
    """API, idempotent requests: status and body of the first request are given again, refusals too."""
    first = await rig.v.customers.create_async({"email": "a@example.com"}, {"idempotency_key": "k"})
    again = await rig.v.customers.create_async({"email": "a@example.com"}, {"idempotency_key": "k"})
    assert (again.id, again.last_response.headers["idempotent-replayed"]) == (first.id, "true")
    assert "idempotent-replayed" not in first.last_response.headers
    assert len((await rig.v.customers.list_async()).data) == 1
    for _ in range(2):
        await refused(rig.v.subscriptions.update_async("sub_none", {}, {"idempotency_key": "r"}), 404,
                      code="resource_missing")  # fmt: skip


@on_stripe
async def test_the_same_key_with_other_parameters_is_an_idempotency_error(rig: Rig) -> None:
    """API, idempotent requests: other parameters under the same key are an error."""
    await rig.v.customers.create_async({"email": "a@example.com"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        await rig.v.customers.create_async({"email": "b@example.com"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        await rig.v.products.create_async({"name": "a"}, {"idempotency_key": "k"})


@on_stripe
async def test_what_fails_validation_leaves_its_key_free(rig: Rig) -> None:
    """API, idempotent requests: nothing is saved if validation fails."""
    await refused(
        rig.v.customers.create_async({"emial": "x"}, {"idempotency_key": "k"}),
        code="parameter_unknown",
        param="emial",
    )
    assert (await rig.v.customers.create_async({"email": "a@example.com"}, {"idempotency_key": "k"})).id


@on_stripe
async def test_a_key_is_forgotten_after_a_day(rig: Rig) -> None:
    """API, idempotent requests: keys can be pruned once they are 24 hours old."""
    first = await rig.v.customers.create_async({"email": "a@example.com"}, {"idempotency_key": "k"})
    rig.stripe.advance(seconds=DAY + 1)
    again = await rig.v.customers.create_async({"email": "a@example.com"}, {"idempotency_key": "k"})
    assert again.id != first.id


@on_stripe
async def test_an_idempotency_key_has_up_to_255_characters(rig: Rig) -> None:
    """API, idempotent requests."""
    assert (await rig.v.customers.create_async({}, {"idempotency_key": "k" * 255})).id
    await refused(rig.v.customers.create_async({}, {"idempotency_key": "k" * 256}))


@on_stripe
async def test_events_name_the_request_and_its_key(rig: Rig) -> None:
    """API, the event object: `request.id` and `request.idempotency_key`; null for what happens by itself."""
    made = await rig.v.customers.create_async({}, {"idempotency_key": "k"})
    (event,) = (await rig.v.events.list_async()).data
    assert event.request.idempotency_key == "k"
    assert event.request.id == made.last_response.headers["request-id"]
    assert (event.api_version, event.livemode, event.data.object.id) == (API_VERSION, False, made.id)
    await rig.session(await rig.once())
    rig.stripe.advance(days=2)
    (expired,) = (await rig.v.events.list_async({"type": "checkout.session.expired"})).data
    assert (expired.request.id, expired.request.idempotency_key) == (None, None)


@on_stripe
async def test_lists_come_newest_first_and_in_pages(rig: Rig) -> None:
    """API, pagination: limit 1 to 100, default 10; starting_after and ending_before."""
    made = [(await rig.customer(name=f"n{number}")).id for number in range(25)]
    assert [one.id for one in (await rig.v.customers.list_async()).data] == made[:-11:-1]
    found = [one.id async for one in (await rig.v.customers.list_async({"limit": 7})).auto_paging_iter()]
    assert found == made[::-1]
    page = await rig.v.customers.list_async({"limit": 3, "ending_before": made[0]})
    assert ([one.id for one in page.data], page.has_more) == (made[3:0:-1], True)
    for limit in (0, 101):
        await refused(
            rig.v.customers.list_async({"limit": limit}), code="parameter_invalid_integer", param="limit"
        )
    await refused(rig.v.customers.list_async({"starting_after": "cus_none"}), code="resource_missing")


@on_stripe
async def test_events_come_in_order_from_the_last_seen(rig: Rig) -> None:
    """docs, process undelivered events: with `ending_before` and auto-paging they come oldest first."""
    await rig.customer()
    seen = (await rig.v.events.list_async({"limit": 1})).data[0].id
    made = [(await rig.customer()).id for _ in range(5)]
    asked = {"ending_before": seen, "limit": 2}
    found = [one.data.object.id async for one in (await rig.v.events.list_async(asked)).auto_paging_iter()]
    assert found == made


@on_stripe
async def test_events_are_kept_for_thirty_days(rig: Rig) -> None:
    """API, events: those of the last 30 days."""
    await rig.customer()
    rig.stripe.advance(days=31)
    assert not (await rig.v.events.list_async()).data


@on_stripe
async def test_events_are_filtered_by_up_to_twenty_types(rig: Rig) -> None:
    """API, list all events: `type` or `types`, up to 20."""
    await rig.price()
    found = (await rig.v.events.list_async({"types": ["price.created", "customer.created"]})).data
    assert [one.type for one in found] == ["price.created"]
    assert len((await rig.v.events.list_async({"type": "pr*"})).data) == 2
    await refused(rig.v.events.list_async({"types": ["a.b"] * 21}))


# --- webhook endpoints -------------------------------------------------------------------------


@on_stripe
async def test_the_secret_of_an_endpoint_is_shown_once(rig: Rig) -> None:
    """API, webhook endpoints: `secret` only when it is made; `api_version` is fixed then."""
    asked = {"url": "http://127.0.0.1:9/hook", "enabled_events": ["invoice.paid"], "api_version": API_VERSION}
    made = await rig.v.webhook_endpoints.create_async(asked)
    assert made.secret.startswith("whsec_")
    shown = await rig.v.webhook_endpoints.retrieve_async(made.id)
    assert ("secret" in shown, shown.api_version) == (False, API_VERSION)
    await refused(
        rig.v.webhook_endpoints.update_async(made.id, {"api_version": "x"}),
        code="parameter_unknown",
        param="api_version",
    )
    assert (await rig.v.webhook_endpoints.delete_async(made.id)).deleted


@on_stripe
async def test_the_sdk_believes_what_is_signed(rig: Rig) -> None:
    """docs, verify webhook signatures: the SDK's own check takes them, and a v0 alone counts for nothing."""
    await rig.customer()
    (webhook,) = rig.stripe.webhooks()
    ((_, header),) = webhook.headers
    secret = rig.stripe.secrets[0].reveal()
    construct = client(rig.stripe.url).construct_event
    assert construct(webhook.body, header, secret, tolerance=10**9).type == "customer.created"
    time, v1, v0 = header.split(",")
    assert (v1[:3], v0[:3]) == ("v1=", "v0=")
    with pytest.raises(stripe.SignatureVerificationError):
        construct(webhook.body, f"{time},{v0}", secret, tolerance=10**9)


# --- deliveries --------------------------------------------------------------------------------


@on_stripe
async def test_a_delivery_is_tried_three_times_more_in_a_sandbox(rig: Rig) -> None:
    """docs, webhooks: a sandbox tries three times over a few hours; at least once, whatever was answered."""
    asked = {"url": "http://127.0.0.1:9/hook", "enabled_events": ["*"], "api_version": API_VERSION}
    await rig.v.webhook_endpoints.create_async(asked)
    await rig.customer()
    deliveries, tries = rig.stripe.account.deliveries, 0
    deliveries.plan()
    while deliveries.next_due() is not None:
        tries += await rig.stripe.server.sender.send_due()
        rig.stripe.advance(seconds=3_600)
    assert tries == 4
    assert rig.stripe.clock.now() - START < 5 * DAY * 1_000_000


@on_stripe
async def test_events_come_twice_and_in_any_order_and_know_only_their_second(rig: Rig) -> None:
    """docs, webhooks: duplicates, no order guaranteed; `created` is in seconds, and there is no version."""
    for fault in (Fault.DUPLICATE, Fault.DELAY):
        rig.stripe.chaos.set(fault, CERTAIN_PPM // 2)
    for number in range(12):
        await rig.customer(name=f"n{number}")
    told = [json.loads(one.body) for one in rig.stripe.webhooks()]
    names = [one["data"]["object"]["name"] for one in told]
    assert len(names) > len(set(names))
    assert names != sorted(names, key=lambda name: int(name[1:]))
    assert len({one["created"] for one in told}) == 1
    assert not {"version", "sequence"} & set(told[0])


@on_stripe
async def test_a_test_clock_moves_time_on_for_those_who_were_made_with_it(rig: Rig) -> None:
    """API, test clocks: a customer is made with `test_clock`; advancing it renews what they have."""
    now = START // 1_000_000
    clock = await rig.v.test_helpers.test_clocks.create_async({"frozen_time": now})
    customer = await rig.customer(test_clock=clock.id)
    await rig.v.payment_methods.attach_async("pm_card_visa", {"customer": customer.id})
    price = await rig.price()
    methods = (await rig.v.payment_methods.list_async({"customer": customer.id})).data
    made = await rig.v.subscriptions.create_async(
        {"customer": customer.id, "items": [{"price": price.id}], "default_payment_method": methods[0].id}
    )
    await rig.v.test_helpers.test_clocks.advance_async(clock.id, {"frozen_time": now + 32 * DAY})
    assert len((await rig.v.invoices.list_async({"subscription": made.id})).data) == 2
    await refused(rig.customer(test_clock="clock_none"), code="resource_missing")


@on_stripe
async def test_an_endpoint_can_listen_to_all_that_billing_needs(rig: Rig) -> None:
    """API, types of events: those of sales, subscriptions, invoices, money back and the catalog."""
    about = {
        "checkout.session": "completed async_payment_succeeded async_payment_failed expired",
        "customer": "created updated deleted",
        "customer.subscription": "created updated deleted paused resumed trial_will_end "
        "pending_update_applied pending_update_expired",
        "invoice": "created finalized paid payment_failed payment_action_required finalization_failed voided "
        "marked_uncollectible updated upcoming",
        "invoice_payment": "paid",
        "payment_intent": "succeeded payment_failed canceled",
        "refund": "created updated failed",
        "charge": "refunded",
        "charge.dispute": "created updated closed funds_withdrawn funds_reinstated",
        "credit_note": "created updated voided",
        "product": "created updated deleted",
        "price": "created updated deleted",
        "subscription_schedule": "created updated released completed canceled",
        "payment_method": "automatically_updated",
    }
    types = [f"{name}.{one}" for name, ones in about.items() for one in ones.split()]
    asked = {"url": "http://127.0.0.1:9/hook", "enabled_events": types, "api_version": API_VERSION}
    assert (await rig.v.webhook_endpoints.create_async(asked)).enabled_events == types
