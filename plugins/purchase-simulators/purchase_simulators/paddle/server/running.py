"""A Paddle simulator that runs in the present event loop, on loopback, for as long as a block lasts."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from starlette.types import ASGIApp

from purchase_core.errors import InvalidArgument
from purchase_simulators.paddle.book import Event
from purchase_simulators.paddle.sender import NotificationSender
from purchase_simulators.paddle.simulator import PaddleSimulator
from purchase_simulators.wire.embedded import LOOPBACK, EmbeddedServer
from purchase_simulators.wire.running import TICK_SECONDS, is_loopback, unexcited

from .app import application


class PaddleServer:
    """`async with PaddleServer(simulator) as server:` serves it at `server.url` until the block ends.

    Notifications are sent in the background; with `deliver=False` only when `server.sender.send_due()` is
    awaited. `app` is what is served, if it is not the simulator's application as such. Any other host than
    loopback is refused unless `expose` says that it is meant.
    """

    sender: NotificationSender

    def __init__(
        self,
        simulator: PaddleSimulator,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        expose: bool = False,
        deliver: bool = True,
        app: ASGIApp | None = None,
    ) -> None:
        if not (expose or is_loopback(host)):
            raise InvalidArgument(
                f"a simulator does not listen on {host!r}: whoever reaches it can pay for free",
                hint="Listen on 127.0.0.1, or say that it is meant (--expose).",
            )
        self.simulator = simulator
        self._server = EmbeddedServer(
            unexcited(app or application(simulator)), host=host, port=port, date_header=False
        )
        self._deliver = deliver
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
        self.sender = NotificationSender(self.simulator)
        if self._deliver:
            self.simulator.listeners.append(self._wake)
            self._sending = asyncio.create_task(self._send_for_ever(), name="notifications")

    async def stop(self) -> None:
        """Listen no more, and send no more. What the accounts hold stays."""
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()
            await asyncio.wait([sending])
            self.simulator.listeners.remove(self._wake)
        await self._server.stop()
        await self.sender.aclose()
        if sending is not None and not sending.cancelled():
            sending.result()  # it failed earlier: say so

    def _wake(self, event: Event) -> None:
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
