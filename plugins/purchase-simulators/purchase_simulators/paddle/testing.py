"""A Paddle simulator for tests: in this process, with time in the test's hands. Imports no pytest.

with Desk() as desk:
    price = desk.price(amount=1_200)
    transaction = desk.post("/transactions", {"items": [{"price_id": price["id"], "quantity": 1}]})
    desk.pay(transaction["id"])
    desk.advance(days=31)
    desk.events()          # what was told since this was last asked
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Self

import attrs
import httpx
from starlette.types import ASGIApp

from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_simulators.wire.chaos import Chaos

from . import paying
from .book import Event
from .cards import GOOD_CARD
from .conformance import NOT_PADDLES, Conformance, PaddleDocument
from .server.app import application
from .settings import Settings
from .shapes import Document
from .simulator import PaddleSimulator

API_KEY = Secret("pdl_sdbx_apikey_desk_0123456789abcdef")
START = Instant(1_790_000_000_000_000)
URL = "https://api.paddle.test"


@attrs.frozen
class Refused(Exception):
    """Paddle said no."""

    status: int
    code: str
    detail: str
    errors: tuple[tuple[str, str], ...]


class Desk:
    """One account, called over the whole HTTP application, but over no socket.

    With Paddle's document, everything that goes through is held against it (`conformance.problems`).
    """

    def __init__(
        self,
        document: PaddleDocument | None = None,
        *,
        settings: Settings | None = None,
        chaos: Chaos | None = None,
    ) -> None:
        self.clock = ManualClock(START)
        self.simulator = PaddleSimulator(clock=self.clock, seed=1, chaos=chaos, on_stamp=self._keep_up)
        self.account = self.simulator.open_account("desk", [API_KEY], settings)
        self.book = self.account.book
        self.settings = self.book.settings
        self.app: ASGIApp = application(self.simulator)
        self.conformance = Conformance(self.app, document, ignored=NOT_PADDLES) if document else None
        self.headers = {"authorization": f"Bearer {API_KEY.reveal()}", "paddle-version": "1"}
        self._told = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.events()

    # --- calls -----------------------------------------------------------------------------------

    def call(
        self,
        method: str,
        path: str,
        body: Document | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request, and the answer as it came."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.conformance or self.app)
            async with httpx.AsyncClient(transport=transport, base_url=URL) as http:
                return await http.request(method, path, content=content, headers=headers or self.headers)

        return asyncio.run(send())

    def get(self, path: str) -> Any:
        """The data of a GET."""
        return self._data(self.call("GET", path))

    def post(self, path: str, body: Document | None = None) -> Any:
        """The data of a POST."""
        return self._data(self.call("POST", path, body))

    def patch(self, path: str, body: Document) -> Any:
        """The data of a PATCH."""
        return self._data(self.call("PATCH", path, body))

    def refused(self, method: str, path: str, body: Document | bytes | None = None) -> Refused:
        """The refusal of a request. Raises AssertionError if it is not refused."""
        try:
            self._data(self.call(method, path, body))
        except Refused as refused:
            return refused
        message = f"{method} {path} was not refused"
        raise AssertionError(message)

    # --- a sale ----------------------------------------------------------------------------------

    def customer(self, email: str = "ana@example.com") -> Document:
        """A new customer."""
        found: Document = self.post("/customers", {"email": email})
        return found

    def price(self, amount: int = 1_200, interval: str = "month", **fields: object) -> Document:
        """A new price of a new product; no interval: paid once."""
        product = self.post("/products", {"name": "App Pro", "tax_category": "standard"})
        body: Document = {
            "description": "App Pro",
            "product_id": product["id"],
            "unit_price": {"amount": str(amount), "currency_code": "USD"},
            "billing_cycle": {"interval": interval, "frequency": 1} if interval else None,
        }
        found: Document = self.post("/prices", body | fields)
        return found

    def transaction(self, *prices: Document, quantity: int = 1, **fields: object) -> Document:
        """A new transaction of some prices; of a monthly one, if none is given."""
        chosen = prices or (self.price(),)
        items = [{"price_id": one["id"], "quantity": quantity} for one in chosen]
        found: Document = self.post("/transactions", {"items": items, **fields})
        return found

    def pay(self, transaction: str, card: str = GOOD_CARD, **buyer: str) -> Document:
        """What the buyer does on the checkout page; the transaction afterwards. Raises Refusal."""
        paying.checkout(self.book, transaction, card, **buyer)
        found: Document = self.get(f"/transactions/{transaction}")
        return found

    def sold(self, *prices: Document, card: str = GOOD_CARD, **fields: Any) -> Document:
        """A transaction that was paid."""
        return self.pay(self.transaction(*prices, **fields)["id"], card)

    def subscribed(self, *prices: Document, card: str = GOOD_CARD, **fields: Any) -> Document:
        """A subscription that was just bought."""
        found: Document = self.get(
            f"/subscriptions/{self.sold(*prices, card=card, **fields)['subscription_id']}"
        )
        return found

    # --- time, and what is told ------------------------------------------------------------------

    def advance(self, *, days: int = 0, seconds: int = 0) -> None:
        """Let time pass: trials end, subscriptions renew, refunds are approved."""
        self.clock.set_to(Instant(self.clock.now() + days * DAY + seconds * SECOND))
        self.simulator.catch_up()

    def events(self) -> list[Event]:
        """What happened since this was last asked."""
        fresh = self.book.events[self._told :]
        self._told = len(self.book.events)
        if self.conformance is not None:
            for event in fresh:
                body = event.document() | {"notification_id": self.simulator.ids.new("ntf")}
                self.conformance.event(json.dumps(body).encode())
        return fresh

    def told(self) -> list[str]:
        """The types of what happened since this was last asked."""
        return [event.type for event in self.events()]

    def _data(self, response: httpx.Response) -> Any:
        if response.status_code == 204:  # noqa: PLR2004
            return None
        body = response.json()
        if response.is_success:
            return body["data"]
        error = body["error"]
        errors = tuple((one["field"], one["message"]) for one in error.get("errors", ()))
        raise Refused(response.status_code, error["code"], error["detail"], errors)

    def _keep_up(self, stamp: Instant) -> None:
        if stamp > self.clock.now():
            self.clock.set_to(stamp)
