"""Stripe's adapter on a simulated Stripe, and the means to play everybody else.

All that passes is compared with Stripe's OpenAPI document, where it is there.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx

from purchase_contract_tests.provider import Discount, Key, ProviderBench, Trouble, Webhook
from purchase_core.instants import Instant
from purchase_core.ports.provider import Connection, Headers, ProviderCheckout
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_simulators.stripe import paying, playing
from purchase_simulators.stripe.cards import GOOD_CARD
from purchase_simulators.stripe.openapi import CheckedStripe, document_in
from purchase_simulators.stripe.signature import signed_headers
from purchase_simulators.stripe.simulator import DEFAULT_ACCOUNT
from purchase_simulators.stripe.testing import API_KEY
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault
from purchase_stripe.adapter import StripeProvider
from purchase_stripe.client import StripeCalls
from purchase_stripe.config import StripeConfig

SPECS = Path(os.environ.get("PURCHASE_SPECS_FOLDER") or Path(__file__).parents[5] / "shared" / "specs")
START = Instant(1_790_000_000_000_000)
NEIGHBOUR_KEY, REVOKED_KEY = (
    Secret("sk_test_neighbour0123456789beef"),
    Secret("sk_test_revoked0123456789dead"),
)
SECRETS = {
    key: Secret(f"whsec_{key}_0123456789abcdefghijklmn" if key is not Key.EMPTY else "") for key in Key
}
FAULTS = {
    Trouble.BUSY: Fault.BUSY,
    Trouble.BROKEN: Fault.BROKEN,
    Trouble.GARBLED: Fault.GARBLED,
    Trouble.LOST_ANSWER: Fault.LOST_ANSWER,
}


async def no_pause(seconds: float) -> None:
    """Instead of sleeping."""


class StripeBench(ProviderBench):
    """Three adapters on one account of a simulated Stripe."""

    def __init__(self, harness: CheckedStripe) -> None:
        self.harness = harness
        self.provider = self.opened("shop", API_KEY)
        self.neighbour = self.opened("neighbour", NEIGHBOUR_KEY)
        self.locked_out = self.opened("shop", REVOKED_KEY)

    def opened(self, project: str, api_key: Secret) -> StripeProvider:
        config = StripeConfig(DEFAULT_ACCOUNT, base_url=self.harness.url)
        calls = StripeCalls(config, api_key, self.harness.clock, pause=no_pause)
        connection = Connection("stripe", "stripe", "test", project, "dev")
        return StripeProvider(connection, config, calls, (SECRETS[Key.NEW], SECRETS[Key.OLD]))

    def now(self) -> Instant:
        return self.harness.clock.now()

    def sign(self, body: bytes, *, at: Instant, keys: Sequence[Key] = (Key.NEW,)) -> Headers:
        return signed_headers(body, at=at, secrets=[SECRETS[key] for key in keys])

    def confidential(self) -> Sequence[str]:
        secrets = (API_KEY, NEIGHBOUR_KEY, REVOKED_KEY, *SECRETS.values())
        return [one.reveal() for one in secrets if one.reveal()]

    async def pay(self, checkout: ProviderCheckout) -> None:
        self.harness.pay(checkout.id)

    async def sent(self) -> Sequence[Webhook]:
        return [Webhook(one.body, one.headers) for one in self.harness.webhooks()]

    async def advance(self, seconds: int) -> None:
        self.harness.advance(seconds=seconds)

    def misdirected(self, body: bytes) -> Mapping[str, bytes]:
        event = json.loads(body)
        return {
            "of another account, by Connect": json.dumps(event | {"account": "acct_other"}).encode(),
            "live, on a connection for tests": json.dumps(event | {"livemode": True}).encode(),
        }

    # --- by capability ---------------------------------------------------------------------------

    async def pay_slowly(self, checkout: ProviderCheckout, *, arrives: bool) -> None:
        self.harness.pay(checkout.id, "debit" if arrives else "debit_bounces")

    async def fail_payments(self, subscription: str) -> None:
        playing.use_card(self.harness.account.book, subscription, "fails_later")

    async def recover_payments(self, subscription: str) -> None:
        playing.use_card(self.harness.account.book, subscription, GOOD_CARD)
        self.harness.advance(seconds=1)  # nobody is as fast as Stripe's clock is coarse
        playing.pay_debts(self.harness.account.book, subscription)

    async def accept(self, checkout: ProviderCheckout) -> None:
        paying.pay_without_method(self.harness.account.book, checkout.id)

    async def discount(self, percent: int) -> Discount:
        made = playing.make_discount(self.harness.account.book, percent, f"SAVE{percent}")
        return Discount(made.id, made.code)

    async def pay_with_code(self, checkout: ProviderCheckout, code: str) -> None:
        paying.apply_code(self.harness.account.book, checkout.id, code)
        self.harness.pay(checkout.id)

    async def delete_customer(self, customer: str) -> None:
        async with httpx.AsyncClient(base_url=self.harness.url, auth=(API_KEY.reveal(), "")) as client:
            (await client.delete(f"/v1/customers/{customer}")).raise_for_status()

    async def return_refund(self, refund: str) -> None:
        playing.return_refund(self.harness.account.book, refund)

    async def dispute(self, invoice: str, status: str) -> None:
        playing.dispute(self.harness.account.book, invoice, status)

    # --- troubles --------------------------------------------------------------------------------

    def trouble(self, kind: Trouble) -> AbstractAsyncContextManager[None]:
        return self._unreachable() if kind is Trouble.UNREACHABLE else self._meeting(FAULTS[kind])

    @asynccontextmanager
    async def _unreachable(self) -> AsyncIterator[None]:
        await self.harness.server.stop()
        try:
            yield
        finally:
            await self.harness.server.start()

    @asynccontextmanager
    async def _meeting(self, fault: Fault) -> AsyncIterator[None]:
        self.harness.chaos.set(fault, CERTAIN_PPM)
        try:
            yield
        finally:
            self.harness.chaos.clear()


@asynccontextmanager
async def opened() -> AsyncIterator[StripeBench]:
    """A bench over an account of its own."""
    harness = CheckedStripe(ManualClock(START), document_in(SPECS), (SECRETS[Key.NEW], SECRETS[Key.OLD]))
    async with harness:
        harness.simulator.allow(harness.account, NEIGHBOUR_KEY)
        harness.save_portal()
        bench = StripeBench(harness)
        try:
            yield bench
        finally:
            for one in (bench.provider, bench.neighbour, bench.locked_out):
                await one.aclose()
