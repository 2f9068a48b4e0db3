"""What Stripe's events mean: a golden payload for each, from the simulator's stories (`golden.py`)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from purchase_core.facts.bodies import DisputeSeen, InvoiceSeen, RefundSeen, SessionSeen, SubscriptionSeen
from purchase_core.instants import Instant
from purchase_core.ports.provider import Connection, Fetched
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_stripe.adapter import StripeProvider
from purchase_stripe.client import StripeCalls
from purchase_stripe.config import StripeConfig
from purchase_stripe.normalise import MEANING

from .golden import FOLDER, SHOWN, meaning_of, told

GOLDEN = sorted(path.stem for path in FOLDER.glob("*.json"))


def adapter() -> StripeProvider:
    """An adapter that calls nobody."""
    config = StripeConfig("acct_1", base_url="http://127.0.0.1:9")
    calls = StripeCalls(config, Secret("sk_test_0123456789abcdef"), ManualClock(Instant(0)))
    return StripeProvider(Connection("stripe", "stripe", "test", "shop", "dev"), config, calls, ())


PROVIDER = adapter()


def golden(name: str) -> Mapping[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text())  # type: ignore[no-any-return]


def body(name: str) -> Any:
    """The one fact of a payload, as a body."""
    document = golden(name)
    event = PROVIDER.parse(json.dumps(document["payload"]).encode())
    (fact,) = PROVIDER.normalise(event).facts
    return fact.body


def assert_as_ever(name: str) -> None:
    """A payload means what it has always meant."""
    document = golden(name)
    assert meaning_of(PROVIDER, document) == {
        key: value for key, value in document.items() if key not in ("payload", "fetched")
    }


def test_every_type_of_event_that_we_ask_for_has_a_payload() -> None:
    assert {type_ for _, type_, _ in SHOWN.values()} >= set(MEANING)
    assert set(SHOWN) <= set(GOLDEN)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_payload_means_what_it_always_meant(name: str) -> None:
    assert_as_ever(name)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_payload_is_a_fact_or_a_need_or_nothing_as_its_name_says(name: str) -> None:
    document = golden(name)
    assert bool(document["ignored"]) == name.endswith("_ignored")
    assert bool(document["needs"]) == name.endswith("_needed")
    assert len(document["facts"]) == (not name.endswith(("_ignored", "_needed")))


def test_the_simulator_still_tells_these_stories() -> None:
    """Every payload that is kept is still told, and still means the same: names and amounts, not ids."""
    for name, document in asyncio.run(told()).items():
        kept, now = golden(name), meaning_of(PROVIDER, document)
        assert [sorted(one["body"]) for one in now["facts"]] == [sorted(one["body"]) for one in kept["facts"]]
        for one, other in zip(now["facts"], kept["facts"], strict=True):
            for field in ("status", "payment", "reason", "total", "paid", "amount", "action", "collecting"):
                assert one["body"].get(field) == other["body"].get(field), (name, field)


# --- what grants, and what does not --------------------------------------------------------------


def test_f46_what_has_not_been_paid_is_not_told_as_paid() -> None:
    assert (body("session_waiting").status, body("session_waiting").payment) == ("complete", "unpaid")
    assert (body("session_arrived").payment, body("session_bounced").payment) == ("paid", "unpaid")
    assert body("session_expired").payment == "unpaid"
    assert (body("invoice_voided").paid, body("invoice_uncollectible").paid) == (0, 0)


def test_a_trials_bill_is_of_nothing_and_says_so() -> None:
    bill = body("invoice_trial")
    assert isinstance(bill, InvoiceSeen)
    assert (bill.status, bill.total, bill.paid, [one.trial for one in bill.lines]) == ("paid", 0, 0, [True])
    assert body("session_trial").payment == "none_due"


def test_a_changes_bill_is_made_of_prorations() -> None:
    bill = body("invoice_change")
    assert (bill.reason, {one.proration for one in bill.lines}) == ("change", {True})
    assert sum(one.amount for one in bill.lines) == bill.total


def test_f65_a_currency_without_cents_is_told_as_it_is() -> None:
    bill = body("invoice_without_cents")
    assert (bill.currency, bill.total, bill.lines[0].unit_amount) == ("JPY", 3_000, 1_500)


def test_tax_is_in_the_total_and_not_in_the_line() -> None:
    bill = body("invoice_taxed")
    assert (bill.total, bill.lines[0].amount, bill.lines[0].unit_amount) == (2_880, 2_400, 1_200)


def test_a_scheduled_cancellation_is_one_however_it_was_set() -> None:
    for name in ("subscription_cancelling_instant", "subscription_cancelling_flag"):
        assert body(name).cancel_at == body(name).period_end
    ended = golden("subscription_canceled")["facts"][0]
    assert ended["final"]


def test_a_pending_change_leaves_the_old_items() -> None:
    pending, applied = body("subscription_pending"), body("subscription_pending_applied")
    assert isinstance(pending, SubscriptionSeen)
    assert (pending.status, pending.items[0].unit_amount) == ("active", 1_200)
    assert applied.items[0].unit_amount == 2_400
    assert body("subscription_pending_expired").items == applied.items


def test_what_is_looked_up_has_its_invoice() -> None:
    kinds: dict[str, type[Any]] = {"refund": RefundSeen, "dispute": DisputeSeen}
    for name in GOLDEN:
        kind = name.removeprefix("fetched_").partition("_")[0]
        if name.startswith("fetched_") and kind in kinds:
            assert golden(name)["facts"][0]["body"]["invoice"].startswith("in_")


@pytest.mark.parametrize("event", ["refund_created", "refund_updated", "refund_failed"])
def test_f56_whatever_is_told_of_a_refund_it_is_looked_up(event: str) -> None:
    payload = json.dumps(golden(f"{event}_needed")["payload"]).encode()
    (need,) = PROVIDER.normalise(PROVIDER.parse(payload)).needs
    assert (need.kind, need.id[:3]) == ("refund", "re_")


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("pending", "pending"),
        ("requires_action", "pending"),
        (None, "pending"),
        ("succeeded", "succeeded"),
        ("failed", "failed"),
        ("canceled", "canceled"),
    ],
)
def test_f56_a_refund_has_gone_back_only_where_stripe_says_that_it_succeeded(
    told: str | None, status: str
) -> None:
    fetched = golden("fetched_refund_succeeded")["fetched"]
    fetched["body"]["subject"]["status"] = told
    shown = Fetched(
        fetched["kind"], fetched["id"], Instant(fetched["order"]), json.dumps(fetched["body"]).encode()
    )
    (fact,) = PROVIDER.normalise(PROVIDER.parse_fetched(shown)).facts
    assert isinstance(fact.body, RefundSeen)
    assert (fact.body.status, fact.body.amount) == (status, 500)


def test_a_guest_is_known_by_the_intent_alone() -> None:
    session = body("session_guest")
    assert isinstance(session, SessionSeen)
    assert (session.intent, golden("session_guest")["claims"]) == ("intent_1", [])
