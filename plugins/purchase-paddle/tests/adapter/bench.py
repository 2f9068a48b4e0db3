"""Paddle's adapter on a simulated Paddle, and the means to play everybody else, over HTTP on loopback."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx

from purchase_contract_tests.provider import (
    Discount,
    Key,
    ProviderBench,
    Trouble,
    Webhook,
)
from purchase_core.instants import Instant
from purchase_core.ports.provider import Connection, Headers, ProviderCheckout
from purchase_core.secret import Secret
from purchase_paddle.page import CheckoutPage
from purchase_paddle.testing import API_KEY, MANY, PaddleHarness
from purchase_simulators.paddle import adjustments, catalog, customers, paying, renewing, requests
from purchase_simulators.paddle.conformance import PaddleDocument
from purchase_simulators.paddle.settings import Settings
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault

NEIGHBOUR = Connection("paddle", "paddle", "test", "neighbour", "dev")
NEIGHBOUR_KEY = Secret("pdl_sdbx_apikey_other_0123456789")
REVOKED_KEY = Secret("pdl_sdbx_apikey_revoked_0123456789")
SECRETS = {
    key: Secret(f"pdl_ntfset_{key}_0123456789abcdefghij" if key is not Key.EMPTY else "") for key in Key
}
FAULTS = {Trouble.BUSY: Fault.BUSY, Trouble.BROKEN: Fault.BROKEN, Trouble.GARBLED: Fault.GARBLED}


class Losing(httpx.AsyncHTTPTransport):
    """A network that loses the answers of changes, as long as it is told to."""

    losing = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if self.losing and request.method != "GET":
            await response.aclose()
            raise httpx.ReadError("the answer was lost", request=request)
        return response


class PaddleBench(ProviderBench):
    """Three adapters on one account of a simulator that listens on a port of its own."""

    def __init__(self, harness: PaddleHarness) -> None:
        self.harness, self.book, self.network = harness, harness.book, Losing()
        self._slow: list[tuple[str, str]] = []  # transactions whose money is under way, and what refuses it
        harness.simulator.allow(harness.account, NEIGHBOUR_KEY)
        self.provider = harness.open(network=self.network)
        self.neighbour = harness.open(NEIGHBOUR, api_key=NEIGHBOUR_KEY)
        self.locked_out = harness.open(api_key=REVOKED_KEY)

    def now(self) -> Instant:
        return self.harness.clock.now()

    def sign(self, body: bytes, *, at: Instant, keys: Sequence[Key] = (Key.NEW,)) -> Headers:
        return self.harness.sign(body, at, [SECRETS[key] for key in keys])

    def confidential(self) -> Sequence[str]:
        secrets = (API_KEY, NEIGHBOUR_KEY, REVOKED_KEY, *SECRETS.values())
        return [one.reveal() for one in secrets if one.reveal()]

    async def pay(self, checkout: ProviderCheckout) -> None:
        self.harness.pay(checkout.id)

    async def sent(self) -> Sequence[Webhook]:
        return [Webhook(one.body, one.headers) for one in self.harness.webhooks()]

    async def advance(self, seconds: int) -> None:
        self.harness.advance(seconds=seconds)
        slow, self._slow = self._slow, []
        for transaction, refusal in slow:
            paying.arrived(self.book, transaction, refusal=refusal)

    def trouble(self, kind: Trouble) -> AbstractAsyncContextManager[None]:
        if kind is Trouble.UNREACHABLE:
            return self._unreachable()
        return self._losing() if kind is Trouble.LOST_ANSWER else self._meeting(FAULTS[kind])

    async def pay_slowly(self, checkout: ProviderCheckout, *, arrives: bool) -> None:
        self.harness.pay(checkout.id, "slow")
        self._slow.append((checkout.id, "" if arrives else "declined"))

    async def fail_payments(self, subscription: str) -> None:
        self.book.note(subscription)["card"] = "fails_later"

    async def recover_payments(self, subscription: str) -> None:
        self.book.note(subscription)["card"] = "pays"
        for owed in renewing.past_due(self.book, self.book.find("sub", subscription)):
            paying.checkout(self.book, owed["id"])

    async def discount(self, percent: int) -> Discount:
        asked = requests.Discount(description="Off", type="percentage", amount=str(percent), code="OFF")
        made = catalog.add_discount(self.book, asked)
        return Discount(made["id"], made["code"])

    async def pay_with_code(self, checkout: ProviderCheckout, code: str) -> None:
        """As a buyer does: through the page of ours, which says whether codes are taken."""
        page = httpx.ASGITransport(CheckoutPage(self.provider))
        async with httpx.AsyncClient(transport=page, base_url="http://127.0.0.1") as http:
            shown = (await http.get(checkout.url)).text
        (link,) = re.findall(r'id="pay" href="([^"]+)"', shown)
        async with httpx.AsyncClient(trust_env=False) as http:
            form = await http.get(link.replace("&amp;", "&"))
            assert 'name="code"' in form.text, "the page takes no code"
            data = {"code": code, "country": "US"}
            paid = await http.post(link.replace("&amp;", "&"), data=data)
        assert paid.status_code == 303, paid.text

    async def delete_customer(self, customer: str) -> None:
        customers.change_customer(self.book, customer, requests.Customer(status="archived"))

    async def decide_refund(self, refund: str, *, approved: bool) -> None:
        adjustments.decide(self.book, refund, approved=approved)

    async def return_refund(self, refund: str) -> None:
        adjustments.reverse(self.book, refund)

    async def dispute(self, invoice: str, status: str) -> None:
        if status != "won":
            adjustments.charge_back(self.book, invoice, warning=status == "inquiry")
            return
        for one in self.book.rows("adj"):
            held = one["action"] in adjustments.REVERSES and one["status"] == "approved"
            if one["transaction_id"] == invoice and held:
                adjustments.reverse(self.book, one["id"])

    @asynccontextmanager
    async def _unreachable(self) -> AsyncIterator[None]:
        await self.harness.server.stop()
        try:
            yield
        finally:
            await self.harness.server.start()

    @asynccontextmanager
    async def _losing(self) -> AsyncIterator[None]:
        self.network.losing = True
        try:
            yield
        finally:
            self.network.losing = False

    @asynccontextmanager
    async def _meeting(self, fault: Fault) -> AsyncIterator[None]:
        conformance = self.harness.conformance
        self.harness.simulator.chaos.set(fault, CERTAIN_PPM)
        if conformance is not None:
            conformance.watching = False  # what is broken on purpose agrees with nothing
        try:
            yield
        finally:
            self.harness.simulator.chaos.clear()
            if conformance is not None:
                conformance.watching = True


@asynccontextmanager
async def opened(document: PaddleDocument | None = None) -> AsyncIterator[PaddleBench]:
    """A bench over an account of its own, which agrees with Paddle's document, if there is one."""
    settings = Settings(approval=None, requests_per_minute=MANY, destinations_max=100)
    secrets = (SECRETS[Key.NEW], SECRETS[Key.OLD])
    async with PaddleHarness(document=document, settings=settings, secrets=secrets) as harness:
        yield PaddleBench(harness)
        if harness.conformance is not None:
            assert harness.conformance.problems == []
