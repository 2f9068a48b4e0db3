"""The doctor: everything that is missing in one go, each under an id that never changes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from unittest.mock import patch

import attrs
import pytest

from purchase_core.billing import Billing
from purchase_core.doctor import Doctor
from purchase_core.errors import AuthenticationFailed, ProviderUnavailable
from purchase_core.identifiers import SeededIds
from purchase_core.instants import SECOND, Instant
from purchase_core.opening import Opening
from purchase_core.operations.readiness import reached
from purchase_core.outbox.subscribers import Subscribers
from purchase_core.ports.provider import WebhookEndpoint
from purchase_core.records.finding import Finding
from purchase_core.testing.sales import CATALOG
from purchase_simulators.wire.embedded import EmbeddedServer
from tests.examining import MINE, PUBLIC, ids, ready, registered
from tests.faults.shop import Shop, run


async def ready_with(shop: Shop, endpoint: WebhookEndpoint) -> list[Finding]:
    async def endpoints(self: object) -> tuple[WebhookEndpoint, ...]:
        return (endpoint,)

    with patch.object(type(shop.provider), "endpoints", endpoints):
        return await ready(shop)


def test_where_nothing_is_wrong_nothing_is_said() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await registered(shop)
            await shop.sold()
            assert await ready(shop) == []

    run(work)


def test_endpoints_are_looked_up_at_the_provider() -> None:
    async def work() -> None:
        async with Shop() as shop:
            assert ids(await ready(shop)) == ["endpoint.missing"]
            await registered(shop, f"{MINE}-of-another-application")
            assert ids(await ready(shop)) == ["endpoint.missing"]
            await registered(shop)
            assert ids(await ready(shop)) == []
            (mine,) = [one for one in await shop.provider.endpoints() if one.url == MINE]
            fewer = attrs.evolve(mine, events=("refund.created",))
            (finding,) = await ready_with(shop, fewer)
            assert finding.id == "endpoint.events"
            assert "invoice.paid" in finding.message
            assert ids(await ready_with(shop, attrs.evolve(mine, events=("*",)))) == []
            assert ids(await ready_with(shop, attrs.evolve(mine, enabled=False))) == ["endpoint.disabled"]
            with patch.object(type(shop.provider), "endpoint_version", "9"):
                assert ids(await ready_with(shop, attrs.evolve(mine, api_version="8"))) == [
                    "endpoint.version"
                ]
            assert ids(await ready(shop, public_url="")) == ["config.public-url"]

    run(work)


def test_every_secret_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    both = ["env:A", "env:B"]
    connection = {"plugin": "sandbox", "mode": "test", "api_key": "env:NO", "webhook_secrets": both}
    config = {
        "connections": {"eu": connection, "us": {**connection, "webhook_secrets": ["env:SHORT"]}},
        "store": {"plugin": "sqlite", "path": str(tmp_path / "purchase.db")},
        "claim_secret": "env:NONE",
        "public_url": PUBLIC,
    }
    environ = {"A": "", "SHORT": "whsec_short"}
    opening = Billing.open(catalog=CATALOG, config=config, environ=environ, ids=SeededIds(1))
    found = asyncio.run(Doctor(opening).readiness(probe=False))
    assert ids(found) == ["schema.pending", *["secret.missing"] * 6]
    assert {one.about.partition(" ")[0] for one in found if one.about} >= {"api_key", "a", "claim_secret"}
    assert not (tmp_path / "purchase.db").exists(), "a doctor makes no file"
    assert all("whsec_" not in one.message for one in found), "no secret is quoted"


def test_what_cannot_be_opened_is_a_finding_and_no_traceback(tmp_path: Path) -> None:
    def found(config: dict[str, object]) -> list[str]:
        return ids(asyncio.run(Doctor(_opening(config)).readiness(probe=False)))

    store = {"plugin": "sqlite", "path": str(tmp_path / "purchase.db")}
    assert found({"stroe": store}) == ["failed.configuration_error"]
    assert found({"store": {"plugin": "nowhere"}}) == ["failed.plugin_missing"]
    (tmp_path / "none").write_bytes(b"no database at all, and long enough to be taken for one" * 20)
    assert found({"store": {**store, "path": str(tmp_path / "none")}})[1].startswith("failed.")


def test_what_is_wrong_with_connections_and_policies_is_said_at_once_while_tables_are_still_missing(
    tmp_path: Path,
) -> None:
    secrets = {"api_key": "env:NO", "webhook_secrets": ["env:NO"]}
    config = {
        "store": {"plugin": "sqlite", "path": str(tmp_path / "purchase.db")},
        "connections": {
            "eu": {"plugin": "stripe", "mode": "test", **secrets},
            "us": {"plugin": "sandbox", "mode": "live", **secrets},
        },
        "router": {"share": {"eu": 50, "uk": 50}},
        "public_url": PUBLIC,
    }
    found = asyncio.run(Doctor(_opening(config)).readiness(probe=False))
    told = {one.message: one.fix for one in found}
    assert told["configuration [connections.eu] lacks account"] == "Write account = … there."
    assert (
        told["configuration [connections.us]: sandbox moves no money, so it cannot be live"]
        == 'Write mode = "test".'
    )
    problems = [one.message for one in found if one.id == "failed.policy_invalid"]
    assert problems == ["the policy's share names 'uk', which is not configured; there are eu, us"]
    assert "schema.pending" in ids(found)


def test_an_application_that_can_sell_nothing_is_told_so(tmp_path: Path) -> None:
    config: dict[str, object] = {"store": {"plugin": "sqlite", "path": str(tmp_path / "purchase.db")}}
    found = asyncio.run(Doctor(_opening(config)).readiness(probe=False))
    assert ids(found) == ["config.connections", "schema.pending"]


def test_a_doctor_looks_beside_the_process_that_has_the_file_for_itself_and_writes_nothing(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        file = tmp_path / "purchase.db"
        async with Shop(file, sole_writer=True) as shop:
            await registered(shop)
            await shop.sold()
            store = {"plugin": "sqlite", "path": str(file)}
            with patch.object(Subscribers, "register", side_effect=AssertionError):
                assert await ready(shop, store=store) == []

    run(work)


def _opening(config: dict[str, object]) -> Opening:
    return Billing.open(catalog=CATALOG, config=config, environ={})


def test_a_live_account_in_development_and_a_test_account_in_production_are_odd() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await registered(shop)
            assert ids(await ready(shop, environment="production")) == ["config.mode"]

    run(work)


def test_clocks_that_differ_and_providers_that_do_not_answer() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await registered(shop)
            await shop.sold()
            original = type(shop.provider).objects

            behind = 0

            async def skewed(self: Any, kind: str, *, cursor: str, limit: int = 100) -> Any:
                page = await original(self, kind, cursor=cursor, limit=limit)
                late = [attrs.evolve(one, order=Instant(one.order - behind * SECOND)) for one in page.objects]
                return attrs.evolve(page, objects=tuple(late))

            for behind, levels in ((30, []), (90, ["warning"]), (400, ["error"])):  # noqa: B007  # see `skewed`
                with patch.object(type(shop.provider), "objects", skewed):
                    found = await ready(shop)
                assert [one.level for one in found if one.id == "clock.skew"] == levels
            for error, expected in (
                (AuthenticationFailed("no"), "provider.key"),
                (ProviderUnavailable("down"), "provider.unreachable"),
            ):

                async def failing(self: Any, error: Exception = error) -> Any:
                    raise error

                with patch.object(type(shop.provider), "endpoints", failing):
                    assert ids(await ready(shop)) == [expected]

    run(work)


def test_what_waits_too_long_or_is_quarantined_is_told() -> None:
    async def work() -> None:
        async with Shop(inbox={"mode": "queue"}) as shop:
            await registered(shop)
            await shop.sold()
            assert ids(await ready(shop)) == []
            shop.advance(seconds=3_700)
            assert ids(await ready(shop)) == ["inbox.overdue"]

    run(work)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, []),
        (307, ["endpoint.redirect"]),
        (308, ["endpoint.redirect"]),
        *((status, ["endpoint.answer"]) for status in (200, 403, 404, 405, 502)),
    ],
)
def test_an_unsigned_delivery_from_outside_must_be_refused_with_400(status: int, expected: list[str]) -> None:
    asked: list[tuple[str, str]] = []

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        asked.append((scope["method"], scope["path"]))
        headers = [(b"location", b"/elsewhere")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def work() -> None:
        async with EmbeddedServer(answering) as server:
            assert ids(await reached(f"{server.url}/billing/", "sandbox")) == expected
        assert asked == [("POST", "/billing/webhooks/sandbox")], "no redirect is followed"
        assert ids(await reached(f"{server.url}/billing", "sandbox")) == ["endpoint.unreachable"]
        assert ids(await reached("nowhere", "sandbox")) == ["endpoint.unreachable"]

    run(work)
