"""Chaos on the API: calls that are refused, broken off or answered with nonsense."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .chaos import Chaos, Fault

PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"

READS = ("GET", "HEAD")

RawHeaders: TypeAlias = Sequence[tuple[bytes, bytes]]


class AnswerCut(ConnectionError):
    """The connection breaks off here. Whoever serves the application closes it without a word."""


@attrs.frozen
class Breakage:
    """What a provider's broken answers look like: JSON bodies, and headers that go with them."""

    busy_body: bytes
    broken_body: bytes
    busy_headers: RawHeaders = ((b"retry-after", b"1"),)
    broken_headers: RawHeaders = ()


class BreakingApi:
    """The application, with whatever chaos wants for each call of the API, which lies under `prefixes`."""

    def __init__(
        self, app: ASGIApp, chaos: Chaos, breakage: Callable[[], Breakage], *, prefixes: tuple[str, ...]
    ) -> None:
        self._app = app
        self._chaos = chaos
        self._breakage = breakage
        self._prefixes = prefixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._prefixes):
            await self._app(scope, receive, send)
            return
        broken = self._breakage()
        match self._chaos.of_call():
            case None:
                await self._app(scope, receive, send)
            case Fault.BUSY:
                await _answer(send, 429, broken.busy_body, broken.busy_headers)
            case Fault.BROKEN:
                await _answer(send, 500, broken.broken_body, broken.broken_headers)
            case Fault.GARBLED:
                await _answer(send, 200, PAGE, media_type=b"text/html")
            case Fault.BROKEN_AFTER | Fault.LOST_ANSWER if scope["method"] in READS:
                await self._app(scope, receive, send)  # a read has no effect whose answer could be lost
            case Fault.BROKEN_AFTER:
                await self._app(scope, receive, _swallow)
                await _answer(send, 500, broken.broken_body, broken.broken_headers)
            case Fault.LOST_ANSWER:
                await self._app(scope, receive, _swallow)
                await _cut(send)
            case _:
                await _cut(send)


async def _swallow(message: Message) -> None:
    """Nobody hears it."""


async def _answer(
    send: Send,
    status: int,
    body: bytes,
    more: RawHeaders = (),
    *,
    media_type: bytes = b"application/json",
) -> None:
    headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _cut(send: Send) -> None:
    """Begin an answer, and never end it: a connection that was just closed would be opened anew."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1024")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
    raise AnswerCut
