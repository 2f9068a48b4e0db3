"""The sandbox's adapter keeps every promise of the provider contract, over HTTP on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from purchase_contract_tests.provider import Key, ProviderBench, ProviderContract, Trouble, Webhook
from purchase_core.instants import Instant
from purchase_core.ports.provider import Connection, Headers, ProviderCheckout
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.adapter import SandboxProvider
from purchase_sandbox.signature import signed_headers
from purchase_sandbox.testing import API_KEY, SandboxHarness
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault

START = Instant(1_790_000_000_000_000)
NEIGHBOUR_KEY, REVOKED_KEY = Secret("sk_sandbox_neighbour_beef"), Secret("sk_sandbox_revoked_dead")
SECRETS = {
    key: Secret(f"whsec_{key}_0123456789abcdefghijklmn" if key is not Key.EMPTY else "") for key in Key
}
FAULTS = {
    Trouble.BUSY: Fault.BUSY,
    Trouble.BROKEN: Fault.BROKEN,
    Trouble.GARBLED: Fault.GARBLED,
    Trouble.LOST_ANSWER: Fault.LOST_ANSWER,
}


class SandboxBench(ProviderBench):
    """Three adapters on one account of a sandbox that listens on a port of its own."""

    def __init__(self, harness: SandboxHarness) -> None:
        self.harness = harness
        self.provider = harness.provider
        self.neighbour = harness.open(Connection("sandbox", "sandbox", "test", "neighbour", "dev"),
                                      api_key=NEIGHBOUR_KEY)  # fmt: skip
        self.locked_out = harness.open(api_key=REVOKED_KEY)

    def now(self) -> Instant:
        return self.harness.clock.now()

    def sign(self, body: bytes, *, at: Instant, keys: Sequence[Key] = (Key.NEW,)) -> Headers:
        return signed_headers(body, at=at, secrets=[SECRETS[key] for key in keys])

    def confidential(self) -> Sequence[str]:
        secrets = (API_KEY, NEIGHBOUR_KEY, REVOKED_KEY, *SECRETS.values())
        return [one.reveal() for one in secrets if one.reveal()]

    async def pay(self, checkout: ProviderCheckout) -> None:
        await self.harness.pay(checkout.id)

    async def sent(self) -> Sequence[Webhook]:
        return [Webhook(one.body, one.headers) for one in self.harness.webhooks()]

    async def advance(self, seconds: int) -> None:
        self.harness.advance(seconds=seconds)

    def trouble(self, kind: Trouble) -> AbstractAsyncContextManager[None]:
        return self._unreachable() if kind is Trouble.UNREACHABLE else self._meeting(FAULTS[kind])

    @asynccontextmanager
    async def _unreachable(self) -> AsyncIterator[None]:
        assert self.harness.server is not None
        await self.harness.server.stop()
        try:
            yield
        finally:
            await self.harness.server.start()

    @asynccontextmanager
    async def _meeting(self, fault: Fault) -> AsyncIterator[None]:
        self.harness.sandbox.chaos.set(fault, CERTAIN_PPM)
        try:
            yield
        finally:
            self.harness.sandbox.chaos.clear()


class TestSandboxProvider(ProviderContract):
    provider_type = SandboxProvider

    @asynccontextmanager
    async def bench(self) -> AsyncIterator[ProviderBench]:
        secrets = (SECRETS[Key.NEW], SECRETS[Key.OLD])
        async with SandboxHarness(ManualClock(START), secrets=secrets, loopback=True) as harness:
            harness.sandbox.allow(harness.account, NEIGHBOUR_KEY)
            yield SandboxBench(harness)
