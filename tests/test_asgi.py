"""The webhook endpoint: what it answers, how much it reads, and what it says to strangers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from purchase_core.asgi import BODY_SECONDS_MAX, BillingApp, WebhookApp
from purchase_core.testing.memory_store import MemoryDatabase
from tests.endpoints import LIMIT, NOW, Answer, Failing, Message, Shop, ask, chunk, with_shop

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
