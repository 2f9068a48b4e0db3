"""Stripe's calls, through Stripe's own SDK: every note on what they do has a test here, with its source.

"API" is docs.stripe.com/api, "docs" the guides at docs.stripe.com, "SDK" the sources of stripe-python 16.1.0,
"changelog" that of the API and of stripe-node. All that passes is compared with Stripe's OpenAPI document.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import stripe

from purchase_core.instants import Instant
from purchase_core.testing.clocks import ManualClock
from purchase_simulators.stripe import disputing, portal
from purchase_simulators.stripe.objects.payments import Charge, Dispute
from purchase_simulators.stripe.objects.subscriptions import Subscription
from purchase_simulators.stripe.openapi import CheckedStripe, document_in
from purchase_simulators.stripe.refusal import Refusal
from purchase_simulators.stripe.testing import API_KEY
from purchase_simulators.stripe.versions import API_VERSION

SPECS = Path(os.environ.get("PURCHASE_SPECS_FOLDER") or Path(__file__).parents[5] / "shared" / "specs")
START = Instant(1_790_000_000_000_000)
SHOP = "http://127.0.0.1/thanks"
DAY = 86_400
OPENED: list[stripe.HTTPXClient] = []  # of one test


class Rig:
    """A simulated Stripe, and Stripe's own client of it. `v` is the client's `v1`."""

    def __init__(self, stripe_: CheckedStripe) -> None:
        self.stripe = stripe_
        self.book = stripe_.account.book
        self.v: Any = client(stripe_.url).v1

    async def customer(self, **more: Any) -> Any:
        return await self.v.customers.create_async({"email": "ana@example.com", **more})

    async def price(self, amount: int = 1_200, **more: Any) -> Any:
        product = await self.v.products.create_async({"name": "Pro"})
        asked = {
            "product": product.id,
            "currency": "usd",
            "unit_amount": amount,
            "recurring": {"interval": "month"},
        }
        return await self.v.prices.create_async(asked | more)

    async def once(self, amount: int = 500, **more: Any) -> Any:
        product = await self.v.products.create_async({"name": "Book"})
        return await self.v.prices.create_async(
            {"product": product.id, "currency": "usd", "unit_amount": amount} | more
        )

    async def session(self, price: Any, customer: Any = None, **more: Any) -> Any:
        asked: dict[str, Any] = {"success_url": SHOP, "line_items": [{"price": price.id, "quantity": 1}]}
        asked["mode"] = "subscription" if price.recurring else "payment"
        if customer:
            asked["customer"] = customer.id
        return await self.v.checkout.sessions.create_async(asked | more)

    async def subscribed(self, method: str = "pays", **more: Any) -> Any:
        session = await self.session(await self.price(), await self.customer(), **more)
        self.stripe.pay(session.id, method)
        return (await self.v.subscriptions.list_async({"status": "all"})).data[0]

    async def paid_once(self, method: str = "pays") -> Any:
        """A payment intent of 5.00 USD that was paid."""
        session = await self.session(await self.once(), invoice_creation={"enabled": True})
        self.stripe.pay(session.id, method)
        after = await self.v.checkout.sessions.retrieve_async(session.id)
        return await self.v.payment_intents.retrieve_async(after.payment_intent)

    def types(self) -> list[str]:
        """The types of what was sent since this was last asked."""
        return [json.loads(webhook.body)["type"] for webhook in self.stripe.webhooks()]


def client(url: str, key: str = API_KEY.reveal(), **more: Any) -> stripe.StripeClient:
    """Stripe's own client of a simulator."""
    http = stripe.HTTPXClient(timeout=10)
    OPENED.append(http)
    return stripe.StripeClient(key, base_addresses={"api": url}, http_client=http, **more)


def on_stripe(body: Callable[[Rig], Awaitable[None]]) -> Callable[[], None]:
    """A test of a Stripe that holds nothing yet."""

    async def run() -> None:
        async with CheckedStripe(ManualClock(START), document_in(SPECS)) as simulated:
            try:
                await body(Rig(simulated))
            finally:
                while OPENED:
                    await OPENED.pop().close_async()  # type: ignore[no-untyped-call]

    def test() -> None:
        asyncio.run(run())

    test.__name__, test.__doc__ = body.__name__, body.__doc__
    return test


async def refused(
    call: Awaitable[object], status: int = 400, *, code: str | None = None, param: str | None = None
) -> str:
    """What a call is refused with."""
    with pytest.raises(stripe.StripeError) as raised:
        await call
    error = raised.value
    assert (error.http_status, error.code) == (status, code), error
    if param is not None:
        assert error.param == param  # type: ignore[attr-defined]
    return str(error)


# --- the SDK and the wire ----------------------------------------------------------------------


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


