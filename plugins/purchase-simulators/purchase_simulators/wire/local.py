"""A provider on this machine, for those who try things out: serve it, connect it, play with it.

Each provider has one (`local.py` beside its simulator), so that a demo and a command line need to know none
of them apart.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar, Protocol, Self

import attrs

from purchase_core.instants import Clock, Instant, SystemClock
from purchase_core.secret import Secret

from .chaos import Chaos
from .comparing import Documents
from .deliveries import Attempt, Delivery, Endpoint, JournalEvent
from .embedded import LOOPBACK
from .panel import Played, Telling

KEY_BYTES = 24


class Server(Protocol):
    """Serves a simulator, and sends its webhooks."""

    @property
    def url(self) -> str:
        """Where it listens."""

    async def start(self) -> None:
        """Listen; again at the same address, if it was stopped."""

    async def stop(self) -> None:
        """Listen no more."""

    @property
    def quiet(self) -> asyncio.Lock:
        """Held while webhooks are sent."""


@attrs.frozen
class Happened:
    """Something happened at the provider. `about`: the id of its main object."""

    id: str
    type: str
    about: str
    at: Instant


@attrs.frozen
class Sent:
    """A webhook was tried. `status` 0: there was no answer, and `problem` says why."""

    id: str
    event: str
    type: str
    state: str
    status: int
    problem: str
    at: Instant


@attrs.frozen
class Wanted:
    """How a provider is to run. `account` "": the usual one; without an `api_key`, one is made.

    `approve_refunds`: refunds stay pending until somebody agrees. `on_event` and `on_sent` hear what happens.
    `documents`: what passes is compared with the provider's own, if it has one that can be compared with.
    """

    host: str = LOOPBACK
    port: int = 0
    expose: bool = False
    account: str = ""
    api_key: Secret | None = None
    approve_refunds: bool = False
    on_event: Callable[[Happened], None] | None = None
    on_sent: Callable[[Sent], None] | None = None
    documents: Documents | None = None


class LocalProvider(ABC):
    """A provider with one account. `async with` it: it listens at `url`, and sends webhooks by itself.

    `plugin` is the adapter that speaks to it, `title` what people call it, `key_prefix` how its keys begin,
    `played` its time, its chaos, and events by hand.
    """

    plugin: ClassVar[str]
    title: ClassVar[str]
    key_prefix: ClassVar[str]
    played: Played

    def __init__(
        self, wanted: Wanted | None = None, *, clock: Clock | None = None, chaos: Chaos | None = None
    ) -> None:
        asked = wanted or Wanted()
        self.chaos = chaos or Chaos()
        self.api_key = asked.api_key or Secret(f"{self.key_prefix}{secrets.token_hex(KEY_BYTES)}")
        self.is_up = False
        self._server = self._open(asked, clock or SystemClock())

    @abstractmethod
    def _open(self, wanted: Wanted, clock: Clock) -> Server:
        """Make the simulator with its account, `played`, and what serves it."""

    # --- served ----------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._server.url

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self.is_up:
            await self.stop()

    async def start(self) -> None:
        """Listen; again at the same address, if it was stopped."""
        await self._server.start()
        self.is_up = True

    async def stop(self) -> None:
        """Be down: nobody listens, and nothing is sent. What the account holds stays."""
        self.is_up = False
        await self._server.stop()

    @property
    def quiet(self) -> asyncio.Lock:
        """Held while webhooks are sent: whoever holds it finds none on its way."""
        return self._server.quiet

    # --- connected -------------------------------------------------------------------------------

    @property
    @abstractmethod
    def account(self) -> str:
        """The id of its account."""

    @abstractmethod
    def connect(self, url: str, secret: Secret | None = None) -> Secret:
        """Send webhooks there from now on, signed with this secret or one that is made; which it is."""

    @abstractmethod
    def settings(self, checkout_url: str) -> Mapping[str, str]:
        """The keys of a connection that are the adapter's own; `checkout_url`: where its page would be."""

    # --- played with -----------------------------------------------------------------------------

    @abstractmethod
    def redeliver(self) -> int:
        """Send every webhook once more, undisturbed; how many."""

    @abstractmethod
    def is_waiting(self) -> bool:
        """Whether there is a webhook that has not arrived and is still to be sent."""

    @abstractmethod
    def payments(self) -> int:
        """How many payments it has taken, by its own books."""


class DeliveringProvider(LocalProvider):
    """A provider whose account tells of what happens by `Deliveries`; `_open` sets it."""

    _account: Telling

    @property
    def account(self) -> str:
        return self._account.id

    def connect(self, url: str, secret: Secret | None = None) -> Secret:
        signing = secret or Secret(f"whsec_{secrets.token_hex(KEY_BYTES)}")
        self._account.deliveries.add(url, signing)
        return signing

    def settings(self, checkout_url: str) -> Mapping[str, str]:
        return {"base_url": self.url, "account": self.account}

    def redeliver(self) -> int:
        self._account.deliveries.plan()
        events = list(self._account.book.events_since(0))
        return sum(len(self._account.deliveries.redeliver(event.id)) for event in events)

    def is_waiting(self) -> bool:
        self._account.deliveries.plan()
        return self._account.deliveries.next_due() is not None


def hearing(wanted: Wanted) -> Callable[[JournalEvent], None]:
    """A listener that passes events on to whoever wanted to hear of them."""

    def happened(event: JournalEvent) -> None:
        if wanted.on_event:
            wanted.on_event(Happened(event.id, event.type, event.about, event.created))

    return happened


def noticing(wanted: Wanted) -> Callable[[Delivery, Endpoint, Attempt], Awaitable[None]]:
    """A notice that passes deliveries on to whoever wanted to hear of them."""

    async def sent(delivery: Delivery, endpoint: Endpoint, attempt: Attempt) -> None:
        if wanted.on_sent:
            state, status = str(delivery.state), attempt.status
            told = Sent(
                delivery.id, delivery.event, delivery.type, state, status, attempt.problem, attempt.at
            )
            wanted.on_sent(told)

    return sent
