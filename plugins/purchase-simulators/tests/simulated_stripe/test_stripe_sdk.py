"""What Stripe's SDK does by itself: retries, keys, errors, signatures. What an adapter may rely on.

The source is stripe-python 16.1.0, against the simulator, over HTTP.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import stripe

from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault

from .rig import OPENED, Rig, client, on_stripe

SECRET = "whsec_0123456789"
EVENT = json.dumps({"id": "evt_1", "object": "event", "type": "a.b", "data": {"object": {}}})
THIN = json.dumps({"id": "evt_1", "object": "v2.core.event", "type": "v1.billing.meter.no_meter_found"})


def calls(rig: Rig) -> int:
    """How many calls of the API there were."""
    return rig.stripe.chaos._asked[Fault.UNREACHABLE]


@on_stripe
async def test_fifty_calls_at_once_go_over_one_asynchronous_client(rig: Rig) -> None:
    """`*_async` methods over HTTPXClient; lists page by themselves; blocking calls are refused."""
    customer = await rig.customer()
    found = await asyncio.gather(*(rig.v.customers.retrieve_async(customer.id) for _ in range(50)))
    assert {one.id for one in found} == {customer.id}
    with pytest.raises(RuntimeError):
        rig.v.customers.retrieve(customer.id)


@on_stripe
async def test_the_address_of_the_api_may_have_a_path(rig: Rig) -> None:
    """`base_addresses`: the path of a call follows what stands there. A 404 without JSON is an APIError."""
    with pytest.raises(stripe.APIError) as raised:
        await client(f"{rig.stripe.url}/elsewhere").v1.customers.list_async()
    assert (raised.value.http_status, type(raised.value)) == (404, stripe.APIError)


@on_stripe
async def test_nothing_is_tried_again_unless_that_was_asked_for(rig: Rig) -> None:
    """`StripeClient` makes no retries by default; `max_network_retries` makes some, also for one call."""
    rig.stripe.chaos.set(Fault.BROKEN, CERTAIN_PPM)
    once: Any = {"max_network_retries": 1}
    cases: tuple[tuple[Any, Any, int], ...] = (({}, {}, 1), (once, {}, 2), ({}, once, 2))
    for more, options, count in cases:
        before = calls(rig)
        with pytest.raises(stripe.APIError):
            await client(rig.stripe.url, **more).v1.customers.list_async({}, options)
        assert calls(rig) - before == count


@on_stripe
async def test_broken_answers_are_tried_again_and_too_many_requests_are_not(rig: Rig) -> None:
    """Retried: 500 and more, cut connections; never 429; `Stripe-Should-Retry` decides where it is there."""
    trying = client(rig.stripe.url, max_network_retries=1).v1.customers
    cases = ((Fault.BROKEN, None, 2), (Fault.UNREACHABLE, None, 2), (Fault.BUSY, None, 1),
             (Fault.BUSY, True, 2), (Fault.BROKEN, False, 1))  # fmt: skip
    for fault, should_retry, count in cases:
        rig.stripe.chaos.set(fault, CERTAIN_PPM)
        rig.stripe.simulator.should_retry = should_retry
        before = calls(rig)
        with pytest.raises(stripe.StripeError):
            await trying.list_async()
        assert calls(rig) - before == count, (fault, should_retry)
        rig.stripe.chaos.set(fault, 0)


@on_stripe
async def test_every_try_of_a_write_has_the_same_key_and_each_write_one_of_its_own(rig: Rig) -> None:
    """An idempotency key is made for each POST, and kept for its retries: one customer."""
    trying = client(rig.stripe.url, max_network_retries=1).v1.customers
    rig.stripe.chaos.set(Fault.BROKEN_AFTER, CERTAIN_PPM)
    with pytest.raises(stripe.APIError):
        await trying.create_async({})
    rig.stripe.chaos.set(Fault.BROKEN_AFTER, 0)
    assert len((await rig.v.customers.list_async()).data) == 1
    await rig.customer()
    keys = [one.request.idempotency_key for one in (await rig.v.events.list_async()).data]
    assert len(set(keys)) == 2
    assert all(keys)


@on_stripe
async def test_refusals_come_as_errors_that_say_what_they_are_of(rig: Rig) -> None:
    """Classes of errors, each with the HTTP status, the request's id and the body."""
    asked = {"amount": 500, "currency": "usd", "confirm": True, "payment_method": "pm_card_chargeDeclined"}
    cases = (
        (stripe.InvalidRequestError, 404, rig.v.customers.retrieve_async("cus_none")),
        (stripe.CardError, 402, rig.v.payment_intents.create_async(asked)),
        (stripe.AuthenticationError, 401, client(rig.stripe.url, "sk_test_none").v1.customers.list_async()),
        (stripe.PermissionError, 403, rig.v.customers.list_async({}, {"stripe_account": "acct_other"})),
    )
    for kind, status, call in cases:
        with pytest.raises(kind) as raised:
            await call
        error: Any = raised.value
        assert error.http_status == status
        assert error.request_id.startswith("req_")
        assert error.json_body["error"]["message"]
        if kind is stripe.CardError:
            assert error.code == "card_declined"
            assert error.error.decline_code == "generic_decline"
    with pytest.raises(stripe.APIConnectionError) as cut:
        await client("http://127.0.0.1:9").v1.customers.list_async()
    assert cut.value.should_retry


