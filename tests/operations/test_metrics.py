"""The metrics page: numbers in formats that Prometheus reads, for whoever has the token."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from msgspec.structs import replace
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus

from purchase_core.errors import SecretMissing, StoreUnavailable
from purchase_core.inbox.refusals import Refusals
from purchase_core.instants import SECOND, Instant
from purchase_core.operations.alerts import ALERTS, Alert, firing, rules
from purchase_core.operations.exposition import exposition
from purchase_core.operations.metrics import METRICS, OTHER, SERIES_MAX, Metrics, Sample
from purchase_core.ports.operator_reads import TALLIES, Tally
from purchase_core.records.delivery import QUARANTINED
from purchase_core.routing.breaker import BreakerSettings, HealthBook
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.memory_store import MemoryStore
from tests.faults.shop import ENVIRON, Shop, run

TOKEN = "a token that nobody guesses 0123"
NOW = Instant(1_790_000_000 * SECOND)


class Waiting(MemoryStore):
    """A store in which these wait."""

    def __init__(self, *tallies: Tally) -> None:
        super().__init__()
        self._tallies = tallies

    async def tallies(
        self, *, now: Instant, limit: int, of: Collection[str] = tuple(TALLIES)
    ) -> tuple[Tally, ...]:
        del now, limit, of
        return self._tallies


async def read(*tallies: Tally, health: HealthBook | None = None) -> dict[str, Any]:
    clock = ManualClock(NOW)
    refusals = Refusals({"acme"}, clock)
    refusals.note("acme", "signature_invalid")
    metrics = Metrics(Waiting(*tallies), ["acme"], health or HealthBook(), refusals, clock, code='c"1\\\n')
    return {"samples": await metrics.read()}


def page_of(shop: Shop, token: str = TOKEN) -> httpx.AsyncClient:
    app = shop.billing.asgi()
    headers = {"authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://shop.example", headers=headers)


def by_name(text: str, *, openmetrics: bool = False) -> Mapping[str, list[tuple[dict[str, str], float]]]:
    families = (read_openmetrics if openmetrics else read_prometheus)(text)
    return {one.name: [(each.labels, each.value) for each in one.samples] for one in families}


class WithToken(Shop):
    """A shop with a metrics page."""

    def unopened(self, **settings: object) -> Any:
        return super().unopened(metrics_token="env:METRICS", **settings)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setitem(ENVIRON, "METRICS", TOKEN)
    return WithToken(inbox={"mode": "queue"})


def test_numbers_are_read_by_prometheus_in_both_of_its_formats(shop: Shop) -> None:
    async def work() -> None:
        async with shop, page_of(shop) as client:
            await shop.sold()
            waiting = len([one for one in shop.memory.deliveries.values() if one.state == "pending"])
            shop.advance(seconds=90)
            answer = await client.get("/metrics")
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            found = by_name(answer.text)
            assert found["purchase_inbox_pending"] == [({"connection": "sandbox"}, waiting)]
            assert found["purchase_inbox_oldest_seconds"] == [({"connection": "sandbox"}, 90)]
            await shop.billing.webhooks.drain()
            other = await client.get("/metrics/", headers={"accept": "application/openmetrics-text;q=1"})
            assert other.headers["content-type"].startswith("application/openmetrics-text")
            assert by_name(other.text, openmetrics=True)["purchase_inbox_pending"] == [
                ({"connection": "sandbox"}, 0)
            ]

    run(work)


def test_nobody_reads_numbers_without_the_token(shop: Shop) -> None:
    async def work() -> None:
        async with shop:
            for token in ("", "a token that nobody guesses 0124", TOKEN[:-1]):
                async with page_of(shop, token) as client:
                    answer = await client.get("/metrics")
                    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
                    assert "purchase_" not in answer.text
            async with page_of(shop) as client:
                assert (await client.post("/metrics")).status_code == 405
                assert (await client.head("/metrics")).content == b""
        async with Shop() as plain, page_of(plain) as client:
            assert (await client.get("/metrics")).status_code == 404, "there is no page without a token"

    run(work)


def test_a_token_that_could_be_guessed_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRON, "METRICS", "short")

    async def work() -> None:
        with pytest.raises(SecretMissing, match="metrics_token"):
            await shop.another()

    run(work)


def test_a_database_that_does_not_answer_is_said_by_its_code(shop: Shop) -> None:
    async def work() -> None:
        async with shop, page_of(shop) as client:

            async def down(**_: object) -> Any:
                raise StoreUnavailable("at postgres://user:password@db")

            shop.billing.store.tallies = down  # type: ignore[method-assign]
            answer = await client.get("/metrics")
            assert (answer.status_code, answer.text) == (503, "store_unavailable\n")

    run(work)


def test_i16_t06_no_label_tells_of_a_customer(shop: Shop) -> None:
    mail, name = "sentinel.person@example.com", "sentinel_customer"

    async def work() -> None:
        async with shop, page_of(shop) as client:
            await shop.sold(customer=name, email=mail)
            one = next(iter(shop.memory.deliveries.values()))
            judged = replace(one, state=QUARANTINED, reason=f"malformed: {mail} of {name}")
            shop.memory.deliveries[one.id] = judged
            text = (await client.get("/metrics")).text
            assert 'error="malformed"' in text
            for secret in (mail, name, "sentinel", TOKEN, *ENVIRON.values()):
                assert secret not in text

    run(work)


def test_every_sort_of_waiting_has_a_number_and_every_number_is_read_back() -> None:
    async def work() -> None:
        tallies = [
            Tally(of, tuple(f'{name}\\"\n' for name in by), 7, Instant(NOW - 5 * SECOND), 300)
            for of, by in TALLIES.items()
        ]
        samples = (await read(*tallies))["samples"]
        for openmetrics in (False, True):
            found = by_name(exposition(samples, openmetrics=openmetrics), openmetrics=openmetrics)
            told = [
                Sample(name, tuple(labels.items()), int(value))
                for name, those in found.items()
                for labels, value in those
            ]
            assert told == [*samples]
        never = {f"purchase_reconcile_{one}" for one in ("age_seconds", "missed", "left")}
        assert {one.name for one in samples} == set(METRICS) - never

    run(work)


def test_a_metric_has_a_bounded_number_of_labels() -> None:
    async def work() -> None:
        many = [Tally("quarantined", ("acme", f"type_{n}", "E" * 500), n + 1, NOW) for n in range(500)]
        samples = [one for one in (await read(*many))["samples"] if one.name == "purchase_inbox_quarantined"]
        assert len(samples) == SERIES_MAX
        assert sum(one.value for one in samples) == sum(one.count for one in many)
        assert [one for one in samples if dict(one.labels)["connection"] == OTHER]
        assert max(len(value) for one in samples for _, value in one.labels) <= 64

    run(work)


def test_a_provider_that_seems_down_is_seen_where_it_was_called() -> None:
    async def work() -> None:
        health = HealthBook(BreakerSettings(failures_in_a_row=1))
        before = (await read(health=health))["samples"]
        health.failed("acme", NOW)
        after = (await read(health=health))["samples"]
        assert [alert.name for alert, _ in firing(before)] == []
        assert [alert.name for alert, _ in firing(after)] == ["PurchaseCircuitOpen"]

    run(work)


def test_rules_are_a_file_that_says_what_the_alerts_say() -> None:
    (group,) = yaml.safe_load(rules())["groups"]
    assert [one["alert"] for one in group["rules"]] == [one.name for one in ALERTS]
    for written, alert in zip(group["rules"], ALERTS, strict=True):
        assert alert.metric in METRICS
        assert written["expr"] == alert.expression
        assert written["for"] == f"{alert.for_seconds}s"
        assert written["labels"] == {"severity": alert.severity}
        assert set(written["annotations"]) == {"summary", "runbook"}
        assert dict(alert.where).keys() <= set(_labels_of(alert))


def _labels_of(alert: Alert) -> tuple[str, ...]:
    if alert.metric == "purchase_reconcile_left":
        return ("connection", "what")
    if alert.metric.startswith("purchase_reconcile"):
        return ("connection", "pass")
    if alert.metric == "purchase_circuit_open":
        return ("connection",)
    sorts = {"inbox": "pending", "commands": "commands", "subscriber": "mailboxes", "cases": "cases"}
    return TALLIES[sorts[alert.metric.split("_")[1]]]


def test_an_alert_fires_above_its_number_where_its_labels_are() -> None:
    alert = next(one for one in ALERTS if one.name == "PurchaseSubscriberStuck")
    told = (("subscriber", "mail"), ("state", "stuck"))
    assert alert.means(Sample(alert.metric, told, 1))
    assert not alert.means(Sample(alert.metric, told, 0))
    assert not alert.means(Sample(alert.metric, (told[0], ("state", "waiting")), 1))
    assert alert.expression == 'purchase_subscriber_lanes{state="stuck"} > 0'


def test_the_page_names_every_metric_with_its_labels() -> None:
    page = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text()
    named = dict(re.findall(r"^\| `(purchase_\w+)` \| .*? \| (.*?) \|$", page, re.MULTILINE))
    assert set(named) == set(METRICS)

    async def work() -> None:
        tallies = [Tally(of, tuple("x" for _ in by), 1, NOW) for of, by in TALLIES.items()]
        for one in (await read(*tallies))["samples"]:
            assert named[one.name] == ", ".join(name for name, _ in one.labels)

    run(work)


def test_whoever_asks_is_told_whether_it_is_ready() -> None:
    async def work() -> None:
        async with Shop() as shop, page_of(shop, "") as client:
            asked = 0
            schema = shop.billing.store.schema

            async def counted() -> Any:
                nonlocal asked
                asked += 1
                return await schema()

            shop.billing.store.schema = counted  # type: ignore[method-assign]
            for _ in range(5):
                answer = await client.get("/ready")
                assert (answer.status_code, answer.text) == (200, "ready\n")
            assert asked == 1
            shop.advance(seconds=1)
            shop.memory.schema_version += 1
            assert (await client.get("/ready/")).status_code == 503
            shop.advance(seconds=1)
            shop.memory.schema_version -= 1
            assert (await client.head("/ready")).status_code == 200

            async def down() -> Any:
                raise StoreUnavailable("at postgres://user:password@db")

            shop.billing.store.schema = down  # type: ignore[method-assign]
            shop.advance(seconds=1)
            answer = await client.get("/ready")
            assert (answer.status_code, answer.text) == (503, "not ready\n")
            assert (await client.post("/ready")).status_code == 503

    run(work)
