"""Calls: the table from what comes back to our errors, deadlines, sizes, and what is sent again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import httpx
import pytest

from purchase_contract_tests.provider.answers import UNREADABLE, Row, answers, must_raise
from purchase_core.errors import (
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.ports.provider import Connection
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_stripe import transport
from purchase_stripe.adapter import StripeProvider
from purchase_stripe.client import StripeCalls
from purchase_stripe.config import StripeConfig

from .rig import START

R = TypeVar("R")
API_KEY = Secret("sk_test_canary_5a1b_0123456789")
DRIPS = 500  # far more of them than fit into the deadline; without one the test ends all the same


def run(call: Coroutine[Any, Any, R]) -> R:
    return asyncio.run(call)


class Bytes(httpx.AsyncByteStream):
    """A body as it comes over a network: not read yet."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


class Drip(httpx.AsyncByteStream):
    """A byte, and another: no time-out between bytes ever strikes."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(DRIPS):
            yield b" "
            await asyncio.sleep(0.01)


class Scripted:
    """An adapter whose every call is answered by a script; the requests are kept."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response], **config: Any) -> None:
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self._answer = answer
        settings = StripeConfig("acct_1", **config)
        calls = StripeCalls(settings, API_KEY, ManualClock(START), pause=self._pause)
        calls._http._http = httpx.AsyncClient(transport=httpx.MockTransport(self._handle))
        self.provider = StripeProvider(
            Connection("stripe", "stripe", "test", "shop", "dev"), settings, calls, ()
        )

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def write(self) -> object:
        return run(self.provider.expire_checkout("cs_1", key="k"))

    def read(self) -> object:
        return run(self.provider.fetch("session", "cs_1"))


def answering(status: int, body: bytes, headers: dict[str, str] | None = None) -> Scripted:
    return Scripted(lambda _: httpx.Response(status, stream=Bytes(body), headers=headers))


def error(code: str, kind: str = "invalid_request_error") -> bytes:
    return json.dumps({"error": {"type": kind, "code": code, "message": "canary-7f3a@example.com"}}).encode()


OWN: list[Row] = [
    (400, b'{"error": {"type": "idempotency_error"}}', ProviderRefused, ProviderRefused),
    (402, error("card_declined", "card_error"), ProviderRefused, ProviderRefused),
    (429, error("lock_timeout"), ProviderUnavailable, ProviderUnavailable),
    (409, error("idempotency_key_in_use"), ProviderUnavailable, OutcomeUnknown),
    (500, error("", "api_error"), ProviderUnavailable, OutcomeUnknown),
]


@pytest.mark.parametrize(("status", "body", "read", "write"), [*answers(error("parameter_invalid")), *OWN])
def test_f38_f41_t06_what_comes_back_decides_the_error_and_is_not_quoted(
    status: int, body: bytes, read: type[ProviderError], write: type[ProviderError]
) -> None:
    """By the table, and not by what the SDK names it: 409 is a request of ours that is under way."""
    must_raise(answering(status, body).read, read)
    must_raise(answering(status, body).write, write)


@pytest.mark.parametrize(
    ("status", "body"), [(202, b'{"status": "processing"}'), *((200, body) for body in UNREADABLE)]
)
def test_f41_an_answer_of_success_that_cannot_be_read_proves_nothing(status: int, body: bytes) -> None:
    must_raise(answering(status, body).write, OutcomeUnknown)


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (httpx.ConnectError("x"), ProviderUnavailable),
        (httpx.ConnectTimeout("x"), ProviderUnavailable),
        (httpx.PoolTimeout("x"), ProviderUnavailable),
        (httpx.ReadError("x"), OutcomeUnknown),
        (httpx.ReadTimeout("x"), OutcomeUnknown),
        (httpx.WriteError("x"), OutcomeUnknown),
        (httpx.RemoteProtocolError("x"), OutcomeUnknown),
        (ConnectionResetError("x"), OutcomeUnknown),
    ],
)
def test_f35_a_change_whose_connection_breaks_is_unknown_unless_nothing_was_sent(
    problem: Exception, expected: type[ProviderError]
) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise problem

    scripted = Scripted(fail)
    with pytest.raises(expected):
        scripted.write()
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("should_retry", ["true", "false"])
def test_f39_a_kept_500_is_sent_once_whatever_stripe_advises(should_retry: str) -> None:
    scripted = answering(500, error("", "api_error"), {"stripe-should-retry": should_retry})
    with pytest.raises(OutcomeUnknown):
        scripted.write()
    assert [(one.method, one.headers["idempotency-key"]) for one in scripted.requests] == [("POST", "k")]
    with pytest.raises(ProviderUnavailable):
        scripted.read()
    assert [one.method for one in scripted.requests[1:]] == ["GET"] * 3


def test_f40_busy_says_when_to_come_back_and_nobody_presses_on() -> None:
    for text, seconds in (("7", 7.0), ("9999", 3_600.0), ("99999", None), ("soon", None), ("-1", None)):
        scripted = answering(429, error("rate_limit"), {"retry-after": text})
        with pytest.raises(ProviderUnavailable) as busy:
            scripted.read()
        assert busy.value.retry_after_seconds == seconds
        assert len(scripted.requests) == (3 if seconds is None else 1)


def test_f42_a_provider_that_drips_meets_the_deadline() -> None:
    for call, expected in ((Scripted.write, OutcomeUnknown), (Scripted.read, ProviderUnavailable)):
        scripted = Scripted(lambda _: httpx.Response(200, stream=Drip()), call_seconds=0.1)
        with pytest.raises(expected, match=r"no answer within 0\.1 seconds"):
            call(scripted)


def test_f42_a_provider_that_floods_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ANSWER_BYTES_MAX", 1_000)
    with pytest.raises(OutcomeUnknown, match="AnswerTooLarge"):
        answering(200, b" " * 2_000).write()
