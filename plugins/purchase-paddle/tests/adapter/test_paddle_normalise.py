"""What Paddle's documents mean: golden payloads, Paddle's own examples, and what must not be believed."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from purchase_core.errors import MalformedBody
from purchase_core.facts.bodies import InvoiceSeen, RefundSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact
from purchase_core.facts.register import observe
from purchase_core.instants import Instant, to_datetime
from purchase_core.ports.provider import Connection, Event, Fetched, RefundReason
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_paddle import reference
from purchase_paddle.adapter import PaddleProvider
from purchase_paddle.client import PaddleClient
from purchase_paddle.config import PaddleConfig
from purchase_paddle.documents import at
from purchase_paddle.normalise import TYPES
from purchase_simulators.paddle.conformance import PaddleDocument

from .golden import meaning_of

FOLDER = Path(__file__).parent / "golden"
GOLDEN = sorted(path.stem for path in FOLDER.glob("*.json"))
SHOP = Connection("paddle", "paddle", "test", "shop", "dev")


def adapter(project: str = "shop", mode: str = "test") -> PaddleProvider:
    connection = Connection("paddle", "paddle", mode, project, "dev")
    client = PaddleClient(PaddleConfig(), mode, Secret("pdl_unused"), ManualClock(Instant(0)))
    return PaddleProvider(connection, PaddleConfig(), client, ())


def golden(name: str) -> Mapping[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text())  # type: ignore[no-any-return]


def read(payload: Mapping[str, Any], provider: PaddleProvider | None = None) -> list[Fact]:
    provider = provider or adapter()
    return list(provider.normalise(provider.parse(json.dumps(payload).encode())).facts)


def changed(name: str, **fields: object) -> dict[str, Any]:
    payload = copy.deepcopy(golden(name)["payload"])
    payload["data"].update(fields)
    return payload  # type: ignore[no-any-return]


def assert_as_ever(name: str) -> None:
    """A payload means what it has always meant."""
    expected = golden(name)
    assert {"payload": expected["payload"], **meaning_of(adapter(), expected["payload"])} == expected


def invoice(facts: list[Fact]) -> InvoiceSeen:
    (found,) = [one.body for one in facts if isinstance(one.body, InvoiceSeen)]
    return found


def test_there_is_a_golden_payload_of_every_state_and_type() -> None:
    assert len(GOLDEN) == 36
    types = {golden(name)["payload"]["event_type"] for name in GOLDEN}
    assert types >= TYPES


@pytest.mark.parametrize("name", GOLDEN)
def test_a_payload_means_what_it_always_meant(name: str) -> None:
    assert_as_ever(name)
    assert bool(golden(name)["ignored"]) == name.endswith("_ignored")


# --- one effect ------------------------------------------------------------------------------------


def test_f14_paid_and_completed_are_one_payment() -> None:
    facts = read(golden("transaction_paid_once")["payload"])
    facts += read(golden("transaction_completed_once")["payload"])
    assert len({one.key for one in facts if isinstance(one.body, InvoiceSeen)}) == 1


def test_f14_a_recurring_payment_is_told_once_it_has_its_subscription() -> None:
    """webhooks/transactions/transaction-paid: it might not have a subscription_id yet."""
    paid, completed = (
        golden(f"transaction_{one}")["payload"] for one in ("paid_recurring", "completed_first")
    )
    assert [one.kind for one in read(paid)] == ["session"]
    assert invoice(read(completed)).subscription.startswith("sub_")
    early = changed("transaction_paid_recurring", subscription_id=completed["data"]["subscription_id"])
    assert invoice(read(early)).paid == 2_400


def test_f16_a_notification_that_is_replayed_under_a_new_id_is_the_same_fact() -> None:
    payload = golden("transaction_completed_first")["payload"]
    again = payload | {"notification_id": "ntf_" + "9" * 26}
    assert [one.key for one in read(payload)] == [one.key for one in read(again)]
    assert adapter().parse(json.dumps(again).encode()).id == payload["event_id"]


def test_f16_another_event_about_the_same_state_is_the_same_fact() -> None:
    payload = golden("transaction_completed_first")["payload"]
    again = payload | {"event_id": "evt_" + "9" * 26, "event_type": "transaction.updated"}
    again["occurred_at"] = "2026-12-31T00:00:00.000000Z"
    assert [one.key for one in read(payload)] == [one.key for one in read(again)]


def test_f05_an_older_state_that_arrives_later_loses() -> None:
    newer, older = (read(golden(f"subscription_{one}")["payload"])[0] for one in ("canceled", "created"))
    register = observe(observe(None, newer), older)
    assert isinstance(register.newest.body, SubscriptionSeen)
    assert register.newest.body.status == "canceled"
    assert not register.contested


def test_transactions_of_nothing_that_change_a_card_tell_nothing() -> None:
    payload = golden("transaction_method_change_ignored")["payload"]
    assert payload["data"]["origin"] == "subscription_payment_method_change"
    assert read(payload) == []


@pytest.mark.parametrize("status", ["draft", "ready", "billed", "past_due", "canceled", "brand_new"])
def test_f46_what_is_not_paid_grants_nothing(status: str) -> None:
    facts = read(changed("transaction_completed_once", status=status))
    assert [one.body.paid for one in facts if isinstance(one.body, InvoiceSeen)] in ([], [0])


def test_f46_money_that_is_on_its_way_is_not_there() -> None:
    payload = changed("transaction_completed_once", status="ready")
    payload["data"]["payments"][0] |= {"status": "pending_no_action_required", "captured_at": None}
    assert [one.kind for one in read(payload)] == ["session"]


@pytest.mark.parametrize("status", ["error", "pending", "authorized", "action_required", "canceled"])
def test_f46_only_what_was_captured_is_paid(status: str) -> None:
    """A try that failed, or is not decided yet, stands in the list beside the one that succeeded."""
    payload = changed("transaction_completed_once")
    (captured,) = payload["data"]["payments"]
    payload["data"]["payments"].insert(0, captured | {"status": status, "captured_at": None})
    assert invoice(read(payload)).paid == int(captured["amount"])


@pytest.mark.parametrize(
    ("name", "status"),
    [("pending", "pending"), ("approved", "succeeded"), ("rejected", "rejected"), ("reversed", "failed")],
)
def test_f56_an_adjustment_is_what_it_is(name: str, status: str) -> None:
    (fact,) = read(golden(f"adjustment_refund_{name}")["payload"])
    assert isinstance(fact.body, RefundSeen)
    assert fact.body.status == status
    assert fact.body.command.startswith("command_")


# --- amounts ---------------------------------------------------------------------------------------


def test_a_price_that_holds_the_tax_is_told_as_it_was_sold() -> None:
    """Bought in GB, with 20 % inside: the line is 9.00 as ordered, of which 7.50 are net."""
    payload = golden("transaction_completed_once")["payload"]
    assert payload["data"]["details"]["line_items"][0]["totals"]["subtotal"] == "750"
    bill = invoice(read(payload))
    assert (bill.lines[0].unit_amount, bill.lines[0].amount, bill.total, bill.paid) == (900, 900, 900, 900)


def test_tax_on_top_is_in_the_total_and_not_in_the_line() -> None:
    payload = changed("transaction_completed_first")
    details = payload["data"]["details"]
    details["totals"] |= {"tax": "480", "total": "2880", "grand_total": "2880"}
    line = details["line_items"][0]
    line["unit_totals"] |= {"tax": "240", "total": "1440"}
    line["totals"] |= {"tax": "480", "total": "2880"}
    payload["data"]["payments"][0]["amount"] = "2880"
    bill = invoice(read(payload))
    assert (bill.lines[0].unit_amount, bill.lines[0].amount, bill.total, bill.paid) == (
        1_200,
        2_400,
        2_880,
        2_880,
    )


def test_f47_an_override_for_a_country_is_the_amount_that_was_sold() -> None:
    """With the tax in it, as it was shown: what is left without the tax is not what the price says."""
    payload = changed("transaction_completed_first", currency_code="EUR")
    data = payload["data"]
    override = {"country_codes": ["DE"], "unit_price": {"amount": "1100", "currency_code": "EUR"}}
    data["items"][0]["price"]["unit_price_overrides"] = [override]
    line = data["details"]["line_items"][0]
    line["unit_totals"] |= {"subtotal": "917", "tax": "183", "total": "1100"}
    line["totals"] |= {"subtotal": "1834", "tax": "366", "total": "2200"}
    found = invoice(read(payload)).lines[0]
    assert (found.unit_amount, found.amount, found.currency) == (1_100, 2_200, "EUR")


def test_f33_a_converted_amount_is_paddles_own() -> None:
    payload = changed("transaction_completed_first", currency_code="EUR")
    line = payload["data"]["details"]["line_items"][0]
    line["unit_totals"] |= {"subtotal": "1080", "total": "1080"}
    line["totals"] |= {"subtotal": "2160", "total": "2160"}
    assert invoice(read(payload)).lines[0].unit_amount == 1_080


def test_a_discount_lowers_the_line_and_not_the_unit() -> None:
    payload = changed("transaction_completed_first")
    line = payload["data"]["details"]["line_items"][0]
    line["unit_totals"] |= {"discount": "300", "total": "900"}
    line["totals"] |= {"discount": "600", "total": "1800"}
    found = invoice(read(payload)).lines[0]
    assert (found.unit_amount, found.amount) == (1_200, 1_800)


# --- what is not believed --------------------------------------------------------------------------


def test_f23_what_paddles_simulator_sends_is_a_test_on_a_live_connection_too() -> None:
    payload = golden("transaction_completed_first")["payload"] | {"event_id": "ntfsimevt_" + "0" * 26}
    assert adapter(mode="live").parse(json.dumps(payload).encode()).mode == "test"
    genuine = golden("transaction_completed_first")["payload"]
    assert adapter(mode="live").parse(json.dumps(genuine).encode()).mode == "live"


def test_f32_custom_data_that_was_stripped_leaves_the_money_visible() -> None:
    for data in (None, {}, {"purchase_intent": "intent_1"}):
        provider = adapter()
        payload = changed("transaction_completed_first", custom_data=data)
        meaning = provider.normalise(provider.parse(json.dumps(payload).encode()))
        assert (invoice(list(meaning.facts)).paid, invoice(list(meaning.facts)).intent) == (2_400, "")
        assert meaning.claims == ()


def test_f34_our_own_names_with_values_that_cannot_be_ours_are_malformed() -> None:
    ours = golden("transaction_completed_first")["payload"]["data"]["custom_data"]
    for name in ("purchase_intent", "purchase_customer", "purchase_attempt"):
        for value in ("\x00", " padded ", "x" * 256, "line\nfeed"):
            payload = changed("transaction_completed_first", custom_data={**ours, name: value})
            with pytest.raises(MalformedBody):
                read(payload)
            assert invoice(read(payload, adapter("neighbour"))).intent == ""


def test_f34_a_reason_is_read_only_where_it_is_ours() -> None:
    for command in ("command_1", "a/b [c] d", "%2f"):
        text = reference.reason(RefundReason.DUPLICATE, command, SHOP)
        assert reference.command_in(text, SHOP) == command
        assert reference.command_in(text, Connection("paddle", "paddle", "test", "neighbour", "dev")) == ""
        assert reference.command_in(text + "!", SHOP) == ""
    for text in ("", "asked for", "[purchase shop/dev]", "x [purchase shop/dev/]", "x [purchase a/b/c/d e]"):
        assert reference.command_in(text, SHOP) == ""
    for text in ("x [purchase shop/dev/%ffffff]", "x [purchase shop/dev/%000000]"):
        with pytest.raises(MalformedBody):
            reference.command_in(text, SHOP)


def test_a_line_without_its_price_is_malformed() -> None:
    payload = changed("transaction_completed_first")
    payload["data"]["details"]["line_items"][0]["price_id"] = "pri_" + "0" * 26
    with pytest.raises(MalformedBody):
        read(payload)


def test_amounts_and_times_are_what_paddle_writes() -> None:
    for field, value in (("amount", "12.00"), ("amount", 2400), ("amount", "1e3"), ("amount", "9" * 16)):
        payload = changed("transaction_completed_first")
        payload["data"]["payments"][0][field] = value
        with pytest.raises(MalformedBody):
            read(payload)
    for time in (
        "2026-13-01T00:00:00Z",
        "2026-01-01",
        "2026-01-01T00:00:00+01:00",
        "1969-12-31T23:59:59Z",
        7,
    ):
        with pytest.raises(MalformedBody):
            read(changed("transaction_completed_first", updated_at=time))


def test_times_are_read_to_the_microsecond() -> None:
    """The document's own example has nanoseconds: 2024-04-12T10:18:48.294635093Z."""
    assert at("2024-04-12T10:18:48.294635093Z") % 1_000_000 == 294_635
    assert at("2024-10-12T07:20:50.52Z") % 1_000_000 == 520_000
    assert to_datetime(at("2024-04-12T10:18:48Z")).isoformat() == "2024-04-12T10:18:48+00:00"


