"""The webhook endpoint refuses: what it answers, what it logs, and what it says to strangers."""

from __future__ import annotations

import asyncio
import json

import pytest

from purchase_core.asgi import RETRY_AFTER_SECONDS, WebhookApp
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
from purchase_core.inbox.refusal_log import KIND
from purchase_core.instants import SECOND, Instant
from tests.endpoints import CANARY, NOW, Answer, Failing, Shop, ask, chunk, with_shop


def refused_with(error: BaseException) -> Answer:
    return asyncio.run(ask(WebhookApp(Failing(error))))


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
