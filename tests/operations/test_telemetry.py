"""Traces, metrics and logs: one trace a sale, codes instead of words, nothing that identifies a person."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from purchase_core.errors import OutcomeUnknown
from purchase_core.operations import telemetry as module
from purchase_core.operations.logs import JsonLines
from purchase_core.operations.telemetry import WATCHED, Telemetry, sale_of
from purchase_core.testing.shaped import Trouble
from purchase_paddle.testing import API_KEY as PADDLE_KEY
from purchase_paddle.testing import WEBHOOK_SECRET as PADDLE_SECRET
from purchase_simulators.stripe.testing import API_KEY as STRIPE_KEY
from purchase_simulators.stripe.testing import WEBHOOK_SECRET as STRIPE_SECRET
from tests.migrating.two_sides import TwoSides
from tests.workflows.market import Market, another

MAIL, CUSTOMER = "sentinel.person@example.com", "sentinel_customer"


class Collected:
    """What was told, by whatever way."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.meters = MeterProvider([self.reader])

    def telemetry(self) -> Telemetry:
        return Telemetry(self.provider.get_tracer("purchase"), self.meters.get_meter("purchase"))

    def finished(self) -> tuple[ReadableSpan, ...]:
        return self.spans.get_finished_spans()

    def metrics(self) -> dict[str, str]:
        told = self.reader.get_metrics_data()
        assert told is not None
        data = json.loads(told.to_json())
        return {
            one["name"]: json.dumps(one["data"])
            for resource in data["resource_metrics"]
            for scope in resource["scope_metrics"]
            for one in scope["metrics"]
        }


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collected]:
    """An SDK of this test's own, instead of the process's one, which can be set only once."""
    found = Collected()
    monkeypatch.setattr("purchase_core.opening.telemetry", found.telemetry)
    monkeypatch.setattr(module, "_is_set_up", lambda: True)
    yield found
    found.provider.shutdown()
    found.meters.shutdown()


def test_a_sale_is_one_trace_from_checkout_to_entitlement_over_two_processes(collected: Collected) -> None:
    async def scene() -> str:
        market = Market()
        async with market.opening() as billing:
            market.billing = billing
            checkout = await market.start()
            async with another(market) as other:
                market.clock.advance(seconds=30)
                await market.stripe.deliver(other, market.stripe.pay(checkout.session))
                assert (await other.customers.entitlements("ana")).has("export")
            return checkout.id

    intent = asyncio.run(scene())
    sale = [one for one in collected.finished() if one.context.trace_id == sale_of(intent).trace_id]
    names = [one.name for one in sale]
    assert names[:2] == ["purchase.checkout.placed", "purchase.attempt.current"]
    for name in ("purchase.invoice.paid", "purchase.subscription.active", "purchase.checkout.settled"):
        assert name in names
    assert any(name.startswith("purchase.effect.") for name in names)
    assert {(one.attributes or {})["purchase.intent"] for one in sale} == {intent}


def test_what_is_asked_for_is_a_span_that_holds_its_calls_and_is_linked_to_the_sale(
    collected: Collected,
) -> None:
    async def scene() -> None:
        market = Market()
        async with market.opening() as billing:
            market.billing = billing
            await market.start()

    asyncio.run(scene())
    spans = {one.name: one for one in collected.finished()}
    asked, call = spans["purchase.checkout.start"], spans["purchase.provider.create_checkout"]
    assert call.parent is not None
    assert call.parent.span_id == asked.context.span_id
    assert [one.context.span_id for one in spans["purchase.checkout.placed"].links] == [asked.context.span_id]
    assert (asked.attributes or {})["purchase.connection"] == "stripe"
    assert "purchase.provider.calls" in collected.metrics()
    assert "create_checkout" in collected.metrics()["purchase.provider.duration"]
    assert "checkout.placed" in collected.metrics()["purchase.signals"]


def test_what_fails_is_told_by_its_code_alone(collected: Collected) -> None:
    async def scene() -> None:
        market = Market()
        async with market.opening() as billing:
            market.billing = billing
            await market.start("cart-0")
            market.stripe.troubles.append(Trouble.LOST)
            with pytest.raises(OutcomeUnknown):
                await market.start("cart-1")

    asyncio.run(scene())
    failed = [one for one in collected.finished() if not one.status.is_ok and one.status.description]
    assert {one.status.description for one in failed} == {"outcome_unknown"}
    assert all(not one.events for one in collected.finished())


