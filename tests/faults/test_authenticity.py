"""Faults and threats of authenticity and format: who says so, to whom, in which bytes (docs/faults.md)."""

from __future__ import annotations

import json
import os
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
    changed_bodies,
    forged_headers,
    renamed,
    texts_in,
)
from purchase_core.asgi import WebhookApp
from purchase_core.billing import Billing
from purchase_core.errors import (
    BodyTooLarge,
    ConfigurationError,
    DeliveryRefused,
    MalformedBody,
    SecretMissing,
    SignatureInvalid,
    UnknownConnection,
    WrongAccount,
)
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Headers
from purchase_core.records.delivery import DONE, IGNORED, QUARANTINED
from purchase_core.secret import Secret
from purchase_core.strict_json import decode
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.memory_store import MemoryDatabase
from purchase_core.testing.plugins import MemoryPlugin
from purchase_core.testing.sales import CATALOG
from purchase_sandbox.account import refunds
from purchase_sandbox.account.objects import Invoice
from purchase_sandbox.adapter import SandboxProvider
from purchase_sandbox.testing import WEBHOOK_SECRET
from tests.faults.shop import ENVIRON, Shop, resigned, run

SECOND_SECRET = Secret("whsec_second_0123456789abcdefghijklmnop")
RETIRED = Secret("whsec_retired_0123456789abcdefghijklmnop")


async def one_event(shop: Shop, kind: bytes = b"invoice.paid") -> bytes:
    """A genuine event that would change something."""
    await shop.buy()
    return next(one.body for one in shop.webhooks() if kind in one.body)


def copied(database: MemoryDatabase) -> dict[str, object]:
    """Everything that is stored, for comparison."""
    return {
        name: getattr(database, name).copy()
        for name in ("facts", "rows", "deliveries", "lanes", "references")
    }


ABSENT = "absent"


def changed(body: bytes, **fields: object) -> bytes:
    """An event with other fields, or without those that are ABSENT."""
    event = {**json.loads(body), **fields}
    return json.dumps({name: value for name, value in event.items() if value is not ABSENT}).encode()


# --- T1: forgery -------------------------------------------------------------------------------


async def refused(
    shop: Shop, body: bytes, headers: Headers, what: str, error: type[DeliveryRefused] = SignatureInvalid
) -> None:
    """Take what must not be accepted."""
    try:
        receipt = await shop.take(body, headers)
    except error as refusal:
        assert refusal.http_status == 400  # noqa: PT017  # what is refused is named
        return
    pytest.fail(f"{what}: {receipt.status}")


async def forge(shop: Shop) -> int:
    """Try every forgery. None is accepted, and nothing is written. Returns how many there were."""
    body = await one_event(shop)
    now = shop.clock.now()
    genuine = shop.harness.sign(body)
    before = copied(shop.memory)
    tried = 0
    for what, headers in forged_headers(genuine, ("sandbox-signature",), now):
        await refused(shop, body, headers, what)
        tried += 1
    for what, changed in changed_bodies(body):
        await refused(shop, changed, genuine, what)
        tried += 1
    for secret in ("", " ", "whsec_", "null", WEBHOOK_SECRET.reveal()[:-1], WEBHOOK_SECRET.reveal() + "x"):
        with pytest.raises(SignatureInvalid):
            await shop.take(body, resigned(body, now, Secret(secret)))
        tried += 1
    assert copied(shop.memory) == before
    assert (await shop.take(body)).status == DONE, "the genuine one is accepted"
    return tried


def test_t01_no_forgery_is_accepted_and_nothing_is_written() -> None:
    async def work() -> None:
        async with Shop() as shop:
            assert await forge(shop) >= 40

    run(work)


@pytest.mark.parametrize(
    "variable",
    ["DEBUG", "TEST_MODE", "PURCHASE_TEST_MODE", "PURCHASE_SKIP_VERIFY", "PURCHASE_DEBUG", "PYTHONOPTIMIZE"],
)
def test_t15_no_environment_variable_weakens_the_check(variable: str) -> None:
    async def work() -> None:
        with patch.dict(os.environ, {variable: "1"}):
            async with Shop() as shop:
                await forge(shop)

    run(work)


