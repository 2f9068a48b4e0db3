"""What happens, as it happens: a feed of lines, and a page that shows them while they come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

import attrs
import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from purchase_core.instants import Instant, to_datetime
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.records.effect import Effect
from purchase_simulators.wire.local import Sent

from .rendering import Rendering

LINES_KEPT = 200
WAITING_MAX = 1_000  # lines that a page which does not read them may fall behind


@attrs.frozen
class Line:
    """One thing that happened. `kind`: webhook (it was sent) | effect (it became true)."""

    kind: str
    at: Instant
    name: str
    about: str
    outcome: str = ""


class Feed:
    """Lines of what happens, kept for a while. It is a plugin: Purchase tells it what became true."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[Line], None]] = []
        self._kept: deque[Line] = deque(maxlen=LINES_KEPT)
        self._open: set[asyncio.Queue[Line | None]] = set()

    @hookimpl
    async def purchase_on_event(self, event: Effect) -> None:
        """Told by Purchase, after the commit."""
        self._tell(Line("effect", event.at, event.name, event.about, event.lane))

    def sent(self, connection: str, sent: Sent) -> None:
        """A provider tried to send a webhook."""
        outcome = str(sent.status) if sent.status else sent.problem
        self._tell(Line("webhook", sent.at, sent.type, connection, outcome))

    def close(self) -> None:
        """Nothing more will happen: pages that listen are told so."""
        for queue in self._open:
            queue.put_nowait(None)

    async def lines(self) -> AsyncIterator[Line]:
        """What is kept, and then whatever happens, until the feed is closed."""
        queue: asyncio.Queue[Line | None] = asyncio.Queue(WAITING_MAX + LINES_KEPT)
        for kept in self._kept:
            queue.put_nowait(kept)
        self._open.add(queue)
        try:
            while (line := await queue.get()) is not None:
                yield line
        finally:
            self._open.discard(queue)

    def _tell(self, line: Line) -> None:
        self._kept.append(line)
        for listener in self.listeners:
            listener(line)
        for queue in list(self._open):
            try:
                queue.put_nowait(line)
            except asyncio.QueueFull:
                self._open.discard(queue)


class LivePages:
    """The page, and the stream behind it (server-sent events)."""

    def __init__(self, feed: Feed, rendering: Rendering) -> None:
        self._feed = feed
        self._rendering = rendering

    def routes(self) -> list[Route]:
        """Both."""
        return [Route("/live", self.show), Route("/live/stream", self.stream)]

    async def show(self, request: Request) -> Response:
        """The page."""
        return self._rendering.page(request, "live.html")

    async def stream(self, request: Request) -> Response:
        """One event a line."""
        return StreamingResponse(
            self._events(), media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    async def _events(self) -> AsyncIterator[bytes]:
        async for line in self._feed.lines():
            shown = {
                "kind": line.kind,
                "at": f"{to_datetime(line.at):%Y-%m-%d %H:%M:%S}",
                "name": line.name,
                "about": line.about,
                "outcome": line.outcome,
            }
            yield b"data: " + msgspec.json.encode(shown) + b"\n\n"
