"""The webhook endpoint: what it answers, how much it reads, and what it says to strangers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from purchase_core import Billing, Catalog
from purchase_core.asgi import BODY_SECONDS_MAX, RETRY_AFTER_SECONDS, BillingApp, WebhookApp
from purchase_core.errors import (
    DeliveryRefused,
    LaneConflict,
    MalformedBody,
    PurchaseError,
    SchemaError,
    SignatureInvalid,
    StoreUnavailable,
    WrongAccount,
)
from purchase_core.inbox.inbox import Inbox
from purchase_core.inbox.refusal_log import KIND
from purchase_core.inbox.refusals import Refusals
from purchase_core.instants import SECOND, Instant
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.memory_store import MemoryDatabase
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


def refused_with(error: BaseException) -> Answer:
    return asyncio.run(ask(WebhookApp(Failing(error))))


# --- what is kept ----------------------------------------------------------------------------------


def test_a_signed_delivery_is_kept_and_answered_with_its_id() -> None:
    async def act(shop: Shop) -> tuple[Answer, Answer, MemoryDatabase]:
        return await shop.deliver(), await shop.deliver(), shop.database

    first, second, database = with_shop(act)
    (kept,) = database.deliveries.values()
    assert (first.status, first.document) == (200, {"id": kept.id, "event": "evt_1", "status": "ignored"})
    assert (second.status, second.document["status"]) == (200, "duplicate")


def test_the_body_arrives_unchanged_however_it_is_cut() -> None:
    async def act(shop: Shop) -> bytes:
        body = b'  {"id" :"evt_1",\r\n "type":"\xc3\xa4"}\n'
        _, headers = shop.provider.signed(body, now=NOW)
        pieces = [chunk(body[place : place + 1], more=True) for place in range(len(body))]
        answer = await ask(shop.app, headers=headers, messages=[*pieces, chunk()])
        assert answer.status == 200
        (kept,) = shop.database.deliveries.values()
        assert kept.body == body
        return kept.body

    assert with_shop(act)


def test_f26_a_body_as_large_as_the_limit_is_read() -> None:
    async def act(shop: Shop) -> int:
        start = json.dumps({"id": "evt_1"}).encode()
        body, headers = shop.provider.signed(start + b" " * (LIMIT - len(start)), now=NOW)
        length = (b"content-length", str(len(body)).encode())
        return (await ask(shop.app, headers=[*headers, length], messages=[chunk(body)])).status

    assert with_shop(act) == 200


# --- where it is -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/webhooks/shop", None), ("/webhooks/shop/", None), ("/webhooks/shop", ""), ("/webhooks/shop/", "/"),
        ("/billing/webhooks/shop", "/billing"), ("/billing/webhooks/shop/", "/billing"),
        ("/billing/webhooks/shop", "/billing/"), ("/a/b/webhooks/shop", "/a/b"),
        ("/webhooks/shop", "/billing"),  # servers that leave the mount out of the path
        ("/webhooks/webhooks/shop", "/webhooks"),
    ],
)  # fmt: skip
def test_both_slash_forms_are_answered_wherever_it_is_mounted(path: str, root: str | None) -> None:
    async def act(shop: Shop) -> int:
        body, headers = shop.event()
        return (await ask(shop.app, path, root=root, headers=headers, messages=[chunk(body)])).status

    assert with_shop(act) == 200


@pytest.mark.parametrize("path", ["/billing/webhooks/shop", "/billing/webhooks/shop/"])
def test_starlette_mounts_it_and_does_not_redirect(path: str) -> None:
    async def act(shop: Shop) -> int:
        app = Starlette(routes=[Mount("/billing", app=shop.app)])
        body, headers = shop.event()
        return (await ask(app, path, root="", headers=headers, messages=[chunk(body)])).status

    assert with_shop(act) == 200


@pytest.mark.parametrize(
    "path",
    ["/", "", "/webhooks", "/webhooks/", "/webhooks//", "/webhooks/shop//", "/webhooks/shop/more",
     "/webhook/shop", "/xwebhooks/shop", "/billing/webhooks/shop", "webhooks/shop", "//webhooks/shop",
     "/webhooks/../webhooks/shop"],
)  # fmt: skip
def test_elsewhere_there_is_nothing(path: str) -> None:
    answer = asyncio.run(ask(WebhookApp(Failing(AssertionError())), path))
    assert (answer.status, answer.document["error"]["code"]) == (404, "not_found")
    assert answer.pulled == 0


def test_a_connection_that_is_not_configured_is_404() -> None:
    async def act(shop: Shop) -> Answer:
        body, headers = shop.event()
        return await ask(shop.app, "/webhooks/shot", headers=headers, messages=[chunk(body)])

    answer = with_shop(act)
    assert (answer.status, answer.document["error"]["code"]) == (404, "unknown_connection")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "post", ""])
def test_webhooks_are_posted_and_the_answer_says_so(method: str) -> None:
    answer = asyncio.run(ask(WebhookApp(Failing(AssertionError())), method=method))
    assert (answer.status, answer.headers[b"allow"]) == (405, b"POST")
    assert answer.pulled == 0


# --- F26: no more is read than is needed to say no -------------------------------------------------


def endless(piece: bytes) -> Iterator[Message]:
    while True:
        yield chunk(piece, more=True)


@pytest.mark.parametrize("length", [str(LIMIT + 1), "9" * 19, "9" * 1_000_000], ids=len)
def test_f26_a_declared_length_over_the_limit_is_refused_unread(length: str) -> None:
    answer = asyncio.run(
        ask(
            WebhookApp(Failing(AssertionError())),
            headers=[(b"content-length", length.encode())],
            messages=endless(b"a" * 100),
        )
    )
    assert (answer.status, answer.document["error"]["code"]) == (413, "body_too_large")
    assert answer.headers[b"connection"] == b"close"
    assert answer.pulled == 0


@pytest.mark.parametrize(
    "declared", [None, b"5", b"0", b"-1", b"", b"many", b"1e9", b"\xb2", b"0" * 30 + b"5"]
)
def test_f26_an_endless_stream_is_read_to_the_limit_whatever_was_declared(declared: bytes | None) -> None:
    headers = [] if declared is None else [(b"content-length", declared)]
    answer = asyncio.run(
        ask(WebhookApp(Failing(AssertionError())), headers=headers, messages=endless(b"a" * 100))
    )
    assert answer.status == 413
    assert answer.pulled == LIMIT // 100 + 1


def test_f26_one_chunk_over_the_limit_is_not_kept() -> None:
    answer = asyncio.run(ask(WebhookApp(Failing(AssertionError())), messages=[chunk(b"a" * (LIMIT + 1))]))
    assert (answer.status, answer.pulled) == (413, 1)


@pytest.mark.parametrize(
    "messages", [[], [chunk(b"a", more=True)], endless(b"")], ids=["silent", "one", "empty"]
)
def test_f26_a_body_that_does_not_arrive_is_waited_for_so_long(messages: Iterable[Message]) -> None:
    app = WebhookApp(Failing(AssertionError()), body_seconds_max=0.02)
    answer = asyncio.run(ask(app, messages=messages))
    assert (answer.status, answer.document["error"]["code"]) == (408, "body_too_slow")
    assert answer.headers[b"connection"] == b"close"
    assert BODY_SECONDS_MAX == 30.0


def test_a_client_that_goes_away_is_not_answered_and_nothing_is_kept() -> None:
    async def act(shop: Shop) -> tuple[list[Message], int]:
        body, headers = shop.event()
        gone = [chunk(body, more=True), {"type": "http.disconnect"}]
        answer = await ask(shop.app, headers=headers, messages=gone)
        return answer.sent, len(shop.database.deliveries)

    assert with_shop(act) == ([], 0)


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"mode": "live"}, "wrong_account"),
        ({"account": "acct_other"}, "wrong_account"),
        ({"id": 7}, "malformed_body"),
    ],
)
def test_a_verified_delivery_that_is_not_ours_is_400_and_not_kept(
    fields: dict[str, object], code: str
) -> None:
    async def act(shop: Shop) -> tuple[Answer, int]:
        return await shop.deliver(**fields), len(shop.database.deliveries)

    answer, kept = with_shop(act)
    assert (answer.status, answer.document["error"]["code"], kept) == (400, code, 0)


def test_every_refusal_has_the_status_of_its_class() -> None:
    kinds: list[type[DeliveryRefused]] = [SignatureInvalid, MalformedBody, WrongAccount, DeliveryRefused]
    for kind in kinds:
        answer = refused_with(kind("why"))
        assert (answer.status, answer.document) == (400, {"error": {"code": kind.code, "message": "why"}})
        assert b"retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ([], "no header"),
        ([(b"scripted-signature", b"1.2"), (b"scripted-signature", b"1.2")], "two"),
        ([(b"scripted-signature", b"\xff\xfe")], "not ASCII"),
        ([(b"scripted-signature", b"a" * 20_000)], "long"),
        ([(b"x", b"y")] * 201, "many"),
        ([(b"Scripted-Signature", b"1800000000." + b"0" * 64)], "forged"),
    ],
)
def test_an_unsigned_delivery_is_400(headers: list[tuple[bytes, bytes]], why: str) -> None:
    async def act(shop: Shop) -> Answer:
        return await ask(shop.app, headers=headers, messages=[chunk(b'{"id": "evt_1"}')])

    answer = with_shop(act)
    assert (answer.status, answer.document["error"]["code"]) == (400, "signature_invalid"), why


@pytest.mark.parametrize("seconds", [-301, 301])
def test_f20_a_delivery_that_a_wrong_clock_refuses_is_logged_by_connection_and_code(
    seconds: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever watches the log sees that all of them are refused; what was sent is not repeated there."""

    async def act(shop: Shop) -> Answer:
        body, headers = shop.provider.signed(
            json.dumps({"id": CANARY}).encode(), now=Instant(NOW + seconds * SECOND)
        )
        return await ask(shop.app, headers=headers, messages=[chunk(body)])

    assert with_shop(act).status == 400
    assert [(one.name, one.levelname, one.getMessage()) for one in caplog.records] == [
        ("purchase.webhooks", "WARNING", "delivery to 'shop' refused: signature_invalid")
    ]


