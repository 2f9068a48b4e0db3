"""Hooks in an open billing: vetoes, scores, events and provider calls, as an application has them."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from purchase_core import Billing, Catalog, Money, feature, plan, subscription
from purchase_core.errors import CheckoutVetoed, NoRoute, ProviderUnavailable
from purchase_core.facts.bodies import SubscriptionSeen
from purchase_core.facts.fact import seen
from purchase_core.instants import DAY, Instant
from purchase_core.plugins.hookspecs import ProviderCall, RouteScore, hookimpl
from purchase_core.ports.provider import CustomerClaim, Normalised
from purchase_core.ports.router import Candidate, RouteRequest, decode_decision
from purchase_core.records.effect import Effect
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.plugins import MemoryPlugin
from tests.plugins.hooking import CANARY, NOW, Asked, T, content, run

CATALOG = Catalog(
    subscription(
        "app", plans=[plan("pro", price=Money("9.00", "EUR"), every="month", includes=[feature("export")()])]
    )
)
CONFIG: dict[str, object] = {
    "store": {"plugin": "memory"},
    "connections": {
        name: {"plugin": "scripted", "mode": "test", "api_key": "env:KEY", "webhook_secrets": ["env:SECRET"]}
        for name in ("one", "two")
    },
}
ENVIRON = {"KEY": "key", "SECRET": f"whsec_{CANARY}-long-enough-to-be-believed"}


def with_billing(act: Callable[[Billing], Awaitable[T]], memory: MemoryPlugin, *plugins: object) -> T:
    async def scene() -> T:
        opening = Billing.open(
            catalog=CATALOG,
            config=CONFIG,
            plugins=[memory, *plugins],
            environ=ENVIRON,
            clock=ManualClock(NOW),
        )
        async with opening as billing:
            return await act(billing)

    return run(scene())


async def start(billing: Billing, key: str = "1") -> Any:
    return await billing.checkout.start(
        customer="user_1",
        offer="app:pro",
        success_url="https://shop.example/yes",
        cancel_url="https://shop.example/no",
        idempotency_key=key,
        email=f"{CANARY}@shop.example",
    )


def test_a_veto_comes_before_anything_is_written_or_sent() -> None:
    memory = MemoryPlugin()

    class Vetoes:
        @hookimpl
        async def purchase_before_checkout(self, request: RouteRequest) -> None:
            raise CheckoutVetoed(f"{request.customer} cannot buy")

    with pytest.raises(CheckoutVetoed, match="user_1 cannot buy"):
        with_billing(start, memory, Vetoes())
    assert (memory.database.commands, memory.database.facts) == ({}, {})
    assert memory.providers["one"].calls == []


def test_scores_route_the_checkout_and_are_recorded_in_the_decision() -> None:
    memory = MemoryPlugin()
    prefers = Asked(content)

    class Prefers:
        @hookimpl
        async def purchase_score_routes(self, candidates: tuple[Candidate, ...]) -> Sequence[RouteScore]:
            return [RouteScore("one", excluded="closed for the day"), RouteScore("two", 2.5)]

    checkout = with_billing(start, memory, Prefers(), prefers)
    assert checkout.connection == "two"
    (command,) = memory.database.commands.values()
    decision = decode_decision(command.decision)
    assert [(one.connection, one.score, one.excluded) for one in decision.verdicts] == [
        ("one", 0.0, "closed for the day"),
        ("two", 2.5, ""),
    ]
    assert decision.order == ("two",)


def test_no_plugin_can_leave_a_checkout_without_a_reason() -> None:
    class Excludes:
        @hookimpl
        async def purchase_score_routes(self, candidates: tuple[Candidate, ...]) -> Sequence[RouteScore]:
            return [RouteScore(one.connection, excluded="maintenance") for one in candidates]

    with pytest.raises(NoRoute) as told:
        with_billing(start, MemoryPlugin(), Excludes())
    assert told.value.reasons == ("one: maintenance", "two: maintenance")


def test_provider_calls_are_told_with_their_outcome_and_without_payloads() -> None:
    told: list[ProviderCall] = []

    class Counts:
        @hookimpl
        def purchase_on_provider_call(self, call: ProviderCall) -> None:
            told.append(call)

    async def act(billing: Billing) -> None:
        await start(billing, "1")
        memory.providers["one"].errors["create_checkout"] = ProviderUnavailable(f"busy with {CANARY}")
        assert (await start(billing, "2")).connection == "two"

    memory = MemoryPlugin()
    with_billing(act, memory, Counts())
    assert [(one.connection, one.plugin, one.operation, one.outcome) for one in told[:4]] == [
        ("one", "scripted", "ensure_customer", "ok"),
        ("one", "scripted", "ensure_price", "ok"),
        ("one", "scripted", "create_checkout", "ok"),
        ("one", "scripted", "create_checkout", "provider_unavailable"),
    ]
    assert CANARY not in repr(told)
    assert "user_1" not in repr(told)


def test_a_subscription_is_told_after_its_commit_whoever_fails_beside() -> None:
    memory = MemoryPlugin()
    heard: list[tuple[str, bool]] = []

    class Fails:
        @hookimpl
        async def purchase_on_event(self, event: Effect) -> None:
            raise SystemExit

    class Hears:
        @hookimpl
        async def purchase_on_event(self, event: Effect) -> None:
            heard.append((event.name, event.key in memory.database.effects))

    async def act(billing: Billing) -> str:
        await start(billing)
        provider = memory.providers["one"]
        body = SubscriptionSeen(
            "sub_1", "active", "cus_user_1", (), NOW, Instant(NOW + 30 * DAY), NOW, None, None, None, ""
        )
        provider.meanings["evt_1"] = Normalised(
            (seen("one", NOW, body, final=False),), (CustomerClaim("cus_user_1", "user_1"),)
        )
        payload = json.dumps({"id": "evt_1", "object": "subscription:one:sub_1", "created": NOW}).encode()
        return (await billing.webhooks.receive("one", *provider.signed(payload, now=NOW))).status

    assert with_billing(act, memory, Fails(), Hears()) == "done"
    assert heard == [(one.name, True) for one in memory.database.effects.values()]
    assert [name for name, _ in heard] == ["subscription.started"]


def test_the_log_is_quiet_where_nothing_fails(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "purchase"):
        with_billing(start, MemoryPlugin(), Asked(content))
    assert CANARY not in caplog.text
