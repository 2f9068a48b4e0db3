"""Reading without a network: versions, accounts, modes, thin events, cut lists, and what never grants."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import Any

import pytest

from purchase_core.errors import InvalidArgument, MalformedBody, SecretMissing
from purchase_core.facts.bodies import InvoiceSeen
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Connection, Event, Need
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_stripe.adapter import StripeProvider
from purchase_stripe.client import StripeCalls
from purchase_stripe.config import API_VERSION, StripeConfig

START = Instant(1_790_000_000_000_000)
CONFIG = StripeConfig("acct_1", base_url="http://127.0.0.1:9")
INVOICE: dict[str, Any] = {
    "id": "in_1", "object": "invoice", "status": "paid", "billing_reason": "subscription_create",
    "customer": "cus_1", "currency": "usd", "total": 1_000, "amount_paid": 1_000, "attempted": True,
    "status_transitions": {"paid_at": 1_790_000_000, "finalized_at": 1_790_000_000}, "metadata": {},
    "lines": {"object": "list", "has_more": False, "url": "/v1", "data": [{
        "id": "il_1", "object": "line_item", "amount": 1_200, "currency": "usd", "quantity": 2,
        "discount_amounts": [{"amount": 200, "discount": "di_1"}],
        "period": {"start": 1_790_000_000, "end": 1_792_592_000},
        "pricing": {"type": "price_details", "unit_amount_decimal": "600",
                    "price_details": {"price": "price_1", "product": "prod_1"}},
        "parent": {"type": "subscription_item_details", "invoice_item_details": None,
                   "subscription_item_details": {"proration": False, "subscription_item": "si_1"}},
    }]},
    "parent": {"type": "subscription_details", "quote_details": None, "subscription_details": {
        "subscription": "sub_1",
        "metadata": {"purchase_project": "shop", "purchase_environment": "dev",
                     "purchase_intent": "intent_1"},
    }},
}  # fmt: skip


def opened() -> StripeProvider:
    """An adapter that calls nobody."""
    calls = StripeCalls(CONFIG, Secret("sk_test_0123456789abcdef"), ManualClock(START))
    connection = Connection("stripe", "stripe", "test", "shop", "dev")
    return StripeProvider(connection, CONFIG, calls, (Secret("whsec_0123456789abcdefghijklmnop"),))


PROVIDER = opened()


def event(payload: dict[str, Any], event_type: str = "invoice.paid", **more: Any) -> Event:
    """An event that carries an object."""
    whole = {"id": "evt_1", "object": "event", "type": event_type, "api_version": API_VERSION,
             "created": 1_790_000_000, "livemode": False, "data": {"object": payload}} | more  # fmt: skip
    return PROVIDER.parse(json.dumps(whole).encode())


def test_an_invoice_is_read_by_line_after_discounts() -> None:
    (fact,) = PROVIDER.normalise(event(INVOICE)).facts
    assert isinstance(fact.body, InvoiceSeen)
    body = fact.body
    assert (body.reason, body.intent, body.subscription) == ("first", "intent_1", "sub_1")
    (line,) = body.lines
    assert (line.price, line.quantity, line.unit_amount, line.amount) == ("price_1", 2, 600, 1_000)
    assert fact.order == 1_790_000_000 * SECOND


@pytest.mark.parametrize("version", ["2020-08-27", "2026-08-26.dahlia", None])
def test_f30_an_event_of_another_version_is_looked_up(version: str | None) -> None:
    """Its fields may mean something else, or be missing: what we ask for comes in our version."""
    meaning = PROVIDER.normalise(event(INVOICE, api_version=version))
    assert (meaning.facts, [(one.kind, one.id) for one in meaning.needs]) == ((), [("invoice", "in_1")])


def test_f31_a_list_that_is_cut_off_is_looked_up() -> None:
    cut = copy.deepcopy(INVOICE)
    cut["lines"]["has_more"] = True
    assert PROVIDER.normalise(event(cut)).needs == (
        Need("invoice", "in_1", "not all of its lines are in it"),
    )


def test_a_thin_event_is_looked_up() -> None:
    thin = {"id": "evt_1", "object": "v2.core.event", "type": "v1.invoice.paid", "livemode": False,
            "created": "2026-09-21T14:13:20.000Z",
            "related_object": {"id": "in_1", "type": "invoice"}}  # fmt: skip
    told = PROVIDER.parse(json.dumps(thin).encode())
    assert (told.object, told.occurred_at) == ("invoice:stripe:in_1", 1_790_000_000 * SECOND)
    assert [(one.kind, one.id) for one in PROVIDER.normalise(told).needs] == [("invoice", "in_1")]
    with pytest.raises(MalformedBody):
        PROVIDER.parse(json.dumps(thin | {"created": "yesterday"}).encode())


def test_f22_f23_account_and_mode_are_the_events_own() -> None:
    """An event of Connect names its account: the pipeline compares it, and the mode, with ours."""
    assert (event(INVOICE).account, event(INVOICE).mode) == ("acct_1", "test")
    other = event(INVOICE, account="acct_2", livemode=True)
    assert (other.account, other.mode) == ("acct_2", "live")


@pytest.mark.parametrize(
    "event_type",
    ["invoice.created", "invoice.finalized", "invoice.updated", "invoice.payment_succeeded",
     "invoice_payment.paid", "payment_intent.succeeded", "charge.succeeded", "charge.refunded",
     "customer.updated"],
)  # fmt: skip
def test_f14_other_events_of_one_payment_count_for_nothing(event_type: str) -> None:
    assert PROVIDER.normalise(event(INVOICE, event_type)).ignored


def test_an_object_of_another_kind_is_malformed() -> None:
    with pytest.raises(MalformedBody):
        PROVIDER.normalise(event(INVOICE | {"object": "subscription"}))


def test_f18_an_empty_secret_is_refused() -> None:
    for secret in ("", "   ", "whsec_"):
        with pytest.raises(SecretMissing):
            StripeProvider(PROVIDER.connection, CONFIG, PROVIDER._calls, (Secret(secret),))


@pytest.mark.parametrize(
    "url", ["http://api.stripe.com", "https://a:b@api.stripe.com", "ftp://127.0.0.1", ""]
)
def test_t04_a_connection_goes_to_stripe_or_to_this_machine(url: str) -> None:
    with pytest.raises(InvalidArgument):
        StripeConfig("acct_1", base_url=url)


def test_the_plugin_imports_no_sdk() -> None:
    code = (
        "import sys, purchase_stripe.plugin as p; print({'stripe', 'httpx', 'requests'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert ran.stdout == "set()\n"
