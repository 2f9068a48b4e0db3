"""A simulator that runs in the present event loop, on loopback, for as long as a block lasts."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

from purchase_core.errors import InvalidArgument

from .breaking import AnswerCut
from .embedded import LOOPBACK, EmbeddedServer
from .sender import Notice, WebhookSender
from .simulation import Simulation

TICK_SECONDS = 0.25


class Sender(Protocol):
    """Sends what is due, whenever it is told to."""

    async def send_due(self) -> int:
        """How many tries that took."""

    async def aclose(self) -> None:
        """Let go of connections."""


class Listeners(Protocol):
    """Those who hear of what happens: a list."""

    def append(self, listener: Callable[[object], None], /) -> None: ...

    def remove(self, listener: Callable[[object], None], /) -> None: ...


S = TypeVar("S", bound=Sender)


class BackgroundServer(Generic[S]):
    """`async with server:` serves `app` at `server.url` until the block ends, and sends webhooks meanwhile.

    They leave within a moment of what they tell; with `deliver=False` only when `server.sender.send_due()` is
    awaited. `make_sender` gets the URL that is served. Port 0 takes any free one.

    Any other host than loopback is refused unless `expose` says that it is meant: whoever reaches a simulator
    can pay everything for free.
    """

    sender: S

    def __init__(
        self,
        app: ASGIApp,
        make_sender: Callable[[str], S],
        listeners: Listeners,
        *,
        host: str,
        port: int,
        expose: bool,
        deliver: bool,
        date_header: bool,
    ) -> None:
        if not (expose or is_loopback(host)):
            raise InvalidArgument(
                f"a simulator does not listen on {host!r}: whoever reaches it can pay for free",
                hint="Listen on 127.0.0.1, or say that it is meant (--expose).",
            )
        self._server = EmbeddedServer(unexcited(app), host=host, port=port, date_header=date_header)
        self._make_sender, self._listeners = make_sender, listeners
        self._deliver = deliver
        self._happened = asyncio.Event()
        self._quiet = asyncio.Lock()
        self._sending: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._server.url

    @property
    def quiet(self) -> asyncio.Lock:
        """Held while webhooks are sent: whoever holds it finds none on its way."""
        return self._quiet

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; again at the same address, if it was stopped."""
        await self._server.start()
        self.sender = self._make_sender(self.url)
        if self._deliver:
            self._listeners.append(self._wake)
            self._sending = asyncio.create_task(self._send_for_ever(), name="webhooks")

    async def stop(self) -> None:
        """Listen no more, and send no more. What the accounts hold stays."""
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()
            await asyncio.wait([sending])
            self._listeners.remove(self._wake)
        await self._server.stop()
        await self.sender.aclose()
        if sending is not None and not sending.cancelled():
            sending.result()  # it failed earlier: say so

    def _wake(self, event: object) -> None:
        self._happened.set()

    async def _send_for_ever(self) -> None:
        while True:
            self._happened.clear()
            async with self._quiet:
                await self.sender.send_due()
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._happened.wait()
            except TimeoutError:
                continue  # time alone makes things fall due


class SimulatorServer(BackgroundServer[WebhookSender]):
    """Serves a simulation. `notice` hears of every try of a webhook."""

    def __init__(
        self,
        simulation: Simulation,
        app: ASGIApp,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        expose: bool = False,
        deliver: bool = True,
        notice: Notice | None = None,
        date_header: bool = True,
    ) -> None:
        def sender(url: str) -> WebhookSender:
            simulation.base_url = url
            return WebhookSender(simulation, notice=notice)

        self.simulation = simulation
        super().__init__(
            app,
            sender,
            simulation.listeners,
            host=host,
            port=port,
            expose=expose,
            deliver=deliver,
            date_header=date_header,
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def unexcited(app: ASGIApp) -> ASGIApp:
    """Lets a connection break off without a traceback."""

    async def quiet(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except AnswerCut:
            return

    return quiet
