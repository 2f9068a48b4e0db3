"""Calls: the table from what comes back to our errors, deadlines, retries, and where nothing ever goes."""

from __future__ import annotations

import asyncio
import json
import logging
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
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import (
    ChangeRequest,
    CheckoutRequest,
    Connection,
    CustomerRequest,
    OurReference,
    Override,
    PriceRequest,
    RefundRequest,
)
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_paddle import client as client_module
from purchase_paddle.adapter import PaddleProvider
from purchase_paddle.catalog import price_fields
from purchase_paddle.client import PaddleClient
from purchase_paddle.config import PaddleConfig

R = TypeVar("R")
START = Instant(1_790_000_000_000_000)
DATE = {"date": "Mon, 21 Sep 2026 14:13:20 GMT"}  # START, in whole seconds
API_KEY = Secret("pdl_live_apikey_canary_5a1b")
ADJUSTMENT = {
    "id": "adj_" + "0" * 26, "action": "refund", "status": "pending_approval", "reason": "r",
    "transaction_id": "txn_" + "0" * 26, "totals": {"total": "5", "currency_code": "USD"}, "items": [],
    "updated_at": "2026-09-21T14:13:20.000001Z",
}  # fmt: skip
PAGE = {"data": [ADJUSTMENT], "meta": {"request_id": "r", "pagination": {"has_more": False, "per_page": 50}}}


def run(call: Coroutine[Any, Any, R]) -> R:
    return asyncio.run(call)


def error(code: str, detail: str = "canary-detail", **more: Any) -> bytes:
    said = {"type": "request_error", "code": code, "detail": detail, **more}
    return json.dumps({"error": said, "meta": {"request_id": "r"}}).encode()


class Bytes(httpx.AsyncByteStream):
    """A body that has not been read."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


class Scripted:
    """An adapter whose every call is answered by a script; the requests are kept."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response], **config: Any) -> None:
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self.clock = ManualClock(START)
        self._answer = answer
        settings = PaddleConfig(**config)
        transport = httpx.MockTransport(self._handle)
        client = PaddleClient(settings, "live", API_KEY, self.clock, transport=transport, pause=self._pause)
        self.provider = PaddleProvider(
            Connection("paddle", "paddle", "live", "shop", "dev"), settings, client, ()
        )

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answer(request)
        if not answer.is_stream_consumed:
            return answer
        # As it comes over a network: not read yet.
        headers = [pair for pair in answer.headers.raw if pair[0].lower() != b"content-encoding"]
        return httpx.Response(answer.status_code, headers=headers, stream=Bytes(answer.content))

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def write(self) -> object:
        return run(self.provider.refund(RefundRequest("txn_1", None, OurReference()), key="k"))

    def read(self) -> object:
        return run(self.provider.fetch("refund", "adj_1"))


def answering(status: int, body: object, headers: dict[str, str] | None = None) -> Scripted:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Scripted(lambda request: httpx.Response(status, content=content, headers=headers))


OWN: list[Row] = [
    (409, error("conflict"), ProviderRefused, ProviderRefused),
    (409, error("concurrent_modification"), ProviderUnavailable, ProviderUnavailable),
    (400, error("subscription_locked_processing"), ProviderUnavailable, ProviderUnavailable),
    (
        429,
        error("subscription_immediate_charge_hour_limit_exceeded"),
        ProviderUnavailable,
        ProviderUnavailable,
    ),
    (418, b'{"error": "no"}', ProviderUnavailable, OutcomeUnknown),
]


@pytest.mark.parametrize(("status", "body", "read", "write"), [*answers(error("invalid_field")), *OWN])
def test_f41_t06_what_comes_back_decides_the_error_and_is_not_quoted(
    status: int, body: bytes, read: type[ProviderError], write: type[ProviderError]
) -> None:
    must_raise(answering(status, body).read, read)
    must_raise(answering(status, body).write, write)


@pytest.mark.parametrize("body", [*UNREADABLE, b'{"data": {"id": 7}}'])
def test_f41_an_answer_of_success_that_cannot_be_read_proves_nothing(body: bytes) -> None:
    must_raise(answering(200, body).write, OutcomeUnknown)


def test_f40_busy_says_when_to_come_back_and_nobody_presses_on() -> None:
    for text, seconds in (("7", 7.0), ("999999", None), ("86400", 86_400.0), ("soon", None), ("-1", None)):
        scripted = answering(429, error("too_many_requests"), {"retry-after": text})
        with pytest.raises(ProviderUnavailable) as busy:
            scripted.read()
        assert busy.value.retry_after_seconds == seconds
        assert len(scripted.requests) == (3 if seconds is None else 1)