@on_stripe
async def test_more_requests_than_a_second_allows_are_429(rig: Rig) -> None:
    """docs, rate limits: 25 a second in a sandbox, then 429 `rate_limit`; a second later it goes on."""
    rig.stripe.account.requests_per_second = 25
    for _ in range(25):
        await rig.v.customers.list_async()
    with pytest.raises(stripe.RateLimitError) as raised:
        await rig.v.customers.list_async()
    assert raised.value.http_status == 429
    rig.stripe.advance(seconds=1)
    assert not (await rig.v.customers.list_async()).data


@on_stripe
async def test_results_are_objects_that_become_plain_dictionaries(rig: Rig) -> None:
    """`to_dict()`, all the way down; `["items"]` is the list of items, as in the JSON."""
    subscription = await rig.subscribed()
    plain = subscription.to_dict()
    assert type(plain) is dict
    assert plain["items"]["data"][0]["object"] == "subscription_item"
    assert subscription["items"].data[0].id == plain["items"]["data"][0]["id"]


def test_any_signature_of_scheme_v1_by_the_one_secret_is_believed() -> None:
    """HMAC-SHA256 of `t.payload`; a header may hold several, a call one secret; v0 alone is nothing."""
    check = stripe.WebhookSignature.verify_header
    header = stripe.WebhookSignature.generate_signature_header(EVENT, SECRET, 1_790_000_000)
    assert check(EVENT, header, SECRET)
    assert check(EVENT, header.replace("v1=", "v1=00,v1="), SECRET)
    for wrong in (header.replace("v1=", "v0="), header.replace("v1=", "v1=00")):
        with pytest.raises(stripe.SignatureVerificationError):
            check(EVENT, wrong, SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        check(EVENT, header, "whsec_other")


def test_the_age_of_a_signature_is_checked_one_way_only() -> None:
    """An old one is refused by a tolerance, no tolerance checks nothing, one of the future is believed."""
    check = stripe.WebhookSignature.verify_header
    old = stripe.WebhookSignature.generate_signature_header(EVENT, SECRET, 1_000_000_000)
    with pytest.raises(stripe.SignatureVerificationError):
        check(EVENT, old, SECRET, tolerance=300)
    assert check(EVENT, old, SECRET, tolerance=0)
    future = stripe.WebhookSignature.generate_signature_header(EVENT, SECRET, 9_000_000_000)
    assert check(EVENT, future, SECRET, tolerance=300)


def test_thin_events_and_snapshots_are_told_apart() -> None:
    """`construct_event` refuses a thin event, `parse_event_notification` a snapshot."""
    known = client("http://127.0.0.1:9")
    try:
        for text, parse in ((THIN, known.construct_event), (EVENT, known.parse_event_notification)):
            header = stripe.WebhookSignature.generate_signature_header(text, SECRET, 9_000_000_000)
            with pytest.raises(ValueError, match=r"(?i)event"):
                parse(text, header, SECRET)
    finally:
        OPENED.clear()
