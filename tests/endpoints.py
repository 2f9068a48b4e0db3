"""The webhook endpoint, asked as a server would ask it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from purchase_core import Billing, Catalog
from purchase_core.inbox.inbox import Inbox
from purchase_core.inbox.refusals import Refusals
from purchase_core.instants import SECOND, Instant
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.plugins import MemoryPlugin

NOW = Instant(1_800_000_000 * SECOND)
CANARY = "canary-4711"
LIMIT = 1_000
CONFIG: dict[str, object] = {
    "store": {"plugin": "memory"},
    "inbox": {"body_bytes_max": LIMIT},
    "connections": {
        "shop": {
            "plugin": "scripted",
            "mode": "test",
            "api_key": "env:KEY",
            "webhook_secrets": ["env:SECRET"],
        }
    },
}
ENVIRON = {"KEY": "key", "SECRET": f"whsec_{CANARY}-long-enough-to-be-believed"}

App = Callable[[Any, Any, Any], Awaitable[None]]
Message = dict[str, Any]


class Answer:
    """What the app sent, and how many messages it took to make up its mind."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.pulled = 0

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(one["body"] for one in self.sent[1:])

    @property
    def document(self) -> Any:
        assert self.headers[b"content-type"] == b"application/json"
        assert self.headers[b"content-length"] == str(len(self.body)).encode()
        return json.loads(self.body)


def chunk(body: bytes = b"", *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def ask(
    app: App,
    path: str = "/webhooks/shop",
    *,
    method: str = "POST",
    root: str | None = None,
    headers: Iterable[tuple[bytes, bytes]] = (),
    messages: Iterable[Message] = (chunk(),),
) -> Answer:
    answer, coming = Answer(), iter(messages)

    async def receive() -> Message:
        await asyncio.sleep(0)
        answer.pulled += 1
        try:
            return next(coming)
        except StopIteration:
            return await asyncio.Event().wait()  # type: ignore[return-value]  # nothing more comes

    async def send(message: Message) -> None:
        answer.sent.append(message)

    scope = {"type": "http", "path": path, "method": method, "headers": list(headers)}
    if root is not None:
        scope["root_path"] = root
    await app(scope, receive, send)
    return answer


class Shop:
    """An open billing, and what its provider would send."""

    def __init__(self, billing: Billing, memory: MemoryPlugin) -> None:
        self.billing = billing
        self.app = billing.asgi()
        self.provider = memory.providers["shop"]
        self.database = memory.database

    def event(self, **fields: object) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
        body = json.dumps({"id": "evt_1", **fields}).encode()
        return self.provider.signed(body, now=NOW)

    async def deliver(self, **fields: object) -> Answer:
        body, headers = self.event(**fields)
        return await ask(self.app, headers=headers, messages=[chunk(body)])


def with_shop(act: Callable[[Shop], Awaitable[Any]]) -> Any:
    async def scene() -> Any:
        memory = MemoryPlugin()
        opening = Billing.open(
            catalog=Catalog(), config=CONFIG, plugins=[memory], environ=ENVIRON, clock=ManualClock(NOW)
        )
        async with opening as billing:
            return await act(Shop(billing, memory))

    return asyncio.run(scene())


class Failing(Inbox):
    """An inbox that answers every delivery with one error."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.refusals = Refusals((), ManualClock(Instant(0)))

    body_bytes_max = LIMIT

    async def receive(self, connection: str, body: bytes, headers: Any) -> Any:
        raise self.error
