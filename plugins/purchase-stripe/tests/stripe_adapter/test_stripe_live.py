"""The provider contract, asked of Stripe's test mode with a key of yours: `pytest --live`, and never in CI.

`PURCHASE_LIVE_STRIPE_KEY` is a key of test mode; `PURCHASE_LIVE_STRIPE_BASE_URL` leads elsewhere: to the
simulator, as the test below has it.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from purchase_contract_tests.provider import ProviderContract
from purchase_contract_tests.provider.live import LiveBench, key_of_test_mode, setting
from purchase_contract_tests.verify import Verdict, verify
from purchase_core.instants import SystemClock
from purchase_core.ports.provider import Connection
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_simulators.stripe.simulator import DEFAULT_ACCOUNT
from purchase_simulators.stripe.testing import API_KEY, StripeHarness
from purchase_stripe import signature
from purchase_stripe.adapter import StripeProvider
from purchase_stripe.client import StripeCalls
from purchase_stripe.config import LIVE, StripeConfig

STRANGER = Secret("sk_test_revoked0123456789dead")


class LiveStripe(LiveBench):
    """Test mode, or whatever stands in for it."""

    form = signature.FORM

    def __init__(self) -> None:
        self.config = StripeConfig(DEFAULT_ACCOUNT, base_url=setting("STRIPE", "BASE_URL", LIVE))
        super().__init__("stripe", key_of_test_mode("STRIPE", "sk_test_", "rk_test_"), STRANGER)

    def open(self, connection: Connection, key: Secret, signing: tuple[Secret, ...]) -> StripeProvider:
        calls = StripeCalls(self.config, key, self.clock)
        return StripeProvider(connection, self.config, calls, signing)


class TestStripeLive(ProviderContract):
    provider_type = StripeProvider
    shown, live = False, True

    def bench(self) -> LiveStripe:
        return LiveStripe()


def test_the_same_run_on_a_simulator_keeps_what_can_be_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> Counter[Verdict]:
        async with StripeHarness(ManualClock(SystemClock().now())) as stripe:
            stripe.save_portal()
            monkeypatch.setenv("PURCHASE_LIVE_STRIPE_KEY", API_KEY.reveal())
            monkeypatch.setenv("PURCHASE_LIVE_STRIPE_BASE_URL", stripe.url)
            outcomes = await verify(TestStripeLive)
            assert [one.promise for one in outcomes if not one.acceptable] == []
            return Counter(one.verdict for one in outcomes)

    found = asyncio.run(run())
    assert found[Verdict.KEPT] >= 20, found


@pytest.mark.parametrize("key", ["", "sk_live_0123456789abcdef", "pk_test_0123456789abcdef"])
def test_without_a_key_of_test_mode_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("PURCHASE_LIVE_STRIPE_KEY", key)
    verdicts = {one.verdict for one in asyncio.run(verify(TestStripeLive))}
    assert verdicts == {Verdict.UNPLAYED, Verdict.NOT_DECLARED}