# --- F17, F18: secrets -------------------------------------------------------------------------

UNUSABLE = ["", " ", "\t\n", "whsec_", "whsec_ ", "sh0rt", "whsec_" + "x" * 23, "pdl_ntfset_", "x" * 23]


def opening(secrets: list[str], environ: dict[str, str], mode: str = "test") -> Any:
    """A billing that is configured with these references."""
    config = {
        "connections": {
            "sandbox": {
                "plugin": "sandbox", "mode": mode, "api_key": "env:KEY", "webhook_secrets": secrets,
            }
        },
        "store": {"plugin": "memory"},
    }  # fmt: skip
    return Billing.open(
        catalog=CATALOG, config=config, plugins=[MemoryPlugin()], environ={**ENVIRON, **environ}
    )


@pytest.mark.parametrize("value", UNUSABLE)
@pytest.mark.parametrize("place", ["only", "first", "last"])
def test_f17_f18_no_application_opens_without_a_usable_secret(place: str, value: str) -> None:
    """One bad secret among good ones is as good as a public one."""
    secrets = {"only": ["env:BAD"], "first": ["env:BAD", "env:WEBHOOK"], "last": ["env:WEBHOOK", "env:BAD"]}

    async def work() -> None:
        async with opening(secrets[place], {"BAD": value}):
            pytest.fail("it opened")

    with pytest.raises(SecretMissing) as refused:
        run(work)
    assert not value.strip() or value not in str(refused.value)


@pytest.mark.parametrize(
    "secrets", [[], ["env:NOT_SET"], ["file:not-there"], ["whsec_in_clear_0123456789abcdef"]]
)
def test_f17_no_application_opens_without_any_secret(secrets: list[str]) -> None:
    async def work() -> None:
        async with opening(secrets, {}):
            pytest.fail("it opened")

    with pytest.raises(ConfigurationError):
        run(work)


@pytest.mark.parametrize("secret", [None, *map(Secret, UNUSABLE)])
def test_f18_no_adapter_is_made_with_an_unusable_secret(secret: Secret | None) -> None:
    async def work() -> None:
        async with Shop() as shop:
            with pytest.raises(SecretMissing):
                SandboxProvider(shop.connection, "acct", shop.provider._client, [secret])  # type: ignore[list-item]

    run(work)


@pytest.mark.parametrize("mode", ["test", "live"])
def test_f17_an_unsigned_event_is_refused_in_every_mode(mode: str) -> None:
    async def work() -> None:
        async with Shop() as shop:
            body = await one_event(shop)
            live = json.dumps({**json.loads(body), "mode": mode}).encode()
            for headers in ((), (("sandbox-signature", ""),), (("authorization", "Bearer x"),)):
                with pytest.raises(SignatureInvalid):
                    await shop.take(live, headers)
            assert not shop.memory.deliveries

    run(work)


@pytest.mark.parametrize("signers", [(), ("",), (WEBHOOK_SECRET.reveal(),)], ids=["nobody", "empty", "known"])
def test_f17_an_adapter_without_secrets_believes_nobody(signers: tuple[str, ...]) -> None:
    """Nothing to compare with is not the same as nothing to object to."""

    async def work() -> None:
        async with Shop() as shop:
            body, now = await one_event(shop), shop.clock.now()
            deaf = SandboxProvider(shop.connection, "acct_sandbox", shop.provider._client, [])
            with pytest.raises(SignatureInvalid):
                deaf.verify(body, shop.harness.sign(body, now, [Secret(one) for one in signers]), now=now)

    run(work)


# --- F19, F20, T3: time ------------------------------------------------------------------------


