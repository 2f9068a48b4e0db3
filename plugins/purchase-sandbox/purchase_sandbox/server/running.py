"""A sandbox that runs in the present event loop, on loopback, for as long as a block lasts."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from purchase_core.errors import InvalidArgument
from purchase_sandbox.account.book import Event
from purchase_sandbox.sandbox import Sandbox
from purchase_sandbox.sender import Notice, WebhookSender

from .app import application
from .breaking import AnswerCut

LOOPBACK = "127.0.0.1"
START_SECONDS_MAX = 10.0
STOP_SECONDS_MAX = 5
BACKLOG = 128
TICK_SECONDS = 0.25


class SandboxServer:
    """`async with SandboxServer(sandbox) as server:` serves it at `server.url` until the block ends.

    Webhooks are sent in the background, within a moment of what they tell; with `deliver=False` only when
    `server.sender.send_due()` is awaited. `notice` hears of every try. Port 0 takes any free one.

    Any other host than loopback is refused unless `expose` says that it is meant: whoever reaches a sandbox
    can pay everything for free.
    """

    sender: WebhookSender

    def __init__(
        self,
        sandbox: Sandbox | None = None,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        expose: bool = False,
        deliver: bool = True,
        notice: Notice | None = None,
    ) -> None:
        if not (expose or is_loopback(host)):
            raise InvalidArgument(
                f"the sandbox does not listen on {host!r}: whoever reaches it can pay for free",
                hint="Listen on 127.0.0.1, or say that it is meant (--expose).",
            )
        self.sandbox = sandbox or Sandbox()
        self._host, self._port = host, port
        self._app = _unexcited(application(self.sandbox))
        self._deliver, self._notice = deliver, notice
        self._happened = asyncio.Event()
        self._server: _Embedded | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def __aenter__(self) -> SandboxServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; again at the same address, if it was stopped."""
        listening = self._bind()
        self._port = listening.getsockname()[1]
        self.sandbox.base_url = self.url
        # No logging of its own: the program around it decides what is logged, and how.
        config = uvicorn.Config(
            self._app,
            lifespan="off",
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS_MAX,
        )
        self._server = _Embedded(config)
        serving = asyncio.create_task(self._server.serve(sockets=[listening]), name="sandbox server")
        self._tasks = [serving]
        async with asyncio.timeout(START_SECONDS_MAX):
            while not self._server.started:
                if serving.done():
                    await serving
                await asyncio.sleep(0)
        self.sender = WebhookSender(self.sandbox, notice=self._notice)
        if self._deliver:
            self.sandbox.listeners.append(self._wake)
            self._tasks.append(asyncio.create_task(self._send_for_ever(), name="sandbox webhooks"))

    async def stop(self) -> None:
        """Listen no more, and send no more. What the accounts hold stays."""
        if self._server is None:
            return
        self._server.tell_to_stop()
        serving, *others = self._tasks
        for task in others:
            task.cancel()
        ended = await asyncio.gather(*others, return_exceptions=True)
        await serving
        if self._wake in self.sandbox.listeners:
            self.sandbox.listeners.remove(self._wake)
        await self.sender.aclose()
        self._server, self._tasks = None, []
        for error in ended:
            if isinstance(error, Exception):  # not the cancellation, which is no Exception
                raise error

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

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # Named TCP, or asyncio would not switch off Nagle's algorithm, and every answer would take 40 ms.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((self._host, self._port))
        except OSError:
            listening.close()
            raise
        listening.listen(BACKLOG)
        listening.settimeout(0)
        return listening


class _Embedded(uvicorn.Server):
    """A server inside a program: it leaves signals alone, and stops when it is told to, not at a tick."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told_to_stop = asyncio.Event()

    def tell_to_stop(self) -> None:
        """Stop listening, and let requests that are under way finish."""
        self.should_exit = True
        self._told_to_stop.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield

    async def main_loop(self) -> None:
        """Nothing to do until the end."""
        await self._told_to_stop.wait()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _unexcited(app: ASGIApp) -> ASGIApp:
    """Lets a connection break off without a traceback."""

    async def quiet(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except AnswerCut:
            return

    return quiet
