"""The provider's side of an incident: what buyers do there, and what it sends; alike on each of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import attrs
import msgspec

from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Headers
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.account.objects import Refund, Session
from purchase_sandbox.testing import API_KEY, WEBHOOK_SECRET, SandboxHarness
from purchase_simulators.paddle import paying
from purchase_simulators.paddle.server.running import PaddleServer
from purchase_simulators.paddle.settings import Settings
from purchase_simulators.paddle.signature import signed_headers
from purchase_simulators.paddle.simulator import PaddleSimulator
from purchase_simulators.stripe import testing as stripe
from purchase_simulators.stripe.objects.checkout import Session as StripeSession
from purchase_simulators.stripe.objects.payments import Refund as StripeRefund
from purchase_simulators.wire.chaos import Chaos

START = Instant(1_790_000_000 * SECOND)
REQUESTS_PER_MINUTE = 10_000  # whoever plays plays fast


class Side(ABC):
    """A provider with one account, that listens on this machine while it is started.

    `key` opens the account, `secret` signs its webhooks. `idle` is a type of event that nobody waits for.
    """

    plugin: ClassVar[str]
    idle: ClassVar[str]
    key: Secret
    secret: Secret
    chaos: Chaos

    def __init__(self) -> None:
        self.clock = ManualClock(START)

    @abstractmethod
    async def start(self) -> None:
        """Listen."""

    @abstractmethod
    async def stop(self) -> None:
        """Listen no more."""

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """The keys of its connection that are its own."""

    @abstractmethod
    def pay(self, session: str) -> None:
        """A buyer pays on the hosted page."""

    @abstractmethod
    def sent(self) -> Sequence[bytes]:
        """The bodies of the webhooks that were sent since this was last asked."""

    @abstractmethod
    def sign(self, body: bytes, secret: Secret) -> Headers:
        """The headers that come with a body that is sent now."""

    @abstractmethod
    def catch_up(self) -> None:
        """Let happen whatever is due by the clock."""

    @abstractmethod
    def pages(self) -> int:
        """How many pages to pay on it has opened."""

    @abstractmethod
    def refunds(self) -> Sequence[int]:
        """What it has given back, or is about to, in minor units."""

    def advance(self, *, days: int = 0, seconds: int = 0) -> None:
        """Let time pass for everybody."""
        self.clock.advance(days=days, seconds=seconds)
        self.catch_up()


class _Harnessed(Side):
    """What has a harness for tests, that listens on this machine."""

    _harness: SandboxHarness | stripe.StripeHarness

    async def start(self) -> None:
        await self._harness.__aenter__()

    async def stop(self) -> None:
        await self._harness.__aexit__(None, None, None)

    def settings(self) -> dict[str, object]:
        return {"base_url": self._harness.url, "account": self._harness.account.id}

    def sent(self) -> Sequence[bytes]:
        return [one.body for one in self._harness.webhooks()]

    def sign(self, body: bytes, secret: Secret) -> Headers:
        return self._harness.sign(body, secrets=[secret])


class SandboxSide(_Harnessed):
    """The sandbox."""

    plugin = "sandbox"
    idle = "checkout.session.created"
    key, secret = API_KEY, WEBHOOK_SECRET

    def __init__(self) -> None:
        super().__init__()
        self._harness = self._sandbox = SandboxHarness(self.clock, loopback=True)
        self._book = self._sandbox.account.book
        self.chaos = self._sandbox.chaos

    def pay(self, session: str) -> None:
        self._sandbox.account.pay(session, "pays", authenticated=True)

    def catch_up(self) -> None:
        self._sandbox.sandbox.catch_up()

    def pages(self) -> int:
        return sum(1 for _ in self._book.all(Session))

    def refunds(self) -> Sequence[int]:
        return [one.amount for one in self._book.all(Refund) if one.status != "failed"]


class StripeSide(_Harnessed):
    """A simulated Stripe."""

    plugin = "stripe"
    idle = "customer.created"
    key, secret = stripe.API_KEY, stripe.WEBHOOK_SECRET

    def __init__(self) -> None:
        super().__init__()
        self._harness = self._stripe = stripe.StripeHarness(self.clock)
        self._book = self._stripe.account.book
        self.chaos = self._stripe.chaos

    def pay(self, session: str) -> None:
        self._stripe.pay(session)

    def catch_up(self) -> None:
        self._stripe.simulator.catch_up()

    def pages(self) -> int:
        return sum(1 for _ in self._book.all(StripeSession))

    def refunds(self) -> Sequence[int]:
        return [one.amount for one in self._book.all(StripeRefund) if one.status != "failed"]


class PaddleSide(Side):
    """A simulated Paddle."""

    plugin = "paddle"
    idle = "transaction.ready"
    key = Secret("pdl_sdbx_apikey_incident_0123456789abcdef")
    secret = Secret("pdl_ntfset_incident_0123456789abcdefghijklmnop")

    def __init__(self) -> None:
        super().__init__()
        self._simulator = PaddleSimulator(clock=self.clock, seed=1, on_stamp=self._keep_up)
        settings = Settings(requests_per_minute=REQUESTS_PER_MINUTE)
        self._account = self._simulator.open_account("incident", [self.key], settings)
        self._server = PaddleServer(self._simulator, deliver=False)
        self._told = 0
        self.chaos = self._simulator.chaos

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    def settings(self) -> dict[str, object]:
        return {"base_url": self._server.url, "checkout_url": "http://127.0.0.1/pay"}

    def pay(self, session: str) -> None:
        paying.checkout(self._account.book, session, "pays")

    def sent(self) -> Sequence[bytes]:
        self._account.catch_up()
        events = self._account.book.events
        fresh, self._told = events[self._told :], len(events)
        return [
            msgspec.json.encode(one.document() | {"notification_id": self._simulator.ids.new("ntf")})
            for one in fresh
        ]

    def sign(self, body: bytes, secret: Secret) -> Headers:
        return signed_headers(body, at=self.clock.now(), secrets=[secret.reveal()])

    def catch_up(self) -> None:
        self._simulator.catch_up()

    def pages(self) -> int:
        return len(self._account.book.rows("txn"))

    def refunds(self) -> Sequence[int]:
        rows = self._account.book.rows("adj")
        return [int(one["totals"]["total"]) for one in rows if one["action"] == "refund"]

    def _keep_up(self, stamp: Instant) -> None:
        if stamp > self.clock.now():
            self.clock.set_to(stamp)


SIDES: dict[str, type[Side]] = {one.plugin: one for one in (SandboxSide, StripeSide, PaddleSide)}


@attrs.frozen
class Sent:
    """A webhook, and the secret that it was signed with; signed when it arrives, as senders do."""

    body: bytes
    secret: Secret