def test_t11_ten_thousand_unsigned_requests_leave_one_count() -> None:
    async def act(shop: Shop) -> set[int]:
        seen = set()
        before = repr(shop.database)
        for number in range(10_000):
            body = b'{"id": "evt_%d"}' % number
            forged = [(b"scripted-signature", b"%d.%064x" % (NOW // SECOND, number))]
            seen.add((await ask(shop.app, headers=forged, messages=[chunk(body)])).status)
        (count,) = shop.database.runs.values()
        assert (count.kind, len(shop.database.batches)) == (KIND, 1)
        shop.database.runs.clear()
        shop.database.batches.clear()
        assert repr(shop.database) == before
        return seen

    assert with_shop(act) == {400}


# --- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StoreUnavailable(CANARY), 503),
        (StoreUnavailable(CANARY, outcome_unknown=True), 503),
        (LaneConflict(CANARY), 503),
        (SchemaError(CANARY), 500),
        (PurchaseError(CANARY), 500),
    ],
)
def test_f09_our_own_trouble_asks_the_provider_to_try_again(error: PurchaseError, status: int) -> None:
    answer = refused_with(error)
    assert (answer.status, answer.document["error"]["code"]) == (status, error.code)
    assert answer.headers[b"retry-after"] == str(RETRY_AFTER_SECONDS).encode()
    assert CANARY.encode() not in answer.body


@pytest.mark.parametrize(
    "error", [ValueError(CANARY), KeyError(CANARY), TimeoutError(CANARY), RecursionError(CANARY)]
)
def test_f09_the_unexpected_is_500_and_tells_strangers_nothing(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    answer = refused_with(error)
    assert (answer.status, answer.document["error"]["code"]) == (500, "internal_error")
    assert b"retry-after" in answer.headers
    told = answer.body.decode()
    assert not [word for word in (CANARY, type(error).__name__, "Traceback", __file__) if word in told]
    assert type(error).__name__ in caplog.text
    assert "in receive" in caplog.text  # where it happened is logged,
    assert CANARY not in caplog.text  # what it says is not: it may quote the body


def test_a_cancelled_request_is_not_answered() -> None:
    with pytest.raises(asyncio.CancelledError):
        refused_with(asyncio.CancelledError())


# --- other scopes ----------------------------------------------------------------------------------


def in_scope(scope: Message, *messages: Message) -> list[Message]:
    sent: list[Message] = []
    coming = iter(messages)

    async def receive() -> Message:
        return next(coming)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(WebhookApp(Failing(AssertionError()))(scope, receive, send))
    return sent


def test_the_lifespan_is_completed() -> None:
    sent = in_scope({"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    assert [one["type"] for one in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_websocket_is_closed() -> None:
    assert in_scope({"type": "websocket"}) == [{"type": "websocket.close", "code": 1000}]


@pytest.mark.parametrize(
    ("path", "root", "carried"),
    [
        ("/checkout/shop", None, True),
        ("/checkout/shop/", None, True),
        ("/billing/checkout/shop", "/billing", True),
        ("/checkout/other", None, False),
        ("/checkout/", None, False),
        ("/checkout/shop/more", None, False),
        ("/webhooks/shop", None, False),
    ],
)
def test_the_page_that_carries_a_checkout_is_served_beside_the_endpoint(
    path: str, root: str | None, carried: bool
) -> None:
    asked: list[str] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"pay here"})

    app = BillingApp(WebhookApp(Failing(AssertionError())), {"shop": page}, {})
    answer = asyncio.run(ask(app, path, method="GET", root=root))
    assert (bool(asked), answer.status == 200) == (carried, carried)
