"""Faults and threats of format: which bytes are taken, and what hostile ones can do (docs/faults.md)."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from purchase_contract_tests.provider.damage import (
    bad_json,
    renamed,
    texts_in,
)
from purchase_core.asgi import WebhookApp
from purchase_core.errors import (
    BodyTooLarge,
    DeliveryRefused,
    MalformedBody,
    SignatureInvalid,
)
from purchase_core.records.delivery import DONE, QUARANTINED
from purchase_core.strict_json import decode
from purchase_sandbox.account import refunds
from purchase_sandbox.account.objects import Invoice
from tests.faults.deliveries import one_event, refused
from tests.faults.shop import Shop, run


def test_f25_any_change_of_any_byte_is_refused() -> None:
    async def work() -> None:
        async with Shop() as shop:
            body = await one_event(shop)
            genuine = shop.harness.sign(body)
            again = [json.dumps(json.loads(body)).encode(), json.dumps(json.loads(body), indent=2).encode()]
            again += [body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :] for at in range(len(body))]
            for changed in again:
                with pytest.raises(SignatureInvalid):
                    await shop.take(changed, genuine)
            assert not shop.memory.deliveries
            assert (await shop.take(body, genuine)).status == DONE
            assert next(iter(shop.memory.deliveries.values())).body == body

    run(work)


def test_f26_an_endless_body_is_cut_off_early() -> None:
    async def work() -> None:
        async with Shop() as shop:
            asked: list[int] = []

            async def endless() -> dict[str, Any]:
                asked.append(1)
                return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

            sent: list[Any] = []

            async def send(message: Any) -> None:
                sent.append(message)

            scope = {"type": "http", "method": "POST", "path": "/webhooks/sandbox", "headers": []}
            await WebhookApp(shop.billing.webhooks)(scope, endless, send)
            assert sent[0]["status"] == 413
            assert len(asked) == 17
            with pytest.raises(BodyTooLarge):
                await shop.take(b" " * (1_048_576 + 1), ())
            assert not shop.memory.deliveries

    run(work)


def test_f27_t08_bytes_that_are_no_document_are_refused_with_one_kind_of_error() -> None:
    async def work() -> None:
        async with Shop() as shop:
            body = await one_event(shop)
            deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
            extra = [deep, b"[" * 500_000, b"NaN", b"1e999", b'{"a":' + b"9" * 100_000 + b"}", b"\xff\xfe{}"]
            extra += [
                body[:-1] + more for more in (b',"a":%s}' % (b"[" * 64 + b"]" * 64), b',"a":%d}' % 2**63)
            ]
            for what, bad in [*bad_json(body), *((f"extra {at}", one) for at, one in enumerate(extra))]:
                await refused(shop, bad, shop.harness.sign(bad), what, MalformedBody)
            assert not shop.memory.deliveries

    run(work)


def test_f28_malformed_headers_are_refused_with_one_kind_of_error() -> None:
    async def work() -> None:
        async with Shop() as shop:
            body = await one_event(shop)
            genuine = shop.harness.sign(body)[0][1]
            hostile: list[Any] = [
                {"sandbox-signature": "v1=" * 1_000_000},
                [("sandbox-signature", genuine), ("sandbox-signature", genuine)],
                [(b"Sandbox-Signature", b"\xff\xfe" * 100)],
                [(b"sandbox-signature", genuine.encode() + b"\x00")],
                [("SANDBOX-SIGNATURE", ",".join(["v2=aa"] * 1_000))],
                {"sandbox-signature": "t=,v1="},
                {"sandbox-signature": "t=soon,v1=00"},
                {"sandbox-signature": "v1=00"},
                {},
            ]
            for headers in hostile:
                with pytest.raises(SignatureInvalid):
                    await shop.take(body, headers)
            assert not shop.memory.deliveries
            other_schemes = f"{genuine},v0=00,v9=zz"
            assert (await shop.take(body, [(b"Sandbox-Signature", other_schemes.encode())])).status == DONE  # type: ignore[list-item]

    run(work)


STRANGE = [
    "\\u0000",
    "\\u0000\\u0000",
    "\\ud83d\\ude00",
    "\\ufeff",
    "\\u202e",
    "\U0010ffff",
    "'; DROP TABLE facts; --",
]


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_f29_text_that_databases_choke_on_is_kept_to_the_byte(store: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with Shop(tmp_path / "purchase.db" if store == "sqlite" else None) as shop:
            body = await one_event(shop)
            for at, text in enumerate(STRANGE):
                event = json.dumps({**json.loads(body), "id": f"evt_{at}", "note": "@"}).encode()
                strange = event.replace(b'"@"', f'"{text}"'.encode())
                receipt = await shop.take(strange)
                assert receipt.status == DONE
                kept = await shop.billing.webhooks.show(receipt.id)
                assert kept.body == strange
            await shop.checked_hash()

    run(work)


@pytest.mark.parametrize("text", ["\\ud800", "\\udfff\\ud800", "a\\udc00b"])
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_f29_a_lone_surrogate_is_refused_with_400_and_not_acknowledged(
    store: str, text: str, tmp_path: Path
) -> None:
    """No provider writes one; it is no text, so no database could keep what it says."""

    async def work() -> None:
        async with Shop(tmp_path / "purchase.db" if store == "sqlite" else None) as shop:
            body = await one_event(shop)
            event = json.dumps({**json.loads(body), "note": "@"}).encode().replace(b"@", text.encode())
            with pytest.raises(MalformedBody):
                await shop.take(event)
            assert not await shop.billing.webhooks.list()

    run(work)


def test_f29_text_that_is_none_is_kept_or_refused_wherever_it_stands(tmp_path: Path) -> None:
    """NUL in each text of each event, through SQLite: none is lost by an error that nobody expected."""

    async def work() -> None:
        async with Shop(tmp_path / "purchase.db") as shop:
            await shop.buy()
            ends = set()
            for webhook in shop.webhooks():
                for at, text in enumerate(sorted(set(texts_in(webhook.body)))):
                    event = json.loads(renamed(webhook.body, text, f"{text[:9]}\0"))
                    event["id"] = f"{event['id']}_{at}" if text != json.loads(webhook.body)["id"] else "\0"
                    try:
                        receipt = await shop.take(json.dumps(event).encode())
                    except DeliveryRefused:
                        ends.add("refused")
                    else:
                        ends.add(receipt.status)
                        kept = await shop.billing.webhooks.show(receipt.id)
                        assert json.loads(kept.body) == event
            assert ends == {"refused", DONE, QUARANTINED}
            await shop.checked_hash()

    run(work)


READ = {
    "checkout.session.completed": "id object updated status payment_status customer subscription invoice url",
    "subscription.created": "id object updated status customer items period_start period_end started_at "
    "trial_end cancel_at ended_at items.price items.quantity items.unit_amount items.currency",
    "invoice.paid": "id object updated status billing_reason customer subscription currency total "
    "amount_paid paid_at lines lines.price lines.quantity lines.unit_amount lines.amount lines.currency "
    "lines.period_start lines.period_end lines.proration lines.trial",
    "refund.created": "id object updated status invoice amount currency",
}


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind, fields in READ.items() for field in fields.split()]
)
def test_f30_a_document_of_another_shape_overwrites_nothing(kind: str, field: str) -> None:
    """Newer than what is known, of a version that does not exist yet, and without a field that is read."""

    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            refunds.refund(shop.account.book, shop.made(Invoice)[0].id, 300)
            await shop.deliver()
            before = await shop.checked_hash()
            written = shop.account.book.events_since(0)
            event = next(found for one in written if (found := json.loads(one.body))["type"] == kind)
            event.update(id="evt_shape", api_version="2031-01-01", created=event["created"] + 1)
            outer, _, inner = field.partition(".")
            where = event["data"]["object"]
            del (where[outer][0] if inner else where)[inner or outer]
            try:
                receipt = await shop.take(json.dumps(event).encode())
            except DeliveryRefused:
                assert field in ("id", "object")
            else:
                assert (receipt.status, receipt.reason[:14]) == (QUARANTINED, "malformed_body")
            assert await shop.checked_hash() == before

    run(work)


HOSTILE_MODULE = "hostile_canary"


class Watching(MetaPathFinder):
    """Sees the name of every module that is looked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        self.asked.append(fullname)


