"""A Paddle simulator for tests, with an adapter opened on it and time in the test's hands.

    async with PaddleHarness() as paddle:
        customer = await paddle.provider.ensure_customer(CustomerRequest("ana", "ana@example.com"), key="c")
        ...
        paddle.pay(checkout.id)
        for webhook in paddle.webhooks():
            ...  # hand webhook.body and webhook.headers to the application
        paddle.advance(days=31)

It listens on 127.0.0.1, sleeps never, and needs the distribution purchase-simulators. Imports no pytest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import attrs
import httpx
import msgspec
from starlette.types import ASGIApp

from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.ports.provider import Connection, Headers
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_simulators.paddle import paying
from purchase_simulators.paddle.cards import GOOD_CARD
from purchase_simulators.paddle.conformance import Conformance, PaddleDocument
from purchase_simulators.paddle.server.app import application
from purchase_simulators.paddle.server.running import PaddleServer
from purchase_simulators.paddle.settings import Settings
from purchase_simulators.paddle.shapes import Document
from purchase_simulators.paddle.signature import signed_headers
from purchase_simulators.paddle.simulator import PaddleSimulator

from .adapter import PaddleProvider
from .client import PaddleClient
from .config import PaddleConfig

START = Instant(1_790_000_000_000_000)
API_KEY = Secret("pdl_sdbx_apikey_harness_0123456789abcdef")
WEBHOOK_SECRET = Secret("pdl_ntfset_harness_0123456789abcdefghijklmnop")
CONNECTION = Connection("paddle", "paddle", "test", "shop", "dev")
CHECKOUT_URL = "http://127.0.0.1/pay"
NOT_PADDLES = ("/simulator/", "/sandbox/", "/checkout", "/portal/")
MANY = 1_000_000


@attrs.frozen
class Webhook:
    """A delivery as it arrives: the raw body, and headers with names in lower case."""

    body: bytes
    headers: Headers


class PaddleHarness:
    """A simulator with one account, and `provider`, an adapter opened on it.

    With Paddle's own document, everything that is sent and answered is held against it (`conformance`).
    Refunds wait until somebody decides, and requests are not counted, unless `settings` say otherwise.
    """

    provider: PaddleProvider

    def __init__(
        self,
        *,
        document: PaddleDocument | None = None,
        settings: Settings | None = None,
        secrets: Sequence[Secret] = (WEBHOOK_SECRET,),
    ) -> None:
        self.clock = ManualClock(START)
        self.simulator = PaddleSimulator(clock=self.clock, seed=1, on_stamp=self._keep_up)
        settings = settings or Settings(approval=None, requests_per_minute=MANY)
        self.account = self.simulator.open_account("harness", [API_KEY], settings)
        self.book = self.account.book
        self.secrets = tuple(secrets)
        app: ASGIApp = application(self.simulator)
        self.conformance = Conformance(app, document, ignored=NOT_PADDLES) if document else None
        self.server = PaddleServer(self.simulator, deliver=False, app=self.conformance or app)
        self._opened: list[PaddleProvider] = []
        self._told = 0

    async def __aenter__(self) -> Self:
        await self.server.start()
        self.provider = self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        for provider in self._opened:
            await provider.aclose()
        await self.server.stop()

    def open(
        self,
        connection: Connection = CONNECTION,
        *,
        api_key: Secret = API_KEY,
        network: httpx.AsyncBaseTransport | None = None,
        checkout_url: str = CHECKOUT_URL,
    ) -> PaddleProvider:
        """One more adapter on the same account, closed with the harness."""
        config = PaddleConfig(base_url=self.server.url, checkout_url=checkout_url)
        client = PaddleClient(config, connection.mode, api_key, self.clock, transport=network, pause=no_pause)
        provider = PaddleProvider(connection, config, client, self.secrets)
        self._opened.append(provider)
        return provider

    def pay(self, transaction: str, card: str = GOOD_CARD, **buyer: str) -> Document:
        """What the buyer does on the checkout page. Raises Refusal if the page would take no payment."""
        return paying.checkout(self.book, transaction, card, **buyer)

    def advance(self, *, days: int = 0, seconds: int = 0) -> Instant:
        """Let time pass: trials end, subscriptions renew. Returns the new time."""
        self.clock.set_to(Instant(self.clock.now() + days * DAY + seconds * SECOND))
        self.account.catch_up()
        return self.clock.now()

    def webhooks(self) -> list[Webhook]:
        """What was sent since this was last asked, in the order of sending, signed now."""
        self.account.catch_up()
        fresh, self._told = self.book.events[self._told :], len(self.book.events)
        bodies = [
            msgspec.json.encode(event.document() | {"notification_id": self.simulator.ids.new("ntf")})
            for event in fresh
        ]
        for body in bodies:
            if self.conformance is not None:
                self.conformance.event(body)
        return [Webhook(body, self.sign(body)) for body in bodies]

    def sign(
        self, body: bytes, at: Instant | None = None, secrets: Sequence[Secret] | None = None
    ) -> Headers:
        """The headers that Paddle would send with a body; by default now, with the harness's secrets."""
        keys = [one.reveal() for one in (self.secrets if secrets is None else secrets)]
        return signed_headers(body, at=self.clock.now() if at is None else at, secrets=keys)

    def _keep_up(self, stamp: Instant) -> None:
        if stamp > self.clock.now():
            self.clock.set_to(stamp)


async def no_pause(seconds: float) -> None:
    """Instead of sleeping."""
