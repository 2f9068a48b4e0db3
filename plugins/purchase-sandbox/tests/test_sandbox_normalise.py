"""What documents mean: golden payloads, and documents that are not what they should be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from purchase_core.errors import MalformedBody
from purchase_core.facts.fact import encode_body
from purchase_core.instants import Instant
from purchase_core.ports.provider import Connection, Fetched, Provider
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.adapter import SandboxProvider
from purchase_sandbox.client import SandboxClient
from purchase_sandbox.config import SandboxConfig

FOLDER = Path(__file__).parent / "golden"
GOLDEN = sorted(path.stem for path in FOLDER.glob("*.json"))


def adapter(project: str = "shop") -> Provider:
    connection = Connection("sandbox", "sandbox", "test", project, "dev")
    client = SandboxClient(SandboxConfig(), Secret("sk_sandbox_unused"), ManualClock(Instant(0)))
    return SandboxProvider(connection, "acct_sandbox", client, ())


def golden(name: str) -> Mapping[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text())  # type: ignore[no-any-return]


def changed(name: str, **fields: object) -> bytes:
    payload = golden(name)["payload"]
    payload["data"]["object"].update(fields)
    return json.dumps(payload).encode()


def test_there_is_a_golden_payload_of_every_state() -> None:
    assert len(GOLDEN) == 28


@pytest.mark.parametrize("name", GOLDEN)
def test_a_payload_means_what_it_always_meant(name: str) -> None:
    expected = golden(name)
    provider = adapter()
    event = provider.parse(json.dumps(expected["payload"]).encode())
    assert {field: getattr(event, field) for field in expected["event"]} == expected["event"]
    meaning = provider.normalise(event)
    facts = [
        {
            "object": one.object,
            "order": one.order,
            "final": one.final,
            "body": json.loads(encode_body(one.body)),
        }
        for one in meaning.facts
    ]
    assert facts == expected["facts"]
    claims = [[one.provider_customer, one.customer] for one in meaning.claims]
    assert (claims, meaning.ignored) == (expected["claims"], expected["ignored"])


def test_a_word_that_nobody_has_heard_of_is_data() -> None:
    provider = adapter()
    for field, attribute in (("status", "status"), ("billing_reason", "reason")):
        meaning = provider.normalise(provider.parse(changed("invoice_first", **{field: "brand_new"})))
        assert getattr(meaning.facts[0].body, attribute) == "brand_new"
        assert not meaning.facts[0].final


def test_f32_metadata_that_was_stripped_leaves_the_money_visible() -> None:
    provider = adapter()
    payload = golden("invoice_first")["payload"]
    del payload["data"]["object"]["metadata"]
    meaning = provider.normalise(provider.parse(json.dumps(payload).encode()))
    assert (meaning.facts[0].body.paid, meaning.facts[0].body.intent) == (3_600, "")  # type: ignore[union-attr]
    assert meaning.claims == ()


def test_f34_our_own_names_with_values_that_cannot_be_ours_are_malformed() -> None:
    ours = golden("invoice_first")["payload"]["data"]["object"]["metadata"]
    for name in ("purchase_intent", "purchase_customer", "purchase_attempt"):
        for value in ("\x00", " padded ", "x" * 256, "line\nfeed"):
            provider = adapter()
            with pytest.raises(MalformedBody):
                provider.normalise(provider.parse(changed("invoice_first", metadata={**ours, name: value})))


def test_another_project_reads_no_reference_and_minds_none() -> None:
    ours = golden("invoice_first")["payload"]["data"]["object"]["metadata"]
    provider = adapter("neighbour")
    body = changed("invoice_first", metadata={**ours, "purchase_intent": "\x00"})
    meaning = provider.normalise(provider.parse(body))
    assert meaning.facts[0].body.intent == ""  # type: ignore[union-attr]
    assert meaning.claims == ()


def test_a_type_that_does_not_fit_its_object_is_malformed() -> None:
    payload = golden("invoice_first")["payload"]
    provider = adapter()
    for type_ in ("refund.created", "subscription.created", "checkout.session.completed"):
        event = provider.parse(json.dumps({**payload, "type": type_}).encode())
        with pytest.raises(MalformedBody):
            provider.normalise(event)


def test_amounts_beyond_what_money_can_be_are_malformed() -> None:
    provider = adapter()
    for field in ("total", "amount_paid"):
        for value in (-1, 2**53, 12.5, "12", True, None):
            with pytest.raises(MalformedBody):
                provider.normalise(provider.parse(changed("invoice_first", **{field: value})))


def test_errors_of_reading_quote_no_value() -> None:
    provider = adapter()
    for field, value in (("status", "CANARY-1"), ("currency", "CANARY-2"), ("total", "CANARY-3")):
        with pytest.raises(MalformedBody) as malformed:
            provider.normalise(provider.parse(changed("invoice_first", **{field: value})))
        assert "CANARY" not in str(malformed.value)
        assert field in str(malformed.value)


def test_what_was_fetched_must_be_what_was_asked_for() -> None:
    provider = adapter()
    document = golden("invoice_first")["payload"]["data"]["object"]
    body = json.dumps(document).encode()
    order = Instant(1_800_000_000_000_000)
    meaning = provider.normalise(provider.parse_fetched(Fetched("invoice", document["id"], order, body)))
    assert (meaning.facts[0].order, meaning.facts[0].body.id) == (order, document["id"])
    with pytest.raises(MalformedBody):
        provider.parse_fetched(Fetched("invoice", "in_other", order, body))
    with pytest.raises(MalformedBody):
        provider.normalise(provider.parse_fetched(Fetched("refund", document["id"], order, body)))


def test_a_webhook_cannot_pass_for_something_fetched() -> None:
    provider = adapter()
    payload = golden("invoice_first")["payload"]
    event = provider.parse(json.dumps({**payload, "type": "fetched"}).encode())
    assert provider.normalise(event).ignored