@pytest.mark.parametrize("restart", [False, True])
def test_f19_t03_a_captured_delivery_is_a_duplicate_and_then_too_old(*, restart: bool) -> None:
    async def work() -> None:
        async with Shop() as shop:
            body = await one_event(shop)
            captured = shop.harness.sign(body)
            signed_at = shop.clock.now() // SECOND * SECOND
            assert (await shop.take(body, captured)).status == DONE
            before = await shop.checked_hash()
            billing = await shop.another() if restart else shop.billing
            for seconds in (1, 299, 300):
                shop.manual.set_to(Instant(signed_at + seconds * SECOND))
                assert (await shop.take(body, captured, billing=billing)).status == "duplicate"
            for seconds in (301, 3_600, 3 * 86_400):
                shop.manual.set_to(Instant(signed_at + seconds * SECOND))
                with pytest.raises(SignatureInvalid):
                    await shop.take(body, captured, billing=billing)
            assert (await shop.take(body, billing=billing)).status == "duplicate", "ids are kept for ever"
            assert await shop.checked_hash() == before

    run(work)


@pytest.mark.parametrize("seconds", [1, 60, 299, 300, 301, 600])
@pytest.mark.parametrize("side", [-1, 1])
def test_f20_the_window_has_two_sides(side: int, seconds: int) -> None:
    """What is refused because a clock was wrong is accepted when it comes again and the clock is right."""

    async def work() -> None:
        async with Shop() as shop:
            body = await one_event(shop)
            now = Instant((shop.clock.now() // SECOND + 1) * SECOND)
            shop.manual.set_to(now)
            headers = resigned(body, Instant(now + side * seconds * SECOND))
            if seconds <= 300:
                assert (await shop.take(body, headers)).status == DONE
            else:
                with pytest.raises(SignatureInvalid, match="seconds away from ours"):
                    await shop.take(body, headers)
                assert not shop.memory.deliveries
                assert (await shop.take(body)).status == DONE

    run(work)


# --- F21 to F24: whose -------------------------------------------------------------------------


def test_f21_every_live_secret_counts_and_no_retired_one() -> None:
    async def work() -> None:
        async with Shop(secrets=(WEBHOOK_SECRET, SECOND_SECRET)) as shop:
            await shop.buy()
            bodies = [one.body for one in shop.webhooks()]
            now = shop.clock.now()
            signers = [
                (WEBHOOK_SECRET,),
                (SECOND_SECRET,),
                (RETIRED, SECOND_SECRET),
                (WEBHOOK_SECRET, RETIRED),
            ]
            for body, secrets in zip(bodies, signers, strict=True):
                assert (await shop.take(body, shop.harness.sign(body, now, secrets))).status == DONE
            with pytest.raises(SignatureInvalid):
                await shop.take(bodies[0], shop.harness.sign(bodies[0], now, (RETIRED,)))

    run(work)


ROTATION: list[tuple[tuple[Secret, ...], list[tuple[Secret, ...]]]] = [
    ((RETIRED,), [(RETIRED,), (RETIRED, SECOND_SECRET)]),
    ((SECOND_SECRET, RETIRED), [(RETIRED,), (SECOND_SECRET,), (RETIRED, SECOND_SECRET)]),
    ((SECOND_SECRET,), [(SECOND_SECRET,), (RETIRED, SECOND_SECRET)]),
]


def test_f21_a_secret_is_rotated_in_the_middle_of_a_burst_and_nothing_is_lost() -> None:
    """Before, while and after both secrets live: each process believes those that it was opened with."""

    async def work() -> None:
        async with Shop() as shop:
            body, now = json.loads(await one_event(shop)), shop.clock.now()
            taken = 0
            for live, accepted in ROTATION:
                async with Shop(shop.memory, harness=shop.harness, secrets=live) as opened:
                    for signers in [
                        (RETIRED,),
                        (SECOND_SECRET,),
                        (RETIRED, SECOND_SECRET),
                        (WEBHOOK_SECRET,),
                    ]:
                        event = json.dumps({**body, "id": f"evt_{taken}"}).encode()
                        headers = shop.harness.sign(event, now, signers)
                        if signers in accepted:
                            assert (await opened.take(event, headers)).status == DONE
                            taken += 1
                        else:
                            with pytest.raises(SignatureInvalid):
                                await opened.take(event, headers)
            assert len(shop.memory.deliveries) == taken == 7

    run(work)


def test_f21_f24_the_secrets_of_one_connection_are_not_tried_at_another() -> None:
    """Two connections of one application: a list of secrets is the list of one of them."""
    memory = MemoryPlugin()
    one = {"plugin": "scripted", "mode": "test", "api_key": "env:KEY"}
    config = {
        "store": {"plugin": "memory"},
        "connections": {
            "ours": {**one, "webhook_secrets": ["env:WEBHOOK", "env:SECOND"]},
            "theirs": {**one, "webhook_secrets": ["env:RETIRED"]},
        },
    }
    environ = {**ENVIRON, "SECOND": SECOND_SECRET.reveal(), "RETIRED": RETIRED.reveal()}
    now = Instant(1_790_000_000 * SECOND)

    async def work() -> None:
        opening = Billing.open(
            catalog=CATALOG, config=config, plugins=[memory], environ=environ, clock=ManualClock(now)
        )
        async with opening as billing:
            for name, other in (("ours", "theirs"), ("theirs", "ours")):
                body, headers = memory.providers[name].signed(b'{"id":"evt_1"}', now=now)
                with pytest.raises(SignatureInvalid):
                    await billing.webhooks.receive(other, body, headers)
                assert (await billing.webhooks.receive(name, body, headers)).status == IGNORED

    run(work)


@pytest.mark.parametrize("account", ["acct_other", "ACCT_SANDBOX", "acct_sandbox ", "", None, ABSENT])
def test_f22_an_event_of_another_account_changes_nothing(account: object) -> None:
    """Nor does one that names none: a check that needs a name to refuse is open to whoever leaves it out."""

    async def work() -> None:
        async with Shop() as shop:
            body = await one_event(shop)
            before = copied(shop.memory)
            with pytest.raises((WrongAccount, MalformedBody)):
                await shop.take(changed(body, account=account))
            assert copied(shop.memory) == before

    run(work)


@pytest.mark.parametrize("mode", ["live", "Test", "", None, True, ABSENT])
def test_f23_an_event_of_another_mode_changes_nothing(mode: object) -> None:
    async def work() -> None:
        async with Shop() as shop:
            body = await one_event(shop)
            before = copied(shop.memory)
            with pytest.raises((WrongAccount, MalformedBody)):
                await shop.take(changed(body, mode=mode))
            assert copied(shop.memory) == before

    run(work)


def test_f23_the_same_ids_in_both_modes_do_not_meet() -> None:
    """Every event of a sale, with a twin of the other mode before and after it: the twins leave nothing."""

    async def ending(*, twins: bool) -> str:
        async with Shop() as shop:
            await shop.buy()
            for one in shop.webhooks():
                twin = changed(one.body, mode="live", created=json.loads(one.body)["created"] + 1)
                for body in (twin, one.body, twin) if twins else (one.body,):
                    if body is one.body:
                        assert (await shop.take(body)).status == DONE
                    else:
                        with pytest.raises(WrongAccount, match="is of mode live"):
                            await shop.take(body)
            assert {json.loads(one.body)["mode"] for one in shop.memory.deliveries.values()} == {"test"}
            return await shop.checked_hash()

    assert run(lambda: ending(twins=True)) == run(lambda: ending(twins=False))


def test_f23_a_connection_without_money_is_not_opened_for_live() -> None:
    async def work() -> None:
        async with opening(["env:WEBHOOK"], {}, mode="live"):
            pytest.fail("it opened")

    with pytest.raises(ConfigurationError, match="moves no money"):
        run(work)


def test_f24_an_event_for_one_endpoint_is_not_accepted_at_another() -> None:
    async def work() -> None:
        async with Shop() as shop, Shop(secrets=(SECOND_SECRET,)) as other:
            body = await one_event(shop)
            genuine = shop.harness.sign(body)
            with pytest.raises(SignatureInvalid):
                await other.take(body, genuine)
            with pytest.raises(UnknownConnection):
                await other.billing.webhooks.receive("stripe", body, genuine)
            assert not other.memory.deliveries

    run(work)


# --- F25 to F30, T8, T11, T16: bytes -----------------------------------------------------------


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
