"""Where Stripe's dashboard shows an object, by the connection's mode."""

from __future__ import annotations

import pytest

from purchase_core.instants import Instant
from purchase_core.ports.provider import Connection
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_stripe.adapter import StripeProvider
from purchase_stripe.client import StripeCalls
from purchase_stripe.config import TEST, StripeConfig


def provider_of(mode: str, config: StripeConfig) -> StripeProvider:
    calls = StripeCalls(config, Secret("sk_test_0123456789"), ManualClock(Instant(0)))
    return StripeProvider(Connection("stripe", "stripe", mode, "shop", "dev"), config, calls, ())


REAL = StripeConfig(account="acct_1")


@pytest.mark.parametrize(
    ("kind", "provider_id", "path"),
    [
        ("customer", "cus_1", "customers/cus_1"),
        ("subscription", "sub_1", "subscriptions/sub_1"),
        ("invoice", "in_1", "invoices/in_1"),
        ("dispute", "dp_1", "disputes/dp_1"),
        ("dispute", "du_1", "disputes/du_1"),
        ("event", "evt_1", "events/evt_1"),
        ("product", "prod_1", "products/prod_1"),
        ("price", "price_1", "prices/price_1"),
    ],
)
def test_an_object_has_a_page_in_its_mode(kind: str, provider_id: str, path: str) -> None:
    live, test = (provider_of(mode, REAL).page_url(kind, provider_id) for mode in ("live", "test"))
    assert live == f"https://dashboard.stripe.com/{path}"
    assert test == f"https://dashboard.stripe.com/test/{path}"


@pytest.mark.parametrize(
    ("kind", "provider_id"),
    [
        ("refund", "re_1"),
        ("session", "cs_test_1"),
        ("price", "a-plan-of-old"),
        ("product", "my product"),
        ("customer", "sub_1"),
        ("customer", "cus_1/../../settings"),
        ("customer", "javascript:alert(1)"),
    ],
)
def test_what_has_no_page_is_shown_nowhere(kind: str, provider_id: str) -> None:
    assert provider_of("live", REAL).page_url(kind, provider_id) == ""


def test_a_simulator_has_no_dashboard() -> None:
    simulated = provider_of("test", StripeConfig(account="acct_1", base_url=TEST))
    assert simulated.page_url("customer", "cus_1") == ""
