"""Calls: the table from what comes back to our errors, deadlines, keys, and where nothing ever goes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import attrs
import httpx
import pytest

from purchase_contract_tests.provider.answers import UNREADABLE, Row, answers, must_raise
from purchase_core.errors import (
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import (
    CheckoutRequest,
    Connection,
    CustomerRequest,
    OurReference,
    PriceRequest,
    RefundRequest,
)
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox import client as client_module
from purchase_sandbox import testing
from purchase_sandbox.adapter import SandboxProvider
from purchase_sandbox.client import SandboxClient
from purchase_sandbox.config import SandboxConfig
from purchase_sandbox.testing import SandboxHarness, no_pause
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault

R = TypeVar("R")
START = Instant(1_790_000_000_000_000)
API_KEY = Secret("sk_sandbox_canary_5a1b")
REFUND = {"id": "re_1", "object": "refund", "invoice": "in_1", "amount": 5, "currency": "USD",
          "status": "succeeded", "metadata": {}, "updated": START}  # fmt: skip
TIME = {"sandbox-time": str(START)}


class Scripted:
    """An adapter whose every call is answered by a script; the requests are kept."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response], **config: Any) -> None:
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self.clock = ManualClock(START)
        self._answer = answer
        client = SandboxClient(
            SandboxConfig(**config),
            API_KEY,
            self.clock,
            transport=httpx.MockTransport(self._handle),
            pause=self._pause,
        )
        connection = Connection("sandbox", "sandbox", "test", "shop", "dev")
        self.provider = SandboxProvider(connection, "acct_sandbox", client, ())

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def write(self, key: str = "k") -> object:
        return run(self.provider.refund(RefundRequest("in_1", 5, OurReference()), key=key))

    def read(self) -> object:
        return run(self.provider.fetch("refund", "re_1"))


def run(call: Coroutine[Any, Any, R]) -> R:
    return asyncio.run(call)


