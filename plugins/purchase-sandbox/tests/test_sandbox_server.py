"""The server: who may ask, what is answered to nonsense, the control panel, and where it listens."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from purchase_core.errors import InvalidArgument, SecretMissing
from purchase_core.identifiers import SeededIds
from purchase_core.instants import Instant
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.sandbox import Sandbox
from purchase_sandbox.server.app import application
from purchase_sandbox.server.running import SandboxServer
from purchase_sandbox.signature import FORM
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault
from purchase_simulators.wire.deliveries import Attempt, Delivery, Endpoint, State
from purchase_simulators.wire.spans import after

START = Instant(1_790_000_000_000_000)
KEY, OTHER_KEY = Secret("sk_sandbox_one_1234"), Secret("sk_sandbox_two_1234")
PRICE = {"product_name": "App", "unit_amount": 1_200, "currency": "USD", "interval": "month"}


class Caller:
    """Calls of a sandbox with two accounts, in process."""

    def __init__(self) -> None:
        self.sandbox = Sandbox(clock=ManualClock(START), ids=SeededIds(2))
        self.account = self.sandbox.open_account("acct_1", (KEY,))
        self.other = self.sandbox.open_account("acct_2", (OTHER_KEY,))
        transport = httpx.ASGITransport(application(self.sandbox))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4242")

    async def call(
        self, method: str, path: str, fields: object = None, *, key: Secret = KEY, status: int = 200
    ) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {key.reveal()}"}
        content = b"" if fields is None else json.dumps(fields).encode()
        response = await self.http.request(method, path, content=content, headers=headers)
        assert response.status_code == status, response.text
        assert int(response.headers["sandbox-time"]) >= START
        return json.loads(response.content)  # type: ignore[no-any-return]

    async def subscribe(self) -> str:
        customer = (await self.call("POST", "/v1/customers", {}))["id"]
        price = (await self.call("POST", "/v1/prices", PRICE))["id"]
        fields = {"mode": "subscription", "price": price, "customer": customer,
                  "success_url": "http://127.0.0.1/a", "cancel_url": "http://127.0.0.1/b"}  # fmt: skip
        await self.call("POST", "/v1/checkout/sessions", fields)
        await self.call("POST", "/sandbox/trigger", {"type": "checkout.paid"})
        found = await self.call("GET", "/v1/subscriptions")
        return str(found["data"][0]["id"])


def tell(story: Callable[[Caller], Awaitable[None]]) -> None:
    async def telling() -> None:
        caller = Caller()
        async with caller.http:
            await story(caller)

    asyncio.run(telling())


PATHS = [
    ("GET", "/v1/account"), ("GET", "/v1/events"), ("GET", "/v1/customers"), ("POST", "/v1/customers"),
    ("POST", "/v1/refunds"), ("GET", "/v1/invoices/in_1"), ("POST", "/v1/checkout/sessions/cs_1/expire"),
    ("GET", "/sandbox/clock"), ("POST", "/sandbox/clock"), ("POST", "/sandbox/chaos"),
    ("GET", "/sandbox/webhooks"), ("POST", "/sandbox/webhooks"), ("POST", "/sandbox/webhooks/we_1/rotate"),
    ("DELETE", "/sandbox/webhooks/we_1"), ("GET", "/sandbox/deliveries"), ("POST", "/sandbox/trigger"),
    ("POST", "/sandbox/events/evt_1/redeliver"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_nothing_is_answered_without_a_key(method: str, path: str) -> None:
    async def story(caller: Caller) -> None:
        key = KEY.reveal()
        almost = (key, f"Basic {key}", f"Bearer {key}x", f"Bearer {key[:-1]}", f"Bearer {key.upper()}")
        for value in ("", "Bearer", "Bearer ", "Bearer wrong", *almost):
            response = await caller.http.request(method, path, headers={"authorization": value})
            assert response.status_code == 401
            assert response.json()["error"]["code"] == "unknown_api_key"
        assert caller.account.book.newest_event() == 0

    tell(story)


def test_t10_accounts_do_not_see_each_other() -> None:
    async def story(caller: Caller) -> None:
        subscription = await caller.subscribe()
        for path in (
            "/v1/subscriptions",
            "/v1/customers",
            "/v1/events",
            "/sandbox/deliveries",
            "/sandbox/webhooks",
        ):
            assert (await caller.call("GET", path, key=OTHER_KEY))["data"] == []
        await caller.call("GET", f"/v1/subscriptions/{subscription}", key=OTHER_KEY, status=404)
        cancel = f"/v1/subscriptions/{subscription}/cancel"
        await caller.call("POST", cancel, {"at_period_end": False}, key=OTHER_KEY, status=404)
        assert (await caller.call("GET", "/v1/account", key=OTHER_KEY))["id"] == "acct_2"
        assert caller.other.book.newest_event() == 0

    tell(story)


def test_short_api_keys_are_refused() -> None:
    for key in ("", " ", "short", "       x"):
        with pytest.raises(SecretMissing):
            Sandbox(clock=ManualClock(START)).open_account("acct_1", (Secret(key),))


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"{", b"\xff", b'{"a":1,"a":2}', b'{"email":NaN}', b'{"email":1}', b'{"s":1}',
     b'{"metadata":{"a":1}}', b'{"email":"\\ud800"}', b'{"email":"a\\u0000"}', b"[" * 10_000],
)  # fmt: skip
def test_f27_what_makes_no_sense_is_answered_and_changes_nothing(content: bytes) -> None:
    async def story(caller: Caller) -> None:
        headers = {"authorization": f"Bearer {KEY.reveal()}"}
        response = await caller.http.post("/v1/customers", content=content, headers=headers)
        assert response.status_code == (200 if content == b"" else 400)
        assert caller.account.book.newest_event() == (1 if content == b"" else 0)

    tell(story)


def test_f26_large_requests_are_refused_as_they_come() -> None:
    read = 0

    async def flood() -> Any:
        nonlocal read
        while True:
            read += 8_192
            yield b" " * 8_192

    async def story(caller: Caller) -> None:
        headers = {"authorization": f"Bearer {KEY.reveal()}"}
        response = await caller.http.post("/v1/customers", content=_bounded(flood()), headers=headers)
        assert response.status_code == 413

    async def _bounded(source: Any) -> Any:
        async for chunk in source:
            yield chunk
            if read > 1_000_000:
                return

    tell(story)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/customers?limit=0", 400),
        ("/v1/customers?limit=101", 400),
        ("/v1/customers?limit=ten", 400),
        ("/v1/customers?limit=%D9%A1", 400),
        ("/v1/customers?limt=1", 400),
        ("/v1/customers?email=a", 400),
        ("/v1/customers?metadata[a=1", 400),
        ("/v1/customers?starting_after=cus_none", 404),
        ("/v1/events?starting_after=evt_none", 400),
        ("/v1/events/evt_none", 404),
        ("/v1/nothing", 404),
        ("/v2/customers", 404),
    ],
)
def test_questions_that_make_no_sense_are_refused(path: str, status: int) -> None:
    async def story(caller: Caller) -> None:
        headers = {"authorization": f"Bearer {KEY.reveal()}"}
        response = await caller.http.get(path, headers=headers)
        assert response.status_code == status
        assert set(response.json()["error"]) == {"code", "message"}
        assert (await caller.http.put("/v1/customers", headers=headers)).status_code == 405

    tell(story)


def test_lists_can_be_narrowed() -> None:
    async def story(caller: Caller) -> None:
        subscription = await caller.subscribe()
        await caller.call("POST", "/sandbox/trigger", {"type": "payment.failed"})
        open_ = await caller.call("GET", f"/v1/invoices?status=open&subscription={subscription}")
        assert [one["status"] for one in open_["data"]] == ["open"]
        assert (await caller.call("GET", "/v1/invoices?status=void"))["data"] == []
        assert len((await caller.call("GET", "/v1/prices?currency=USD"))["data"]) == 1
        assert (await caller.call("GET", "/v1/prices?currency=EUR"))["data"] == []

    tell(story)


# --- the control panel -------------------------------------------------------------------------


def test_time_passes_on_demand() -> None:
    async def story(caller: Caller) -> None:
        subscription = await caller.subscribe()
        before = (await caller.call("GET", "/sandbox/clock"))["now"]
        after_month = (await caller.call("POST", "/sandbox/clock", {"by": "1month"}))["now"]
        assert (after_month - before) // 1_000_000 == 30 * 86_400  # September has 30 days
        found = await caller.call("GET", f"/v1/subscriptions/{subscription}")
        assert found["index"] == 1
        for wrong in ("", "month", "-1day", "1 fortnight", "1.5days", "99999days", "9999years"):
            await caller.call("POST", "/sandbox/clock", {"by": wrong}, status=400)

    tell(story)


@pytest.mark.parametrize(
    ("span", "seconds"),
    [("1s", 1), ("90seconds", 90), ("2 min", 120), ("1hour", 3_600), ("14days", 14 * 86_400),
     ("2 weeks", 14 * 86_400), ("1month", 30 * 86_400), ("1Year", 365 * 86_400)],
)  # fmt: skip
def test_spans_are_read_as_people_write_them(span: str, seconds: int) -> None:
    assert after(START, span) - START == seconds * 1_000_000


def test_chaos_is_set_and_shown() -> None:
    async def story(caller: Caller) -> None:
        assert (await caller.call("GET", "/sandbox/chaos"))["odds"] == {}
        await caller.call("POST", "/sandbox/chaos", {"odds": "drop=0.25,busy=1"})
        assert (await caller.call("GET", "/sandbox/chaos"))["odds"] == {"drop": "0.25", "busy": "1"}
        headers = {"authorization": f"Bearer {KEY.reveal()}"}
        busy = await caller.http.get("/v1/account", headers=headers)
        assert (busy.status_code, busy.headers["retry-after"]) == (429, "1")
        await caller.call("POST", "/sandbox/chaos", {"odds": "busy=0"})
        await caller.call("GET", "/v1/account")
        await caller.call("POST", "/sandbox/chaos", {"odds": "sneeze=1"}, status=400)

    tell(story)


def test_webhook_endpoints_are_kept_and_their_secrets_shown_once() -> None:
    async def story(caller: Caller) -> None:
        url = "http://127.0.0.1:9/hook"
        made = await caller.call("POST", "/sandbox/webhooks", {"url": url})
        assert len(made["secret"]) >= 24
        given = "whsec_given_0123456789abcdefghijkl"
        rotated = await caller.call("POST", f"/sandbox/webhooks/{made['id']}/rotate", {"secret": given})
        assert (rotated["live_secrets"], "secret" in rotated) == (2, False)
        listed = await caller.call("GET", "/sandbox/webhooks")
        assert [one["url"] for one in listed["data"]] == [url]
        assert made["secret"] not in json.dumps(listed)
        assert given not in json.dumps([rotated, listed])
        retired = await caller.call("POST", f"/sandbox/webhooks/{made['id']}/retire")
        assert retired["live_secrets"] == 1
        await caller.call("POST", "/sandbox/webhooks", {"url": url, "secret": "short"}, status=400)
        await caller.call("POST", "/sandbox/webhooks/we_none/retire", status=404)
        await caller.call("DELETE", f"/sandbox/webhooks/{made['id']}")
        assert (await caller.call("GET", "/sandbox/webhooks"))["data"] == []

    tell(story)


def test_events_by_hand_and_again() -> None:
    async def story(caller: Caller) -> None:
        await caller.call("POST", "/sandbox/webhooks", {"url": "http://127.0.0.1:9/hook"})
        await caller.subscribe()
        failed = await caller.call("POST", "/sandbox/trigger", {"type": "payment.failed"})
        assert [one["type"] for one in failed["data"]] == ["invoice.payment_failed", "subscription.renewed"]
        event = failed["data"][0]["id"]
        again = await caller.call("POST", f"/sandbox/events/{event}/redeliver")
        assert [one["event"] for one in again["data"]] == [event]
        log = await caller.call("GET", "/sandbox/deliveries")
        assert [one["event"] for one in log["data"]].count(event) == 2
        assert "payment.failed" in (await caller.call("GET", "/sandbox/trigger"))["data"]
        await caller.call("POST", "/sandbox/trigger", {"type": "sky.fell"}, status=404)
        await caller.call("POST", "/sandbox/trigger", {"type": "checkout.paid"}, status=400)

    tell(story)


# --- listening ---------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "shop.example", "", "127.0.0.1.evil.example"])  # noqa: S104
def test_it_listens_on_loopback_unless_told_explicitly(host: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        SandboxServer(Sandbox(), host=host)
    assert "--expose" in refused.value.hint
    SandboxServer(Sandbox(), host=host, expose=True)


def test_it_stops_and_comes_back_at_the_same_address_with_all_it_held() -> None:
    async def story() -> None:
        sandbox = Sandbox()
        account = sandbox.open_account("acct_1", (KEY,))
        headers = {"authorization": f"Bearer {KEY.reveal()}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
            async with SandboxServer(sandbox) as server:
                url = server.url
                assert sandbox.checkout_page() == f"{url}/checkout/"
                assert (await http.post(f"{url}/v1/customers")).status_code == 200
                await server.stop()
                with pytest.raises(httpx.ConnectError):
                    await http.get(f"{url}/v1/customers")
                await server.start()
                assert server.url == url
                assert len((await http.get(f"{url}/v1/customers")).json()["data"]) == 1
            with pytest.raises(httpx.ConnectError):
                await http.get(f"{url}/v1/customers")
        assert account.book.newest_event() == 1

    asyncio.run(story())


def test_a_port_that_is_taken_is_an_error_at_once() -> None:
    async def story() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen(1)
            with pytest.raises(InvalidArgument, match="in use"):
                async with SandboxServer(Sandbox(), port=taken.getsockname()[1]):
                    pass

    asyncio.run(story())


def test_webhooks_leave_by_themselves_and_arrive_over_http() -> None:
    """A sandbox sends to an application; here another sandbox's page stands for it, and answers 404."""
    tried: asyncio.Queue[tuple[Delivery, Attempt]] = asyncio.Queue()
    secret = Secret("whsec_live_0123456789abcdefghijklmno")
    received: list[tuple[bytes, list[tuple[str, str]]]] = []

    async def notice(delivery: Delivery, endpoint: Endpoint, attempt: Attempt) -> None:
        await tried.put((delivery, attempt))

    async def application_(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = [
            (name.lower(), value) for name, _, value in (line.partition(": ") for line in head[1:]) if value
        ]
        body = await reader.readexactly(int(dict(headers)["content-length"]))
        received.append((body, headers))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def story() -> None:
        sandbox = Sandbox()
        account = sandbox.open_account("acct_1", (KEY,))
        listening = await asyncio.start_server(application_, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        account.deliveries.add(f"http://127.0.0.1:{port}/webhooks/sandbox", secret)
        async with (
            SandboxServer(sandbox, notice=notice) as server,
            httpx.AsyncClient(trust_env=False) as http,
        ):
            headers = {"authorization": f"Bearer {KEY.reveal()}"}
            await http.post(f"{server.url}/v1/customers", headers=headers)
            delivery, attempt = await tried.get()
        listening.close()
        assert (delivery.state, attempt.status, delivery.type) == (State.DELIVERED, 204, "customer.created")
        body, got = received[0]
        FORM.verify(body, got, secrets=(secret,), now=sandbox.signing_clock.now())

    asyncio.run(story())


def test_an_answer_that_is_cut_is_cut_on_the_wire() -> None:
    async def story() -> None:
        sandbox = Sandbox()
        account = sandbox.open_account("acct_1", (KEY,))
        headers = {"authorization": f"Bearer {KEY.reveal()}"}
        async with (
            SandboxServer(sandbox) as server,
            httpx.AsyncClient(trust_env=False, headers=headers) as http,
        ):
            for fault, happened in ((Fault.UNREACHABLE, 0), (Fault.LOST_ANSWER, 1)):
                sandbox.chaos.set(fault, CERTAIN_PPM)
                with pytest.raises(httpx.RemoteProtocolError):
                    await http.post(f"{server.url}/v1/customers")
                sandbox.chaos.clear()
                assert account.book.newest_event() == happened

    asyncio.run(story())
