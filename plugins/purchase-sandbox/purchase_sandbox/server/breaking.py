"""Chaos on the API: calls that are refused, broken off or answered with nonsense."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from purchase_sandbox.chaos import Fault
from purchase_sandbox.sandbox import Sandbox

RETRY_AFTER_SECONDS = 1
PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
BUSY_BODY = b'{"error":{"code":"busy","message":"too many requests"}}'
BROKEN_BODY = b'{"error":{"code":"internal","message":"something went wrong"}}'


class AnswerCut(ConnectionError):
    """The connection breaks off here. Whoever serves the application closes it without a word."""


class BreakingApi:
    """The application, with whatever chaos wants for each call under /v1."""

    def __init__(self, app: ASGIApp, sandbox: Sandbox) -> None:
        self._app = app
        self._sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        match self._sandbox.chaos.of_call():
            case None:
                await self._app(scope, receive, send)
            case Fault.BUSY:
                await _answer(send, 429, BUSY_BODY, retry_after=True)
            case Fault.BROKEN:
                await _answer(send, 500, BROKEN_BODY)
            case Fault.GARBLED:
                await _answer(send, 200, PAGE, media_type=b"text/html")
            case Fault.BROKEN_AFTER:
                await self._app(scope, receive, _swallow)
                await _answer(send, 500, BROKEN_BODY)
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
    *,
    media_type: bytes = b"application/json",
    retry_after: bool = False,
) -> None:
    headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode())]
    if retry_after:
        headers.append((b"retry-after", str(RETRY_AFTER_SECONDS).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _cut(send: Send) -> None:
    """Begin an answer, and never end it: a connection that was just closed would be opened anew."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1024")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
    raise AnswerCut
