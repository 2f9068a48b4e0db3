"""The webhook endpoint: a plain ASGI app that any framework can mount.

    POST /webhooks/{connection}      with or without a final slash: a redirect would be a failed delivery
    GET  /checkout/{connection}      where a provider's checkout is a page of the application (Paddle's)
    GET  /metrics                    for whoever has the token of the configuration
    GET  /ready                      200 while the database answers

The endpoint answers 2xx for whatever is kept; 4xx where sending again cannot help (it is logged, and nothing
is stored); 503 where it can, so that providers try again exactly when they should.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from purchase_core.errors import BodyTooLarge, DeliveryRefused, PurchaseError
from purchase_core.inbox.inbox import Inbox
from purchase_core.ports.provider.pages import AsgiApp, Receive, Scope, Send

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

WEBHOOKS, CHECKOUT = "/webhooks/", "/checkout/"
RETRY_AFTER_SECONDS = 5
BODY_SECONDS_MAX = 30.0
RETRY_AFTER: Headers = ((b"retry-after", str(RETRY_AFTER_SECONDS).encode()),)
CLOSE: Headers = ((b"connection", b"close"),)

log = logging.getLogger("purchase.webhooks")


class Disconnected(Exception):
    """The client went away before its body was whole; there is nobody to answer."""


class WebhookApp:
    """The ASGI app; `inbox` takes the deliveries. A body has `body_seconds_max` to arrive."""

    def __init__(self, inbox: Inbox, *, body_seconds_max: float = BODY_SECONDS_MAX) -> None:
        self._inbox = inbox
        self._body_seconds_max = body_seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            try:
                status, answer, headers = await self._answer(scope, receive)
            except Disconnected:
                return
            await _respond(send, status, answer, headers)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, Mapping[str, object], Headers]:
        connection = _connection(scope, WEBHOOKS)
        if connection is None:
            return 404, _error("not_found", "webhooks arrive at /webhooks/{connection}"), ()
        if scope["method"] != "POST":
            return 405, _error("method_not_allowed", "webhooks are posted"), ((b"allow", b"POST"),)
        try:
            async with asyncio.timeout(self._body_seconds_max):
                body = await _read(scope, receive, self._inbox.body_bytes_max)
        except BodyTooLarge as refused:
            self._inbox.refusals.note(connection, refused.code)
            log.warning("delivery to %r refused: %s", connection[:64], refused.code)
            return refused.http_status, _error(refused.code, refused.message), CLOSE
        except TimeoutError:
            log.warning("delivery to %r refused: its body did not arrive", connection[:64])
            return 408, _error("body_too_slow", "the body did not arrive in time"), CLOSE
        try:
            receipt = await self._inbox.receive(connection, body, scope["headers"])
        except DeliveryRefused as refused:
            log.warning("delivery to %r refused: %s", connection[:64], refused.code)
            return refused.http_status, _error(refused.code, refused.message), ()
        except PurchaseError as error:
            status = 503 if error.retryable else 500
            log.error("delivery to %r failed: %s", connection[:64], error.code)  # noqa: TRY400  # its code says it
            return status, _error(error.code, "not kept; try again"), RETRY_AFTER
        except Exception as error:
            # Where it happened, and not what it says: that may quote the body.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("delivery to %r failed: %s\n%s", connection[:64], type(error).__name__, where)  # noqa: TRY400
            return 500, _error("internal_error", "not kept; try again"), RETRY_AFTER
        return 200, {"id": receipt.id, "event": receipt.event_id, "status": receipt.status}, ()


class BillingApp:
    """All that an application mounts: the webhook endpoint, `pages` by the connection they belong to.

    `fixed` are further pages, by their path.
    """

    def __init__(
        self, webhooks: WebhookApp, pages: Mapping[str, AsgiApp], fixed: Mapping[str, AsgiApp]
    ) -> None:
        self._webhooks = webhooks
        self._pages = pages
        self._fixed = fixed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app: AsgiApp | None = None
        if scope["type"] == "http":
            name = _connection(scope, CHECKOUT)
            app = self._fixed.get(_path(scope).removesuffix("/")) or self._pages.get(name or "")
        await (app or self._webhooks)(scope, receive, send)


def _path(scope: Scope) -> str:
    """The path, wherever the app is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if root and path.startswith(root + "/") else path


def _connection(scope: Scope, prefix: str) -> str | None:
    """The connection that the path names behind a prefix."""
    path = _path(scope)
    if not path.startswith(prefix):
        return None
    name = path[len(prefix) :].removesuffix("/")
    return name if name and "/" not in name else None


async def _read(scope: Scope, receive: Receive, bytes_max: int) -> bytes:
    """The whole body, as it came. Raises BodyTooLarge as soon as it is known to be."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:20]) > bytes_max:
            raise BodyTooLarge(f"the body is over the limit of {bytes_max} bytes")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk: bytes = message.get("body", b"")
        if len(body) + len(chunk) > bytes_max:
            raise BodyTooLarge(f"the body is over the limit of {bytes_max} bytes")
        body += chunk
        if not message.get("more_body", False):
            return bytes(body)


async def _respond(send: Send, status: int, answer: Mapping[str, object], headers: Headers) -> None:
    body = msgspec.json.encode(answer)
    fixed = ((b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _error(code: str, message: str) -> dict[str, object]:
    return {"error": {"code": code, "message": message}}
