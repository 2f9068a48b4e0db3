"""The bench of Paddle's adapter: three connections to one account of a simulator that listens on loopback."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path

import httpx
import msgspec

from purchase_contract_tests.provider import Discount, Key, ProviderBench, Trouble, Webhook
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Connection, Headers, ProviderCheckout
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_paddle.adapter import PaddleProvider
from purchase_paddle.client import PaddleClient
from purchase_paddle.config import PaddleConfig
from purchase_simulators.paddle import adjustments, catalog, paying, renewing, requests
from purchase_simulators.paddle.book import Event
from purchase_simulators.paddle.conformance import OPENAPI, Conformance, PaddleDocument
from purchase_simulators.paddle.server.app import application
from purchase_simulators.paddle.server.running import PaddleServer
from purchase_simulators.paddle.settings import Settings
from purchase_simulators.paddle.signature import signed_headers
from purchase_simulators.paddle.simulator import PaddleSimulator
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault

START = Instant(1_790_000_000_000_000)
KEY, NEIGHBOUR_KEY = Secret("pdl_sdbx_apikey_shop_0123456789"), Secret("pdl_sdbx_apikey_other_0123456789")
REVOKED_KEY = Secret("pdl_sdbx_apikey_revoked_0123456789")
SECRETS = {
    key: Secret(f"pdl_ntfset_{key}_0123456789abcdefghij" if key is not Key.EMPTY else "") for key in Key
}
SHOP = Connection("paddle", "paddle", "test", "shop", "dev")
NEIGHBOUR = Connection("paddle", "paddle", "test", "neighbour", "dev")
FAULTS = {Trouble.BUSY: Fault.BUSY, Trouble.BROKEN: Fault.BROKEN, Trouble.GARBLED: Fault.GARBLED}
NOT_PADDLES = ("/simulator/", "/checkout/")
MANY = 1_000_000
SPECS = os.environ.get("PURCHASE_SPECS", "")
DIRECTORY = Path(SPECS) if SPECS not in ("", "required") else Path(__file__).parents[4] / "shared" / "specs"


@cache
def openapi() -> PaddleDocument | None:
    """Paddle's own document, if it is there."""
    path = DIRECTORY / OPENAPI
    return PaddleDocument.load(path) if path.is_file() else None


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
    """Plays buyer, bank, network and clock. With Paddle's document, everything is held against it."""

    provider: PaddleProvider
    neighbour: PaddleProvider
    locked_out: PaddleProvider

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.simulator = PaddleSimulator(clock=self.clock, seed=1, on_stamp=self._keep_up)
        settings = Settings(approval=None, requests_per_minute=MANY, destinations_max=100)
        self.account = self.simulator.open_account("bench", [KEY, NEIGHBOUR_KEY], settings)
        self.book = self.account.book
        app, document = application(self.simulator), openapi()
        self.conformance = Conformance(app, document, ignored=NOT_PADDLES) if document else None
        self.server = PaddleServer(self.simulator, deliver=False, app=self.conformance or app)
        self.network = Losing()
        self._told = 0

    async def __aenter__(self) -> PaddleBench:
        await self.server.start()
        self.provider = self.open(SHOP, KEY, self.network)
        self.neighbour = self.open(NEIGHBOUR, NEIGHBOUR_KEY)
        self.locked_out = self.open(SHOP, REVOKED_KEY)
        return self

    async def __aexit__(self, *exc: object) -> None:
        for provider in (self.provider, self.neighbour, self.locked_out):
            await provider.aclose()
        await self.server.stop()

    def open(
        self, connection: Connection, key: Secret, network: httpx.AsyncBaseTransport | None = None
    ) -> PaddleProvider:
        """An adapter on the account."""
        config = PaddleConfig(base_url=self.server.url, checkout_url="http://127.0.0.1/pay")
        client = PaddleClient(config, connection.mode, key, self.clock, transport=network, pause=no_pause)
        return PaddleProvider(connection, config, client, (SECRETS[Key.NEW], SECRETS[Key.OLD]))

    def now(self) -> Instant:
        return self.clock.now()

    def sign(self, body: bytes, *, at: Instant, keys: Sequence[Key] = (Key.NEW,)) -> Headers:
        return signed_headers(body, at=at, secrets=[SECRETS[key].reveal() for key in keys])

    def confidential(self) -> Sequence[str]:
        secrets = (KEY, NEIGHBOUR_KEY, REVOKED_KEY, *SECRETS.values())
        return [one.reveal() for one in secrets if one.reveal()]

    async def pay(self, checkout: ProviderCheckout) -> None:
        paying.checkout(self.book, checkout.id)

    async def sent(self) -> Sequence[Webhook]:
        self.account.catch_up()
        fresh, self._told = self.book.events[self._told :], len(self.book.events)
        return [self._webhook(event) for event in fresh]

    async def advance(self, seconds: int) -> None:
        self.clock.set_to(Instant(self.clock.now() + seconds * SECOND))
        self.account.catch_up()

    def trouble(self, kind: Trouble) -> AbstractAsyncContextManager[None]:
        if kind is Trouble.UNREACHABLE:
            return self._unreachable()
        return self._losing() if kind is Trouble.LOST_ANSWER else self._meeting(FAULTS[kind])

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

    async def decide_refund(self, refund: str, *, approved: bool) -> None:
        adjustments.decide(self.book, refund, approved=approved)

    async def return_refund(self, refund: str) -> None:
        adjustments.reverse(self.book, refund)

    async def dispute(self, invoice: str, status: str) -> None:
        if status != "won":
            adjustments.charge_back(self.book, invoice, warning=status == "inquiry")
            return
        for one in self.book.rows("adj"):
            held = one["action"].startswith("chargeback") and not one["action"].endswith("reverse")
            if one["transaction_id"] == invoice and held and one["status"] == "approved":
                adjustments.reverse(self.book, one["id"])

    def _webhook(self, event: Event) -> Webhook:
        document = event.document() | {"notification_id": self.simulator.ids.new("ntf")}
        body = msgspec.json.encode(document)
        if self.conformance is not None:
            self.conformance.event(body)
        return Webhook(body, self.sign(body, at=self.now()))

    @asynccontextmanager
    async def _unreachable(self) -> AsyncIterator[None]:
        await self.server.stop()
        try:
            yield
        finally:
            await self.server.start()

    @asynccontextmanager
    async def _losing(self) -> AsyncIterator[None]:
        self.network.losing = True
        try:
            yield
        finally:
            self.network.losing = False

    @asynccontextmanager
    async def _meeting(self, fault: Fault) -> AsyncIterator[None]:
        self.simulator.chaos.set(fault, CERTAIN_PPM)
        if self.conformance is not None:
            self.conformance.watching = False
        try:
            yield
        finally:
            self.simulator.chaos.clear()
            if self.conformance is not None:
                self.conformance.watching = True

    def _keep_up(self, stamp: Instant) -> None:
        if stamp > self.clock.now():
            self.clock.set_to(stamp)


async def no_pause(seconds: float) -> None:
    """Instead of sleeping."""
