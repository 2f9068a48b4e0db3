"""The provider contract, asked of Paddle's sandbox with a key of yours: `pytest --live`, and never in CI.

`PURCHASE_LIVE_PADDLE_KEY` is a key of a sandbox account; `PURCHASE_LIVE_PADDLE_BASE_URL` leads elsewhere: to
the simulator, as the test below has it. The account needs a default payment link.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from purchase_contract_tests.provider import ProviderContract
from purchase_contract_tests.provider.live import LiveBench, key_of_test_mode, setting
from purchase_contract_tests.verify import Verdict, verify
from purchase_core.ports.provider import Connection
from purchase_core.secret import Secret
from purchase_paddle import signature
from purchase_paddle.adapter import PaddleProvider
from purchase_paddle.client import PaddleClient
from purchase_paddle.config import SANDBOX_URL, PaddleConfig
from purchase_paddle.testing import API_KEY, PaddleHarness

STRANGER = Secret("pdl_sdbx_apikey_revoked_0123456789")


class LivePaddle(LiveBench):
    """Paddle's sandbox, or whatever stands in for it."""

    form = signature.FORM

    def __init__(self) -> None:
        self.config = PaddleConfig(base_url=setting("PADDLE", "BASE_URL", SANDBOX_URL))
        super().__init__("paddle", key_of_test_mode("PADDLE", "pdl_sdbx_"), STRANGER)

    def open(self, connection: Connection, key: Secret, signing: tuple[Secret, ...]) -> PaddleProvider:
        client = PaddleClient(self.config, "test", key, self.clock)
        return PaddleProvider(connection, self.config, client, signing)


class TestPaddleLive(ProviderContract):
    provider_type = PaddleProvider
    shown, live = False, True

    def bench(self) -> LivePaddle:
        return LivePaddle()


def test_the_same_run_on_a_simulator_keeps_what_can_be_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> Counter[Verdict]:
        async with PaddleHarness() as paddle:
            monkeypatch.setenv("PURCHASE_LIVE_PADDLE_KEY", API_KEY.reveal())
            monkeypatch.setenv("PURCHASE_LIVE_PADDLE_BASE_URL", paddle.server.url)
            outcomes = await verify(TestPaddleLive)
            assert [one.promise for one in outcomes if not one.acceptable] == []
            return Counter(one.verdict for one in outcomes)

    found = asyncio.run(run())
    assert found[Verdict.KEPT] >= 20, found


@pytest.mark.parametrize("key", ["", "pdl_live_apikey_0123456789abcdef"])
def test_without_a_key_of_a_sandbox_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("PURCHASE_LIVE_PADDLE_KEY", key)
    verdicts = {one.verdict for one in asyncio.run(verify(TestPaddleLive))}
    assert verdicts == {Verdict.UNPLAYED, Verdict.NOT_DECLARED}
