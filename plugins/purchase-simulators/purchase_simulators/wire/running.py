"""A simulator that runs in the present event loop, on loopback, for as long as a block lasts."""

from __future__ import annotations

import asyncio
import ipaddress
from types import TracebackType
from typing import Self

from starlette.types import ASGIApp, Receive, Scope, Send

from purchase_core.errors import InvalidArgument

from .breaking import AnswerCut
from .deliveries import JournalEvent
from .embedded import LOOPBACK, EmbeddedServer
from .sender import Notice, WebhookSender
from .simulation import Simulation

TICK_SECONDS = 0.25


class SimulatorServer:
    """`async with SimulatorServer(simulation, app) as server:` serves it at `server.url` for the block.

    Webhooks are sent in the background, within a moment of what they tell; with `deliver=False` only when
    `server.sender.send_due()` is awaited. `notice` hears of every try. Port 0 takes any free one.

    Any other host than loopback is refused unless `expose` says that it is meant: whoever reaches a simulator
    can pay everything for free.
    """

    sender: WebhookSender

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
        if not (expose or is_loopback(host)):
            raise InvalidArgument(
                f"a simulator does not listen on {host!r}: whoever reaches it can pay for free",
                hint="Listen on 127.0.0.1, or say that it is meant (--expose).",
            )
        self.simulation = simulation
        self._server = EmbeddedServer(unexcited(app), host=host, port=port, date_header=date_header)
        self._deliver, self._notice = deliver, notice
        self._happened = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._server.url

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
        self.simulation.base_url = self.url
        self.sender = WebhookSender(self.simulation, notice=self._notice)
        if self._deliver:
            self.simulation.listeners.append(self._wake)
            self._sending = asyncio.create_task(self._send_for_ever(), name="webhooks")

    async def stop(self) -> None:
        """Listen no more, and send no more. What the accounts hold stays."""
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()
            await asyncio.wait([sending])
            self.simulation.listeners.remove(self._wake)
        await self._server.stop()
        await self.sender.aclose()
        if sending is not None and not sending.cancelled():
            sending.result()  # it failed earlier: say so

    def _wake(self, event: JournalEvent) -> None:
        self._happened.set()

    async def _send_for_ever(self) -> None:
        while True:
            self._happened.clear()
            await self.sender.send_due()
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._happened.wait()
            except TimeoutError:
                continue  # time alone makes things fall due


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
