"""A simulated Stripe for tests: on loopback, with time in the test's hands. Imports no pytest, never sleeps.

    clock = ManualClock(START)
    async with StripeHarness(clock) as stripe:
        client = StripeClient(API_KEY.reveal(), base_addresses={"api": stripe.url}, ...)
        ...
        stripe.pay(session.id)
        for webhook in stripe.webhooks():
            ...  # hand webhook.body and webhook.headers to the application
        stripe.advance(days=31)

The clock is shared: give the same one to the application. Stripe moves it on by a microsecond for each thing
that happens, so that nothing that it tells of lies in the application's future.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import attrs
from starlette.types import ASGIApp

from purchase_core.identifiers import IdSource, SeededIds
from purchase_core.instants import Instant
from purchase_core.ports.provider import Headers
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_simulators.wire.chaos import Chaos
from purchase_simulators.wire.running import SimulatorServer

from . import paying, portal
from .account import Account
from .cards import GOOD_CARD
from .objects.checkout import Session
from .server.app import application
from .signature import signed_headers
from .simulator import DEFAULT_ACCOUNT, StripeSimulator

API_KEY = Secret("sk_test_harness0123456789abcdef")
WEBHOOK_SECRET = Secret("whsec_harness_0123456789abcdefghijklmnop")


@attrs.frozen
class Webhook:
    """A delivery as it arrives: the raw body, and headers with names in lower case."""

    body: bytes
    headers: Headers


class StripeHarness:
    """A simulated Stripe with one account. `around` may wrap the application, to look at what passes."""

    def __init__(
        self,
        clock: ManualClock,
        *,
        ids: IdSource | None = None,
        chaos: Chaos | None = None,
        account: str = DEFAULT_ACCOUNT,
        secrets: Sequence[Secret] = (WEBHOOK_SECRET,),
        around: Callable[[ASGIApp], ASGIApp] | None = None,
    ) -> None:
        self.clock = clock
        self.simulator = StripeSimulator(
            clock=clock, ids=ids or SeededIds(1), chaos=chaos, on_stamp=self._keep_up
        )
        self.account: Account = self.simulator.open_account(account, (API_KEY,))
        self.secrets = tuple(secrets)
        app = application(self.simulator)
        self.server = SimulatorServer(
            self.simulator, around(app) if around else app, deliver=False, date_header=False
        )
        self._told = 0

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.server.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.server.url

    @property
    def chaos(self) -> Chaos:
        """What goes wrong with calls and webhooks."""
        return self.simulator.chaos

    def pay(self, session: str, method: str = GOOD_CARD) -> Session:
        """The buyer pays, as on the hosted page. Raises Refusal if the page would take no payment."""
        self.account.catch_up()
        with self.account.book.attempt():
            return paying.pay(self.account.book, session, method, authenticated=True)

    def save_portal(self) -> None:
        """Save the portal's default settings, as in the Dashboard."""
        portal.save_default(self.account.book)

    def advance(self, *, days: int = 0, seconds: int = 0) -> Instant:
        """Let time pass on the shared clock: trials end, subscriptions renew. Returns the new time."""
        self.clock.advance(days=days, seconds=seconds)
        self.simulator.catch_up()
        return self.clock.now()

    def webhooks(self) -> list[Webhook]:
        """What was sent since this was last asked, signed now; duplicated or dropped as chaos wants it."""
        self.account.catch_up()
        events = self.account.book.events_since(self._told)
        self._told = self.account.book.newest_event()
        planned = [
            (late, number, event.body)
            for number, event in enumerate(events)
            for late in self.simulator.chaos.of_webhook()
        ]
        return [Webhook(body, self.sign(body)) for _, _, body in sorted(planned)]

    def sign(
        self, body: bytes, at: Instant | None = None, secrets: Sequence[Secret] | None = None
    ) -> Headers:
        """The headers that Stripe would send with a body; by default now, with the harness's secrets."""
        when = self.clock.now() if at is None else at
        keys = self.secrets if secrets is None else secrets
        return signed_headers(body, at=when, secrets=keys, fake=True)

    def _keep_up(self, stamp: Instant) -> None:
        if stamp > self.clock.now():
            self.clock.set_to(stamp)
