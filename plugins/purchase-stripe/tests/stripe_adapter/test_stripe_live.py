"""The provider contract, asked of Stripe's test mode with a key of yours: `pytest --live`, and never in CI.

`PURCHASE_LIVE_STRIPE_KEY` is a key of test mode; `PURCHASE_LIVE_STRIPE_BASE_URL` leads elsewhere: to the
simulator, as the test below has it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from purchase_contract_tests.provider import Key, ProviderBench, ProviderContract
from purchase_contract_tests.provider.live import LiveBench, key_of_test_mode, setting
from purchase_contract_tests.verify import Verdict, verify
from purchase_core.instants import SystemClock
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
    """Three adapters on the account that a key of test mode opens."""

    form = signature.FORM

    def __init__(self) -> None:
        super().__init__("stripe")
        self.key = key_of_test_mode("STRIPE", "sk_test_", "rk_test_")
        self.config = StripeConfig(DEFAULT_ACCOUNT, base_url=setting("STRIPE", "BASE_URL", LIVE))
        self.provider = self.opened("shop", self.key)
        self.neighbour = self.opened("neighbour", self.key)
        self.locked_out = self.opened("shop", STRANGER)

    def opened(self, project: str, key: Secret) -> StripeProvider:
        calls = StripeCalls(self.config, key, self.clock)
        live = (self.secrets[Key.NEW], self.secrets[Key.OLD])
        return self.distinct(StripeProvider(self.connection(project), self.config, calls, live))

    def confidential(self) -> Sequence[str]:
        secrets = (self.key, STRANGER, *self.secrets.values())
        return [one.reveal() for one in secrets if one.reveal()]


class TestStripeLive(ProviderContract):
    provider_type = StripeProvider
    shown, live = False, True

    @asynccontextmanager
    async def bench(self) -> AsyncIterator[ProviderBench]:
        bench = LiveStripe()
        try:
            yield bench
        finally:
            for one in (bench.provider, bench.neighbour, bench.locked_out):
                await one.aclose()


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
