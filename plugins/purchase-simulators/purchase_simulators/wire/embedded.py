"""An ASGI server inside a program: in the present event loop, on one address, for as long as it is wanted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import uvicorn
from starlette.types import ASGIApp

from purchase_core.errors import InvalidArgument

LOOPBACK = "127.0.0.1"
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 5
BACKLOG = 128
TURNS_TO_LET_IN = 3  # of the loop, from accepting a connection to the server's knowing it


class EmbeddedServer:
    """`async with EmbeddedServer(app) as server:` serves it at `server.url`. Port 0 takes any free one.

    `date_header`: whether answers say what time it is on this machine; an application may say so itself.
    """

    def __init__(
        self, app: ASGIApp, *, host: str = LOOPBACK, port: int = 0, date_header: bool = True
    ) -> None:
        self._app = app
        self._date_header = date_header
        self._host, self._port = host, port
        self._server: _Embedded | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def __aenter__(self) -> EmbeddedServer:
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
        # No logging of its own: the program around it decides what is logged, and how.
        config = uvicorn.Config(
            self._app,
            lifespan="off",
            log_config=None,
            ws="none",
            server_header=False,
            date_header=self._date_header,
            timeout_graceful_shutdown=STOP_SECONDS_MAX,
        )
        self._server = _Embedded(config)
        self._serving = asyncio.create_task(
            self._server.serve(sockets=[listening]), name=f"server at {self.url}"
        )
        async with asyncio.timeout(START_SECONDS_MAX):
            while not self._server.started:
                if self._serving.done():
                    await self._serving
                await asyncio.sleep(0)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is None or self._serving is None:
            return
        self._server.tell_to_stop()
        await self._serving
        self._server = self._serving = None

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # Named TCP, or asyncio would not switch off Nagle's algorithm, and every answer would take 40 ms.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((self._host, self._port))
        except OSError as error:
            listening.close()
            raise InvalidArgument(
                f"cannot listen on {self._host}:{self._port}: {error.strerror}",
                hint="Stop what listens there, or choose another port; port 0 is any free one.",
            ) from error
        listening.listen(BACKLOG)
        listening.settimeout(0)
        return listening


class _Embedded(uvicorn.Server):
    """It leaves signals alone, and stops when it is told to, not at a tick."""

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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all connections: also those of whoever was let in at the last moment, or stays."""
        # A server that is closed forgets those whom it has accepted and not met yet: first, accept no more.
        for listening in sockets or ():
            asyncio.get_running_loop().remove_reader(listening)
        for _ in range(TURNS_TO_LET_IN):
            await asyncio.sleep(0)
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # in the next turn they are closed