def answering(status: int, content: bytes = b"", **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: httpx.Response(status, stream=httpx.ByteStream(content), headers={**TIME, **named})


def error(code: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": "canary-message"}}).encode()


def raising(kind: type[Exception]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise kind("canary-detail")

    return answer


GOOD = json.dumps(REFUND).encode()

OWN: list[Row] = [
    (409, error("idempotency_key_reused"), ProviderRefused, ProviderRefused),
]


@pytest.mark.parametrize(("status", "body", "read", "write"), [*answers(error("invalid_request")), *OWN])
def test_f41_t06_what_comes_back_decides_the_error_and_is_not_quoted(
    status: int, body: bytes, read: type[ProviderError], write: type[ProviderError]
) -> None:
    for call, expected in (
        (Scripted(answering(status, body)).read, read),
        (Scripted(answering(status, body)).write, write),
    ):
        raised = must_raise(call, expected)
        assert raised.__cause__ is None
        assert raised.__suppress_context__ or raised.__context__ is None


@pytest.mark.parametrize("body", [*UNREADABLE, GOOD[:-1], GOOD * 2])
def test_f41_an_answer_of_success_that_cannot_be_read_proves_nothing(body: bytes) -> None:
    must_raise(Scripted(answering(200, body)).write, OutcomeUnknown)


@pytest.mark.parametrize(
    ("kind", "write"),
    [
        (httpx.ConnectError, ProviderUnavailable),
        (httpx.ConnectTimeout, ProviderUnavailable),
        (httpx.ReadError, OutcomeUnknown),
        (httpx.WriteError, OutcomeUnknown),
        (httpx.ReadTimeout, OutcomeUnknown),
        (httpx.RemoteProtocolError, OutcomeUnknown),
        (ConnectionResetError, OutcomeUnknown),
    ],
)
def test_f35_a_connection_that_breaks_proves_nothing_unless_nothing_was_sent(
    kind: type[Exception], write: type[ProviderError]
) -> None:
    must_raise(Scripted(raising(kind)).read, ProviderUnavailable)
    must_raise(Scripted(raising(kind)).write, write)


def test_who_does_not_answer_is_named_with_what_to_do() -> None:
    with pytest.raises(ProviderUnavailable, match=r"no sandbox answers at http://127\.0\.0\.1:4242") as told:
        Scripted(raising(httpx.ConnectError)).read()
    assert "purchase sandbox serve" in told.value.hint


def test_an_answer_without_the_providers_time_proves_nothing() -> None:
    def timeless(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(GOOD))

    must_raise(Scripted(timeless).read, ProviderUnavailable)
    must_raise(Scripted(timeless).write, OutcomeUnknown)


def test_f38_the_same_request_under_way_is_an_unknown_outcome() -> None:
    with pytest.raises(OutcomeUnknown):
        Scripted(answering(409, error("idempotency_key_in_use"))).write()


def test_f40_busy_says_when_to_come_back_and_nobody_presses_on() -> None:
    for after, expected in (("7", 7.0), ("9999", 3_600.0), ("-1", None), ("soon", None), ("1e3", None)):
        scripted = Scripted(answering(429, error("busy"), retry_after=after))
        with pytest.raises(ProviderUnavailable) as busy:
            scripted.read()
        assert busy.value.retry_after_seconds == expected
        assert len(scripted.requests) == (1 if expected is not None else 3)


def test_reads_are_tried_again_and_writes_are_not() -> None:
    scripted = Scripted(answering(500, error("internal")))
    with pytest.raises(ProviderUnavailable):
        scripted.read()
    assert len(scripted.requests) == 3
    assert [0.05 <= one <= 0.1 or 0.2 <= one <= 0.4 for one in scripted.pauses] == [True, True]
    scripted = Scripted(answering(500, error("internal")))
    with pytest.raises(OutcomeUnknown):
        scripted.write()
    assert (len(scripted.requests), scripted.pauses) == (1, [])


def test_a_read_that_helps_the_second_time_is_good() -> None:
    answers = iter(
        [
            httpx.Response(500, stream=httpx.ByteStream(b"")),
            httpx.Response(200, stream=httpx.ByteStream(GOOD), headers=TIME),
        ]
    )
    scripted = Scripted(lambda request: next(answers))
    assert scripted.read()
    assert len(scripted.requests) == 2


class Drip(httpx.AsyncByteStream):
    """A byte, and another: no time-out between bytes ever strikes. Not for ever, should no other strike."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(500):
            yield b" "
            await asyncio.sleep(0.01)


class Flood(httpx.AsyncByteStream):
    """More than anybody wants to hear."""

    sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            Flood.sent += 65_536
            yield b" " * 65_536


def test_f42_a_provider_that_drips_meets_the_deadline() -> None:
    def drip(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Drip(), headers=TIME)

    for call, expected in (
        (Scripted(drip, call_seconds=0.05).write, OutcomeUnknown),
        (Scripted(drip, call_seconds=0.05).read, ProviderUnavailable),
    ):
        with pytest.raises(expected, match=r"0\.05 seconds"):
            call()


def test_f42_a_provider_that_floods_is_cut_off() -> None:
    with pytest.raises(OutcomeUnknown, match="bytes"):
        Scripted(lambda request: httpx.Response(200, stream=Flood(), headers=TIME)).write()
    assert Flood.sent <= client_module.ANSWER_BYTES_MAX + 2 * 65_536


def test_the_key_is_sent_and_whatever_it_is_can_stand_in_a_header() -> None:
    scripted = Scripted(answering(200, GOOD))
    keys = ("refund:1", "schlüssel", "a\nb", "x" * 256, " padded", "", "\udcff")
    for key in keys:
        scripted.write(key)
    sent = [request.headers["idempotency-key"] for request in scripted.requests]
    assert sent[0] == "refund:1"
    assert len(set(sent)) == len(keys)
    assert all(one.isascii() and one.isprintable() and len(one) <= 255 for one in sent)
    assert "idempotency-key" not in _requests_of_a_read()[0].headers


def _requests_of_a_read() -> list[httpx.Request]:
    scripted = Scripted(answering(200, GOOD))
    scripted.read()
    return scripted.requests


def test_a_fetch_is_as_old_as_its_call_was_long() -> None:
    def slow(request: httpx.Request) -> httpx.Response:
        scripted.clock.advance(seconds=2)
        return httpx.Response(
            200, stream=httpx.ByteStream(GOOD), headers={"sandbox-time": str(START + 9 * SECOND)}
        )

    scripted = Scripted(slow)
    assert run(scripted.provider.fetch("refund", "re_1")).order == START + 7 * SECOND


def test_f73_a_clock_that_was_set_back_makes_a_fetch_older_and_never_newer() -> None:
    def back(request: httpx.Request) -> httpx.Response:
        scripted.clock.set_to(Instant(START - 3_600 * SECOND))
        return httpx.Response(200, stream=httpx.ByteStream(GOOD), headers=TIME)

    scripted = Scripted(back, call_seconds=20.0)
    assert run(scripted.provider.fetch("refund", "re_1")).order == START - 20 * SECOND


def test_t04_ids_that_are_no_ids_are_not_sent() -> None:
    scripted = Scripted(answering(200, GOOD))
    hostile = (
        "..",
        ".",
        "../customers",
        "a/b",
        "a?b",
        "a#b",
        "a%2fb",
        "",
        "é",
        "x" * 256,
        "re_1\n",
        "http://evil/",
    )
    for identifier in hostile:
        with pytest.raises(ProviderRefused):
            run(scripted.provider.fetch("refund", identifier))
        with pytest.raises(ProviderRefused):
            run(scripted.provider.cancel_subscription(identifier, at_period_end=True, key="k"))
    with pytest.raises(ProviderRefused):
        run(scripted.provider.fetch("../v1/customers", "re_1"))
    assert scripted.requests == []


HOSTILE_URLS = (
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "gopher://127.0.0.1:70/",
    "http://localhost:1/",
    "http://[::1]:1/",
    "//evil.example/",
)


def calls_with(provider: SandboxProvider, url: str) -> list[Coroutine[Any, Any, object]]:
    """A call of each kind, with the address wherever a text is taken."""
    return [
        provider.fetch("refund", "re_1"),
        provider.refund(RefundRequest("in_1", None, OurReference()), key="k"),
        provider.events(cursor=url),
        provider.objects("refund", cursor=url),
        provider.find_checkout(url),
    ]


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_t04_no_address_of_a_payload_is_ever_called(url: str) -> None:
    """Every text of every answer is a hostile address; the configured host is the only one contacted."""
    page = json.dumps({"object": "list", "data": [{**REFUND, "next": url}], "next_cursor": None, "url": url})
    for answer in (
        answering(200, json.dumps({**REFUND, "url": url, "next_page": url}).encode(), location=url, link=url),
        answering(307, b"", location=url),
        answering(200, page.encode(), refresh=f"0; url={url}"),
    ):
        scripted = Scripted(answer)
        for call in calls_with(scripted.provider, url):
            with contextlib.suppress(ProviderError):
                run(call)
        assert len(scripted.requests) >= 5
        assert {(one.url.scheme, one.url.host, one.url.port) for one in scripted.requests} == {
            ("http", "127.0.0.1", 4242)
        }


def test_t15_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    client = SandboxClient(SandboxConfig(), API_KEY, ManualClock(START), pause=no_pause)
    assert client._http._mounts == {}
    assert client._http.trust_env is False


def test_a_price_that_costs_something_else_is_not_taken_for_ours() -> None:
    async def prices() -> tuple[str, str, str]:
        async with SandboxHarness(ManualClock(START)) as sandbox:
            request = PriceRequest("app:pro", "v1", "App", 1_200, "USD", "month")
            first = await sandbox.provider.ensure_price(request, key="a")
            dearer = await sandbox.provider.ensure_price(attrs.evolve(request, unit_amount=1_300), key="b")
            return first, dearer, await sandbox.provider.ensure_price(request, key="c")

    first, dearer, again = run(prices())
    assert first == again != dearer


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.BROKEN_AFTER])
@pytest.mark.parametrize("loopback", [True, False])
def test_f35_f39_the_same_key_resolves_what_is_unknown(fault: Fault, *, loopback: bool) -> None:
    async def again() -> tuple[int, list[int]]:
        async with SandboxHarness(ManualClock(START), loopback=loopback) as sandbox:
            request = await a_checkout(sandbox)
            sandbox.sandbox.chaos.set(fault, CERTAIN_PPM)
            with pytest.raises(OutcomeUnknown):
                await sandbox.provider.create_checkout(request, key="k")
            sandbox.sandbox.chaos.clear()
            found = await sandbox.provider.find_checkout("attempt_1")
            same = await sandbox.provider.create_checkout(request, key="k")
            assert found is not None
            assert found.id == same.id
            page = await sandbox.provider.objects("session", cursor="")
            return len(page.objects), [len(same.facts)]

    assert run(again()) == (1, [1])


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.BROKEN_AFTER])
def test_a_read_has_no_answer_that_could_be_lost(fault: Fault) -> None:
    async def read() -> int:
        async with SandboxHarness(ManualClock(START)) as sandbox:
            await sandbox.provider.create_checkout(await a_checkout(sandbox), key="k")
            sandbox.sandbox.chaos.set(fault, CERTAIN_PPM)
            return len((await sandbox.provider.objects("session", cursor="")).objects)

    assert run(read()) == 1


async def a_checkout(sandbox: SandboxHarness) -> CheckoutRequest:
    customer = await sandbox.provider.ensure_customer(CustomerRequest("ana"), key="c")
    request = PriceRequest("app:pro", "v1", "App", 1_200, "USD", "month")
    price = await sandbox.provider.ensure_price(request, key="p")
    reference = OurReference("intent_1", "attempt_1", "ana", "v1")
    return CheckoutRequest(
        "subscription", price, 1, customer, "http://127.0.0.1/a", "http://127.0.0.1/b", reference
    )


def test_t06_no_secret_shows_in_logs_of_a_run_full_of_faults(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []

    async def run_through() -> None:
        async with SandboxHarness(ManualClock(START), loopback=True) as sandbox:
            for fault in (None, *Fault):
                if fault:
                    sandbox.sandbox.chaos.set(fault, CERTAIN_PPM)
                request = CustomerRequest("ana", "canary-mail@example.com")
                try:
                    await sandbox.provider.ensure_customer(request, key=f"k{fault}")
                except ProviderError as raised:
                    shown.append(repr(raised) + repr(vars(raised)))
                sandbox.sandbox.chaos.clear()
            shown.append(repr(vars(sandbox)) + repr(vars(sandbox.sandbox)) + repr(sandbox.account.deliveries))
            shown.append(repr(vars(sandbox.provider)) + repr(vars(sandbox.provider._client)))

    run(run_through())
    logged = caplog.text
    assert "/v1/customers" in logged  # something was logged
    for hidden in (testing.API_KEY.reveal(), testing.WEBHOOK_SECRET.reveal(), "canary-mail@example.com"):
        assert hidden not in logged
        assert not [one for one in shown if hidden in one]
