"""A sandbox for tests: in this process, with an adapter opened on it, and time in the test's hands.

    clock = ManualClock(START)
    async with SandboxHarness(clock) as sandbox:
        customer = await sandbox.provider.ensure_customer(CustomerRequest("ana"), key="c")
        ...
        await sandbox.pay(checkout.id)
        for webhook in sandbox.webhooks():
            ...  # hand webhook.body and webhook.headers to the application
        sandbox.advance(days=31)

The clock is shared: give the same one to the application. The sandbox moves it on by a microsecond for each
thing that happens, so that nothing that it tells of lies in the application's future.

Nothing listens: calls go through the whole HTTP application, but over no socket. `loopback=True` makes it a
real server on 127.0.0.1. Nothing sleeps. Imports no pytest.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import attrs
import httpx

from purchase_core.identifiers import IdSource, SeededIds
from purchase_core.instants import Instant
from purchase_core.ports.provider import Connection, Headers
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_simulators.wire.breaking import AnswerCut
from purchase_simulators.wire.chaos import CERTAIN_PPM, Chaos, Fault

from .account.account import Account
from .account.cards import GOOD_CARD
from .adapter import SandboxProvider
from .client import SandboxClient
from .config import SandboxConfig
from .sandbox import DEFAULT_ACCOUNT, Sandbox
from .server.app import application
from .server.running import SandboxServer
from .signature import FORM

API_KEY = Secret("sk_sandbox_harness_0123456789abcdef")
WEBHOOK_SECRET = Secret("whsec_harness_0123456789abcdefghijklmnop")
CONNECTION = Connection("sandbox", "sandbox", "test", "shop", "dev")


@attrs.frozen
class Webhook:
    """A delivery as it arrives: the raw body, and headers with names in lower case."""

    body: bytes
    headers: Headers


class SandboxHarness:
    """A sandbox with one account, and `provider`, an adapter opened on it.

    `sandbox` is the whole provider, `account` its account. Until it is entered, no adapter is open.
    """

    provider: SandboxProvider

    def __init__(
        self,
        clock: ManualClock,
        *,
        connection: Connection = CONNECTION,
        secrets: Sequence[Secret] = (WEBHOOK_SECRET,),
        account: str = DEFAULT_ACCOUNT,
        ids: IdSource | None = None,
        chaos: Chaos | None = None,
        loopback: bool = False,
    ) -> None:
        self.clock = clock
        self.sandbox = Sandbox(clock=clock, ids=ids or SeededIds(1), chaos=chaos, on_stamp=self._keep_up)
        self.account: Account = self.sandbox.open_account(account, (API_KEY,))
        self.connection = connection
        self.secrets = tuple(secrets)
        self.server = SandboxServer(self.sandbox, deliver=False) if loopback else None
        self._app = application(self.sandbox)
        self._opened: list[SandboxProvider] = []
        self._told = 0

    async def __aenter__(self) -> SandboxHarness:
        if self.server:
            await self.server.start()
        self.provider = self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for provider in self._opened:
            await provider.aclose()
        if self.server:
            await self.server.stop()

    @property
    def chaos(self) -> Chaos:
        """What goes wrong with calls and webhooks: `chaos.set(Fault.BUSY, CERTAIN_PPM)`, `chaos.clear()`."""
        return self.sandbox.chaos

    @property
    def url(self) -> str:
        """What `base_url` of a connection must be; with `loopback=True`, somebody listens there."""
        return self.sandbox.base_url

    def open(
        self,
        connection: Connection | None = None,
        *,
        api_key: Secret = API_KEY,
        secrets: Sequence[Secret] | None = None,
    ) -> SandboxProvider:
        """One more adapter on the same account, closed with the harness."""
        config = SandboxConfig(base_url=self.sandbox.base_url, account=self.account.id)
        transport = None if self.server else InProcess(httpx.ASGITransport(self._app))
        client = SandboxClient(config, api_key, self.clock, transport=transport, pause=no_pause)
        keys = self.secrets if secrets is None else secrets
        provider = SandboxProvider(connection or self.connection, self.account.id, client, keys)
        self._opened.append(provider)
        return provider

    async def pay(self, session: str, card: str = GOOD_CARD) -> None:
        """The buyer pays, as on the hosted page. Raises Refusal if the page would take no payment."""
        self.account.pay(session, card, authenticated=True)

    def advance(self, *, days: int = 0, seconds: int = 0) -> Instant:
        """Let time pass on the shared clock: trials end, subscriptions renew. Returns the new time."""
        self.clock.advance(days=days, seconds=seconds)
        self.sandbox.catch_up()
        return self.clock.now()

    def webhooks(self) -> list[Webhook]:
        """What was sent since this was last asked, signed now.

        In the order of sending; `chaos` duplicates, drops and reorders it, if it has odds for that.
        """
        self.account.catch_up()
        events = self.account.book.events_since(self._told)
        self._told = self.account.book.newest_event()
        planned = [
            (late, number, event.body)
            for number, event in enumerate(events)
            for late in self.sandbox.chaos.of_webhook()
        ]
        return [Webhook(body, self.sign(body)) for _, _, body in sorted(planned)]

    def sign(
        self, body: bytes, at: Instant | None = None, secrets: Sequence[Secret] | None = None
    ) -> Headers:
        """The headers that the sandbox would send with a body; by default now, with the harness's secrets."""
        when = self.clock.now() if at is None else at
        return FORM.headers(body, at=when, secrets=self.secrets if secrets is None else secrets)

    def _keep_up(self, stamp: Instant) -> None:
        if stamp > self.clock.now():
            self.clock.set_to(stamp)


class InProcess(httpx.AsyncBaseTransport):
    """Carries requests to an application in this process; broken-off answers break off as over a socket."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._inner.handle_async_request(request)
        except AnswerCut:
            raise httpx.RemoteProtocolError("the answer broke off", request=request) from None


async def no_pause(seconds: float) -> None:
    """Instead of sleeping."""


__all__ = [
    "API_KEY",
    "CERTAIN_PPM",
    "CONNECTION",
    "WEBHOOK_SECRET",
    "Chaos",
    "Fault",
    "SandboxHarness",
    "Webhook",
]