def test_f35_a_change_is_sent_once_and_a_read_again() -> None:
    """There are no idempotency keys: whatever may have happened must not be sent again."""
    for status in (500, 502, 503):
        scripted = answering(status, error("internal_error"))
        with pytest.raises(OutcomeUnknown):
            scripted.write()
        assert [one.method for one in scripted.requests] == ["POST"]
        with pytest.raises(ProviderUnavailable):
            scripted.read()
        assert [one.method for one in scripted.requests[1:]] == ["GET"] * 3
        assert [0.05 <= one <= 0.1 or 0.2 <= one <= 0.4 for one in scripted.pauses] == [True, True]
        assert "idempotency-key" not in scripted.requests[0].headers


def test_f35_a_change_whose_connection_breaks_is_unknown_unless_nothing_was_sent() -> None:
    for problem, expected in (
        (httpx.ConnectError("x"), ProviderUnavailable),
        (httpx.ConnectTimeout("x"), ProviderUnavailable),
        (httpx.PoolTimeout("x"), ProviderUnavailable),
        (httpx.ReadError("x"), OutcomeUnknown),
        (httpx.ReadTimeout("x"), OutcomeUnknown),
        (httpx.WriteError("x"), OutcomeUnknown),
        (httpx.RemoteProtocolError("x"), OutcomeUnknown),
    ):

        def fail(request: httpx.Request, problem: Exception = problem) -> httpx.Response:
            raise problem

        with pytest.raises(expected):
            Scripted(fail).write()


def test_f42_a_provider_that_drips_meets_the_deadline() -> None:
    async def drip() -> AsyncIterator[bytes]:
        for _ in range(500):  # without a deadline it ends all the same, and says something else
            yield b" "
            await asyncio.sleep(0.01)

    for call, expected in ((Scripted.write, OutcomeUnknown), (Scripted.read, ProviderUnavailable)):
        scripted = Scripted(lambda request: httpx.Response(200, content=drip()), call_seconds=0.1)
        with pytest.raises(expected, match=r"within 0\.1 seconds"):
            call(scripted)


def test_f42_a_provider_that_floods_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "ANSWER_BYTES_MAX", 1_000)
    with pytest.raises(OutcomeUnknown, match="over 1000 bytes"):
        answering(200, b"x" * 2_000).write()


def test_t04_redirects_and_addresses_in_answers_are_not_followed() -> None:
    """A page's `next` is an address; only the id of its last row is ever used."""
    evil = "http://169.254.169.254/latest"
    page = PAGE | {"meta": {"request_id": "r", "pagination": {"has_more": True, "next": evil, "per_page": 1}}}
    scripted = Scripted(
        lambda request: httpx.Response(200, json=page if len(scripted.requests) < 3 else PAGE)
    )
    assert run(scripted.provider.find_refund("txn_1", "command_1")) == ()
    assert {one.url.host for one in scripted.requests} == {"api.paddle.com"}
    assert [one.url.params.get("after") for one in scripted.requests] == [
        None,
        ADJUSTMENT["id"],
        ADJUSTMENT["id"],
    ]
    moved = answering(302, b"", {"location": evil})
    with pytest.raises(ProviderUnavailable):
        moved.read()
    assert {one.url.host for one in moved.requests} == {"api.paddle.com"}


def test_f50_a_list_that_does_not_end_is_no_proof_of_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAGES_MAX", 3)
    page = PAGE | {"meta": {"request_id": "r", "pagination": {"has_more": True, "per_page": 1}}}
    scripted = answering(200, page)
    with pytest.raises(ProviderUnavailable, match="more than 3 pages"):
        run(scripted.provider.find_refund("txn_1", "command_9"))
    assert len(scripted.requests) == 3


def test_every_request_says_who_asks_and_in_which_version() -> None:
    scripted = answering(201, {"data": ADJUSTMENT, "meta": {}}, DATE)
    scripted.write()
    headers = scripted.requests[0].headers
    assert (headers["authorization"], headers["paddle-version"]) == (f"Bearer {API_KEY.reveal()}", "1")
    assert headers["content-type"] == "application/json"


def test_what_was_fetched_held_since_its_stamp_and_until_the_call() -> None:
    scripted = answering(200, PAGE, DATE)
    fetched = run(scripted.provider.fetch("refund", "adj_1"))
    assert fetched.order == START + 1  # its own stamp; the answer's time has whole seconds
    later = answering(200, PAGE, {"date": "Mon, 21 Sep 2026 14:13:30 GMT"})
    assert run(later.provider.fetch("refund", "adj_1")).order == START + 10 * SECOND
    for date in ("", "yesterday"):
        assert run(answering(200, PAGE, {"date": date}).provider.fetch("refund", "adj_1")).order == START + 1