def poisoned(event: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The event with a name of code beside its fields, and then in place of each of its texts."""
    extra = {"__class__": name, "__reduce__": [name, []], "py/object": name, "metadata": {"purchase": name}}
    about = event["data"]["object"]
    yield {**event, **extra, "data": {"object": {**about, **extra}}}
    for field in [field for field, value in about.items() if isinstance(value, str)]:
        yield {**event, "data": {"object": {**about, field: name}}}
    yield {**event, "type": name}


@pytest.mark.parametrize(
    "name",
    [HOSTILE_MODULE, f"{HOSTILE_MODULE}:run", f"{HOSTILE_MODULE}.run", f"!!python/name:{HOSTILE_MODULE}"],
)
def test_t08_hostile_data_imports_nothing(name: str) -> None:
    watching = Watching()

    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            events = [json.loads(one.body) for one in shop.webhooks()]
            for at, event in enumerate(two for one in events for two in poisoned(one, name)):
                with suppress(DeliveryRefused):
                    await shop.take(json.dumps({**event, "id": f"evt_{at}"}).encode())
            assert {one.state for one in shop.memory.deliveries.values()} >= {DONE, QUARANTINED}
            await shop.billing.webhooks.drain()

    with patch.object(sys, "meta_path", [watching, *sys.meta_path]):
        run(work)
    assert not [asked for asked in watching.asked if HOSTILE_MODULE in asked]


def test_t11_what_is_not_verified_leaves_nothing(tmp_path: Path) -> None:
    """Ten thousand unsigned requests: once it is written that there are any, not a byte more of database."""

    async def work() -> None:
        database = tmp_path / "purchase.db"
        async with Shop(database) as shop:
            body = await one_event(shop)
            sizes: dict[str, int] = {}
            for at in range(10_000):
                with pytest.raises(SignatureInvalid):
                    await shop.take(body, (("sandbox-signature", f"t={at},v1={'0' * 64}"),))
                sizes = sizes or {one.name: one.stat().st_size for one in tmp_path.iterdir()}
            assert {one.name: one.stat().st_size for one in tmp_path.iterdir()} == sizes
            assert not await shop.billing.webhooks.list()

    run(work)


def test_t16_a_megabyte_takes_time_in_proportion() -> None:
    """Hostile bodies and headers of a megabyte: none takes more than a second, whatever is in it."""
    bodies = [
        b"[" * 1_000_000,
        b'{"a":' * 160_000,
        b'"' + b"\\" * 1_000_000,
        b"9" * 1_000_000,
        b'{"a":"' + b"\\u003a" * 160_000 + b'"}',
        b"{" + b'"a":1,' * 160_000 + b'"b":1}',
        b'{"a":"' + b"!" * 1_000_000 + b'"}',
        b"[" + b"-" * 1_000_000,
        b"[" + b",".join([b"12345678901234567890"] * 45_000) + b"]",
        b"[" + b"[]," * 150_000 + b"1]",  # read byte by byte, for its depth
        b"{"
        + b",".join(b'"\\u003a%d":1' % at for at in range(15_000))
        + b"}",  # looked through for one key twice
    ]

    async def work() -> None:
        async with Shop() as shop:
            for body in bodies:
                started = time.process_time()
                with pytest.raises(DeliveryRefused):
                    await shop.take(body)
                assert time.process_time() - started < 1
            for value in ("t=" * 500_000, "," * 1_000_000, "v1=" + "0" * 1_000_000, "é" * 1_000_000):
                started = time.process_time()
                with pytest.raises(SignatureInvalid):
                    await shop.take(b"{}", (("sandbox-signature", value),))
                assert time.process_time() - started < 1
            assert decode(b'{"a":1}') == {"a": 1}

    run(work)