def test_errors_of_reading_quote_no_value() -> None:
    for field, value in (("status", "CANARY 1"), ("currency_code", "CANARY-2"), ("updated_at", "CANARY-3")):
        with pytest.raises(MalformedBody) as malformed:
            read(changed("transaction_completed_first", **{field: value}))
        assert "CANARY" not in str(malformed.value)
        assert field in str(malformed.value)


def test_what_was_fetched_must_be_what_was_asked_for() -> None:
    provider = adapter()
    document = golden("transaction_completed_first")["payload"]["data"]
    body, order = json.dumps(document).encode(), Instant(1_800_000_000_000_000)
    meaning = provider.normalise(provider.parse_fetched(Fetched("invoice", document["id"], order, body)))
    assert {one.order for one in meaning.facts} == {order}
    with pytest.raises(MalformedBody):
        provider.parse_fetched(Fetched("invoice", "txn_other", order, body))
    with pytest.raises(MalformedBody):
        provider.normalise(provider.parse_fetched(Fetched("refund", document["id"], order, body)))
    told = provider.parse(
        json.dumps(golden("transaction_completed_first")["payload"] | {"event_type": "fetched"}).encode()
    )
    assert provider.normalise(told).ignored


# --- Paddle's own examples -------------------------------------------------------------------------


def test_paddles_own_examples_are_understood(openapi: PaddleDocument | None) -> None:
    if openapi is None:
        pytest.skip("Paddle's document is not here")
    provider, understood = adapter(), 0
    for example in openapi.examples():
        event: Event = provider.parse(json.dumps(example).encode())
        meaning = provider.normalise(event)
        understood += bool(meaning.facts)
        if event.type == "transaction.completed":
            bill = invoice(list(meaning.facts))
            assert (bill.status, bill.total, bill.paid, bill.currency) == ("paid", 65_215, 65_215, "USD")
            assert [(line.quantity, line.unit_amount, line.amount) for line in bill.lines] == [
                (10, 3_000, 30_000),
                (1, 10_000, 10_000),
                (1, 19_900, 19_900),
            ]
        if event.type == "subscription.created":
            assert isinstance(meaning.facts[0].body, SubscriptionSeen)
            assert meaning.facts[0].body.status == "active"
    assert understood >= 15