def test_without_the_api_a_sale_goes_on_and_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    async def scene() -> None:
        market = Market()
        async with market.opening() as billing:
            market.billing = billing
            checkout = await market.start()
            await market.pay(market.stripe, checkout.session)

    asyncio.run(scene())


def test_what_is_watched_is_there() -> None:
    async def scene() -> None:
        async with Market().opening() as billing:
            for part, operations in WATCHED.items():
                for operation in operations:
                    assert callable(getattr(getattr(billing, part), operation)), (part, operation)

    asyncio.run(scene())


def test_the_apis_own_defaults_make_nothing() -> None:
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    assert metrics.get_meter_provider() is not None


def test_a_log_is_a_json_line_with_ids(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> str:
        market = Market()
        async with market.opening() as billing:
            market.billing = billing
            return (await market.start()).id

    with caplog.at_level(logging.INFO, "purchase.activity"):
        intent = asyncio.run(scene())
    lines = [json.loads(JsonLines().format(one)) for one in caplog.records]
    placed = next(one for one in lines if one["message"] == "checkout.placed")
    assert (placed["intent"], placed["offer"], placed["level"]) == (intent, "app:pro", "info")
    assert any(one["message"] == "provider call" and one["outcome"] == "ok" for one in lines)


def test_i16_t06_no_secret_and_no_person_is_in_any_signal(
    collected: Collected, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sales on simulated Stripe and Paddle, over the wire, with everything that can be logged switched on."""

    async def scene() -> None:
        async with TwoSides() as sides:
            for number, connection in enumerate(("stripe", "paddle")):
                checkout = await sides.billing.checkout.start(
                    customer=f"{CUSTOMER}_{number}", offer="app:pro", success_url="https://shop.example/yes",
                    cancel_url="https://shop.example/no", idempotency_key=f"cart-{number}", email=MAIL,
                )  # fmt: skip
                if connection == "paddle":
                    checkout = await sides.billing.checkout.switch(
                        idempotency_key=f"cart-{number}", to="paddle", email=MAIL
                    )
                    sides.paddle.pay(checkout.session, email=MAIL)
                else:
                    sides.stripe.pay(checkout.session)
                await sides.deliver()

    with caplog.at_level(logging.DEBUG):
        asyncio.run(scene())
    ours = [JsonLines().format(one) for one in caplog.records if one.name.startswith("purchase")]
    ours += [one.to_json() for one in collected.finished()]
    ours += collected.metrics().values()
    assert [line for line in ours if CUSTOMER in line] == [], "an id of the application's may be an address"
    told = [*ours, *capsys.readouterr()]
    told += [
        one.getMessage() for one in caplog.records if one.name != "uvicorn.access"
    ]  # the simulators' own
    assert len(told) > 50
    secrets = [one.reveal() for one in (STRIPE_KEY, STRIPE_SECRET, PADDLE_KEY, PADDLE_SECRET)]
    for planted in (MAIL, quote(MAIL), quote(MAIL, safe=""), *secrets):
        found = [line for line in told if planted in line]
        assert found == [], planted[:12]


def test_the_page_names_every_metric_and_its_code_runs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text()
    found = Collected()
    found.telemetry()
    names = set(re.findall(r"`(purchase\.[a-z.]+)` \|", page))
    assert names == {"purchase.provider.calls", "purchase.provider.duration", "purchase.operation.duration",
                     "purchase.signals"}  # fmt: skip
    source = Path(module.__file__).read_text()
    assert all(f'"{name}"' in source for name in names)
    before = logging.getLogger("purchase").handlers[:]
    level = logging.getLogger("purchase").level
    try:
        for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
            exec(code, {"checkout": SimpleNamespace(id="intent_1")})  # noqa: S102  # our own page
    finally:
        logging.getLogger("purchase").handlers[:] = before
        logging.getLogger("purchase").setLevel(level)
    found.provider.shutdown()
    found.meters.shutdown()