# --- customers and catalog ---------------------------------------------------------------------


@on_stripe
async def test_emails_are_not_unique_and_compared_exactly(rig: Rig) -> None:
    """API, customers: e-mails are not unique; the list's filter is case-sensitive, and up to date."""
    ana, other = await rig.customer(), await rig.customer()
    assert ana.id != other.id
    found = (await rig.v.customers.list_async({"email": "ana@example.com"})).data
    assert [one.id for one in found] == [other.id, ana.id]
    assert not (await rig.v.customers.list_async({"email": "Ana@example.com"})).data


@on_stripe
async def test_search_does_not_find_what_was_just_written(rig: Rig) -> None:
    """docs, search: data is searchable in under a minute; not for read-after-write."""
    made = await rig.customer(metadata={"org": "o1"})
    query = {"query": "metadata['org']:'o1'"}
    assert not (await rig.v.customers.search_async(query)).data
    rig.stripe.advance(seconds=60)
    assert [one.id for one in (await rig.v.customers.search_async(query)).data] == [made.id]


@on_stripe
async def test_metadata_is_merged_and_bounded(rig: Rig) -> None:
    """API, metadata: 50 keys of 40 characters, values of 500; empty values unset."""
    made = await rig.customer(metadata={"a": "1", "b": "2"})
    after = await rig.v.customers.update_async(made.id, {"metadata": {"a": "", "c": "3"}})
    assert after.metadata.to_dict() == {"b": "2", "c": "3"}
    for metadata in ({"k" * 41: "x"}, {"k": "x" * 501}, {f"k{number}": "x" for number in range(51)}):
        with pytest.raises(stripe.InvalidRequestError):
            await rig.customer(metadata=metadata)


@on_stripe
async def test_a_product_of_an_own_id_is_made_once(rig: Rig) -> None:
    """API, create a product: `id` may be given; a second one of it is refused."""
    assert (await rig.v.products.create_async({"name": "a", "id": "own"})).id == "own"
    await refused(rig.v.products.create_async({"name": "a", "id": "own"}), code="resource_already_exists")


@on_stripe
async def test_only_a_product_without_prices_is_deleted(rig: Rig) -> None:
    """API, delete a product."""
    price = await rig.price()
    await refused(rig.v.products.delete_async(price.product))
    bare = await rig.v.products.create_async({"name": "bare"})
    assert (await rig.v.products.delete_async(bare.id)).deleted


@on_stripe
async def test_a_price_never_changes_what_it_costs(rig: Rig) -> None:
    """API, update a price: amount, currency and interval are not among its parameters."""
    price = await rig.price()
    for asked in ({"unit_amount": 5}, {"currency": "eur"}, {"recurring": {"interval": "year"}}):
        (name,) = asked
        await refused(rig.v.prices.update_async(price.id, asked), code="parameter_unknown", param=name)
    assert not (await rig.v.prices.update_async(price.id, {"active": False})).active


@on_stripe
async def test_a_lookup_key_moves_to_the_new_price_at_once(rig: Rig) -> None:
    """API, create a price: `transfer_lookup_key` takes it from the price that has it, atomically."""
    old = await rig.price(lookup_key="pro")
    await refused(_priced(rig, old.product, lookup_key="pro"), code="resource_already_exists")
    new = await _priced(rig, old.product, lookup_key="pro", transfer_lookup_key=True)
    assert [one.id for one in (await rig.v.prices.list_async({"lookup_keys": ["pro"]})).data] == [new.id]
    assert (await rig.v.prices.retrieve_async(old.id)).lookup_key is None
    await refused(rig.v.prices.list_async({"lookup_keys": [str(one) for one in range(11)]}))
    await refused(_priced(rig, old.product, lookup_key="k" * 201), param="lookup_key")


async def _priced(rig: Rig, product: str, **more: Any) -> Any:
    return await rig.v.prices.create_async({"product": product, "currency": "usd", "unit_amount": 1, **more})


@on_stripe
async def test_currency_options_are_shown_when_they_are_expanded(rig: Rig) -> None:
    """API, the price object: `currency_options` is expandable; a session can be in any of the currencies."""
    price = await rig.price(currency_options={"eur": {"unit_amount": 1_100}})
    assert "currency_options" not in price
    shown = await rig.v.prices.retrieve_async(price.id, {"expand": ["currency_options"]})
    assert shown.currency_options["eur"].unit_amount == 1_100
    session = await rig.session(price, await rig.customer(), currency="eur")
    assert (session.currency, session.amount_total) == ("eur", 1_100)
    await refused(rig.session(price, await rig.customer(), currency="gbp"), param="line_items[0][price]")


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


# --- refunds and disputes ----------------------------------------------------------------------


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


# --- the hosted page ---------------------------------------------------------------------------


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
