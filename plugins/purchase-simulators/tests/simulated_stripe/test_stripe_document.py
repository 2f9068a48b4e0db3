"""What passes is compared with Stripe's OpenAPI document, and nothing is excepted that need not be."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest

from purchase_simulators.stripe import disputing
from purchase_simulators.stripe.objects.payments import Dispute
from purchase_simulators.stripe.openapi import DOCUMENTS, StripeDocument, document_in, exceptions, report
from purchase_simulators.stripe.versions import API_VERSION

from .rig import SPECS, Rig, on_stripe


@on_stripe
async def test_every_exception_to_the_document_is_needed(rig: Rig) -> None:
    """One that nothing needs any more is to be deleted; their count is printed."""
    subscription, price = await rig.subscribed(), await rig.price()
    await rig.v.subscriptions.pause_async(subscription.id)
    asked = {"billing_cycle_anchor": {"type": "now"}, "payment_behavior": "resume_on_payment_success"}
    await rig.v.subscriptions.resume_async(subscription.id, asked)
    await rig.v.subscription_schedules.create_async({"from_subscription": subscription.id})
    endpoint = {"url": "http://127.0.0.1:9/", "enabled_events": ["*"], "api_version": API_VERSION}
    await rig.v.webhook_endpoints.create_async(endpoint)
    intent = await rig.v.payment_intents.create_async(
        {"amount": 500, "currency": "usd", "confirm": True, "payment_method": "pm_card_createDispute"}
    )
    (dispute,) = (await rig.v.disputes.list_async({"payment_intent": intent.id})).data
    await rig.v.disputes.close_async(dispute.id)
    disputing.appeal(rig.book, rig.book.get(Dispute, dispute.id))
    watch, document = rig.stripe.watch, rig.stripe.document
    if watch is None or document is None:
        pytest.skip("no OpenAPI document of Stripe's here")
    for event in rig.book.events:
        watch.note(document.of_event(event.body))
    assert watch.used == set(exceptions())
    assert price.active
    print(report(SPECS))  # noqa: T201


def test_the_document_is_held_against_what_passes() -> None:
    """The comparison itself: a wrong type, an unknown field and an unknown event are found."""
    document = document_in(SPECS)
    if document is None:
        pytest.skip("no OpenAPI document of Stripe's here")
    body = "mode=subscription&line_items[0][quantity]=many&subscription_data[metdata][a]=b"
    found = document.of_request("POST", "/v1/checkout/sessions", "", body)
    assert {str(one).split(": ", 1)[1].split(":")[0] for one in found} == {
        "line_items/quantity", "subscription_data",
    }  # fmt: skip
    wrong = b'{"id": 7, "object": "refund", "amount": 1, "created": 1, "currency": "usd", "colour": "red"}'
    assert len(document.of_answer("GET", "/v1/refunds/re_1", 200, wrong)) == 2
    event = {"id": "evt_1", "object": "event", "type": "invoice.sung", "created": 1, "livemode": False,
             "pending_webhooks": 0, "data": {"object": {"id": "x", "object": "song"}}}  # fmt: skip
    assert len(document.of_event(json.dumps(event).encode())) == 2


def test_the_document_is_compiled_once_for_all_that_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is reached from a schema is most of the document: one for each filled gigabytes."""
    files = sorted(SPECS.glob(DOCUMENTS))
    if not files:
        pytest.skip("no OpenAPI document of Stripe's here")
    compiled: list[object] = []
    compiling = jsonschema_rs.validator_for

    def validator_for(schema: Any, **options: Any) -> object:
        compiled.append(schema)
        return compiling(schema, **options)

    monkeypatch.setattr(jsonschema_rs, "validator_for", validator_for)
    document = StripeDocument(files[-1])
    for kind in ("customer", "invoice", "refund"):
        assert document.of_object({"object": kind}, "here")
        assert document.of_answer("GET", f"/v1/{kind}s/x_1", 200, b"{}")
        assert document.of_request("POST", f"/v1/{kind}s", "", "colour=red")
    assert len(compiled) == 1
