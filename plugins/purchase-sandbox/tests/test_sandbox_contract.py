"""The sandbox's adapter keeps every promise of the provider contract, over HTTP on loopback."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs

from purchase_contract_tests.provider import Discount, Key, ProviderBench, ProviderContract, Trouble, Webhook
from purchase_contract_tests.provider.refunds import Refunds
from purchase_core.instants import Instant
from purchase_core.ports.provider import Connection, Headers, ProviderCheckout
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.account import making, refunds, subscriptions
from purchase_sandbox.account.cards import GOOD_CARD, NO_CARD
from purchase_sandbox.account.requests import MakeDiscount
from purchase_sandbox.adapter import SandboxProvider
from purchase_sandbox.signature import FORM
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
        return FORM.headers(body, at=at, secrets=[SECRETS[key] for key in keys])

    def confidential(self) -> Sequence[str]:
        secrets = (API_KEY, NEIGHBOUR_KEY, REVOKED_KEY, *SECRETS.values())
        return [one.reveal() for one in secrets if one.reveal()]

    async def pay(self, checkout: ProviderCheckout) -> None:
        await self.harness.pay(checkout.id)

    async def sent(self) -> Sequence[Webhook]:
        return [Webhook(one.body, one.headers) for one in self.harness.webhooks()]

    async def advance(self, seconds: int) -> None:
        self.harness.advance(seconds=seconds)

    def misdirected(self, body: bytes) -> Mapping[str, bytes]:
        event = json.loads(body)
        return {
            "of another account": json.dumps(event | {"account": "acct_other"}).encode(),
            "live, on a connection for tests": json.dumps(event | {"mode": "live"}).encode(),
        }

    # --- by capability ---------------------------------------------------------------------------

    async def fail_payments(self, subscription: str) -> None:
        subscriptions.use_card(self.harness.account.book, subscription, "fails_later")

    async def recover_payments(self, subscription: str) -> None:
        subscriptions.use_card(self.harness.account.book, subscription, GOOD_CARD)

    async def accept(self, checkout: ProviderCheckout) -> None:
        await self.harness.pay(checkout.id, NO_CARD)

    async def discount(self, percent: int) -> Discount:
        made = making.make_discount(self.harness.account.book, MakeDiscount(percent, f"SAVE{percent}"))
        return Discount(made.id, made.code)

    async def pay_with_code(self, checkout: ProviderCheckout, code: str) -> None:
        self.harness.account.pay(checkout.id, GOOD_CARD, code=code)

    async def decide_refund(self, refund: str, *, approved: bool) -> None:
        refunds.decide(self.harness.account.book, refund, approved=approved)

    async def return_refund(self, refund: str) -> None:
        refunds.come_back(self.harness.account.book, refund)

    async def dispute(self, invoice: str, status: str) -> None:
        refunds.dispute(self.harness.account.book, invoice, status)

    async def delete_customer(self, customer: str) -> None:
        subscriptions.delete_customer(self.harness.account.book, customer)

    # --- troubles --------------------------------------------------------------------------------

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


class ApprovedSandboxProvider(SandboxProvider):
    """The adapter, of an account in which somebody has to agree to each refund."""

    capabilities = attrs.evolve(SandboxProvider.capabilities, refund_approval=True)


class TestSandboxProviderWithApproval(Refunds):
    """What the contract says of refunds, where they are approved."""

    shown = False
    provider_type = ApprovedSandboxProvider

    @asynccontextmanager
    async def bench(self) -> AsyncIterator[ProviderBench]:
        async with SandboxHarness(ManualClock(START)) as harness:
            harness.sandbox.allow(harness.account, NEIGHBOUR_KEY)
            harness.account.book.refund_approval = True
            bench = SandboxBench(harness)
            opened = harness.provider
            bench.provider = ApprovedSandboxProvider(opened.connection, opened.account, opened._client, ())
            yield bench
