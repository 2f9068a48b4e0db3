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
from purchase_sandbox.sandbox import Sandbox

from .app import application
from .breaking import AnswerCut

LOOPBACK = "127.0.0.1"
START_SECONDS_MAX = 10.0
STOP_SECONDS_MAX = 5
BACKLOG = 128


class SandboxServer:
    """`async with SandboxServer(sandbox) as server:` serves it at `server.url` until the block ends.

    Port 0 takes any free one. Any other host than loopback is refused unless `expose` says that it is meant:
    whoever reaches a sandbox can pay everything for free.
    """

    def __init__(
        self, sandbox: Sandbox | None = None, *, host: str = LOOPBACK, port: int = 0, expose: bool = False
    ) -> None:
        if not (expose or is_loopback(host)):
            raise InvalidArgument(
                f"the sandbox does not listen on {host!r}: whoever reaches it can pay for free",
                hint="Listen on 127.0.0.1, or say that it is meant (--expose).",
            )
        self.sandbox = sandbox or Sandbox()
        self._host, self._port = host, port
        self._app = _unexcited(application(self.sandbox))
        self._server: _Embedded | None = None
        self._task: asyncio.Task[None] | None = None

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
        config = uvicorn.Config(
            self._app,
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS_MAX,
        )
        self._server = _Embedded(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]), name="sandbox server")
        async with asyncio.timeout(START_SECONDS_MAX):
            while not self._server.started:
                if self._task.done():
                    await self._task
                await asyncio.sleep(0)

    async def stop(self) -> None:
        """Listen no more. What the accounts hold stays."""
        if self._server is not None and self._task is not None:
            self._server.tell_to_stop()
            await self._task
        self._server = self._task = None

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