def test_f49_a_known_email_is_normal_whoever_was_quicker() -> None:
    """409 customer_already_exists, with the id in its detail."""
    known = "ctm_" + "7" * 26
    status = "active"
    answers = {
        "POST": httpx.Response(
            409,
            content=error("customer_already_exists", f"customer email conflicts with customer of id {known}"),
        ),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return answers["POST"]
        one = {"id": known, "email": "a@b.example", "status": status}
        return httpx.Response(200, json=PAGE | {"data": one if known in request.url.path else []})

    scripted = Scripted(answer)
    assert run(scripted.provider.ensure_customer(CustomerRequest("ana", "a@b.example"), key="k")) == known
    status = "archived"
    with pytest.raises(ProviderRefused, match="archived") as refused:
        run(scripted.provider.ensure_customer(CustomerRequest("ana", "a@b.example"), key="k"))
    assert (refused.value.provider_code, "Restore" in refused.value.hint) == ("customer_archived", True)
    answers["POST"] = httpx.Response(409, content=error("customer_already_exists", "conflicts"))
    with pytest.raises(ProviderRefused):
        run(scripted.provider.ensure_customer(CustomerRequest("ana", "a@b.example"), key="k"))


def test_a_customer_without_an_email_is_refused_before_any_call() -> None:
    scripted = answering(200, PAGE)
    with pytest.raises(ProviderRefused, match="e-mail") as refused:
        run(scripted.provider.ensure_customer(CustomerRequest("ana"), key="k"))
    assert "guest" in refused.value.hint
    assert scripted.requests == []


def test_f101_an_email_of_two_asks_for_neither() -> None:
    scripted = answering(400, error("customer_email_invalid"))
    with pytest.raises(ProviderRefused):
        run(scripted.provider.ensure_customer(CustomerRequest("ana", "a@b.example,c@d.example"), key="k"))
    assert [one.method for one in scripted.requests] == ["POST"]


def test_f48_an_attempt_of_ours_is_looked_for_since_it_was_made() -> None:
    scripted = answering(200, PAGE | {"data": []})
    assert run(scripted.provider.find_checkout("attempt_019996bf3c007abc8def0123456789ab")) is None
    assert scripted.requests[0].url.params["created_at[GTE]"] == "2025-09-29T17:32:19Z"
    assert run(scripted.provider.find_checkout("attempt_1")) is None
    assert "created_at[GTE]" not in scripted.requests[1].url.params


@pytest.mark.parametrize("identifier", ["", "../customers", "a b", "x?y=1", "txn_1/..", "\u00fc", "x" * 256])
def test_what_is_no_id_is_never_sent(identifier: str) -> None:
    scripted = answering(200, PAGE)
    provider = scripted.provider
    checks: list[Callable[[], Coroutine[Any, Any, object]]] = [
        lambda: provider.fetch("subscription", identifier),
        lambda: provider.cancel_subscription(identifier, at_period_end=True, key="k"),
        lambda: provider.change_subscription(ChangeRequest(identifier, "pri_1", 1), key="k"),
        lambda: provider.invoice_links(identifier),
        lambda: provider.find_refund(identifier, "c"),
        lambda: provider.refund(RefundRequest(identifier, 5, OurReference()), key="k"),
    ]
    for check in checks:
        with pytest.raises(ProviderRefused):
            run(check())
    assert scripted.requests == []


def test_a_price_is_what_the_offer_says() -> None:
    request = PriceRequest(
        "app:pro", "v1", "P", 1_200, "USD", "year", 2, trial_days=14, quantity_max=500,
        overrides=(Override(1_100, "EUR", ("DE", "FR")),),
    )  # fmt: skip
    assert price_fields(request) == {
        "description": "P.",
        "unit_price": {"amount": "1200", "currency_code": "USD"},
        "billing_cycle": {"interval": "year", "frequency": 2},
        "trial_period": {"interval": "day", "frequency": 14},
        "tax_mode": "account_setting",
        "quantity": {"minimum": 1, "maximum": 500},
        "unit_price_overrides": [
            {"country_codes": ["DE", "FR"], "unit_price": {"amount": "1100", "currency_code": "EUR"}}
        ],
    }


def test_t06_no_secret_and_no_address_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scripted = answering(500, error("internal_error", "canary-7f3a@example.com"))
    provider = scripted.provider
    for call in (
        provider.ensure_customer(CustomerRequest("ana", "canary-7f3a@example.com"), key="k"),
        provider.create_checkout(
            CheckoutRequest("payment", "pri_1", 1, "ctm_1", "https://s.example/", "https://s.example/",
                            OurReference()), key="k"),
    ):  # fmt: skip
        with pytest.raises(ProviderError) as raised:
            run(call)
        assert "canary" not in f"{raised.value!r}{raised.value}{vars(raised.value)}"
    assert API_KEY.reveal() not in caplog.text
    assert API_KEY.reveal() not in repr(vars(provider))


def test_t06_a_refusal_names_fields_and_quotes_nothing() -> None:
    problem = error("invalid_field", "canary", errors=[{"field": "email", "message": "canary is no address"}])
    with pytest.raises(ProviderRefused) as refused:
        answering(400, problem).write()
    assert "email" in refused.value.hint
    assert "canary" not in f"{refused.value}{refused.value.hint}"
