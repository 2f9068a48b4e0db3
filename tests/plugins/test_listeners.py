"""Listeners: asked under a deadline, told after the commit, and contained whatever they do."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from itertools import repeat
from typing import Any, TypeVar

import attrs
import pytest

from purchase_core import Billing, Catalog, Money, feature, plan, subscription
from purchase_core.errors import CheckoutVetoed, NoRoute, ProviderUnavailable
from purchase_core.facts.bodies import SubscriptionSeen
from purchase_core.facts.fact import seen
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.plugins.hookspecs import ProviderCall, RouteScore, hookimpl
from purchase_core.plugins.listeners import BLOCKED_SECONDS, EVENTS_WAITING_MAX, Listeners
from purchase_core.plugins.registry import Registry
from purchase_core.plugins.scores import SCORES_MAX
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import CustomerClaim, Normalised
from purchase_core.ports.router import Advice, Candidate, RouteRequest, Said, Trouble, decode_decision
from purchase_core.records.effect import Effect
from purchase_core.routing.router import PolicyRouter
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.plugins import MemoryPlugin

T = TypeVar("T")

NOW = Instant(1_800_000_000 * SECOND)
SOON = 0.02  # seconds, for what is to come too late
SECONDS_MAX = 60.0  # for what is to come, however busy the machine is
BOUND_SECONDS = 30  # nobody here waits for as long, unless a deadline is missing
CANARY = "canary-4711"
REQUEST = RouteRequest(
    customer="user_1", offer="app:pro", product="subscription", currency="EUR", unit_amount=900, quantity=1,
    needs=(), links=(), at=NOW, key="checkout.start:1",
)  # fmt: skip
CANDIDATES = tuple(Candidate(name, "acme", "test", (), None) for name in ("one", "two"))
DECISION = PolicyRouter().decide(REQUEST, CANDIDATES)
CALL = ProviderCall("one", "acme", "refund", "ok", 5)


def listeners(
    *plugins: object, seconds_max: float = SECONDS_MAX, closing_seconds_max: float = SECONDS_MAX
) -> Listeners:
    registry = Registry()
    for place, plugin in enumerate(plugins):
        registry.register(plugin, name=f"plugin-{place}")
    return Listeners(registry, seconds_max=seconds_max, closing_seconds_max=closing_seconds_max)


def effect(number: int) -> Effect:
    return Effect(f"key-{number}", "purchase.granted", "customer:user_1", 1, number, "purchase:own:1", NOW)


def batch(*numbers: int) -> Batch:
    return Batch("batch", NOW, effects=tuple(effect(number) for number in numbers))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a scene; one that hangs fails."""

    async def bounded() -> T:
        async with asyncio.timeout(BOUND_SECONDS):
            return await work

    return asyncio.run(bounded())


async def hang() -> Any:
    await asyncio.Event().wait()


async def cling() -> Any:
    """Hang, and take no notice of being cancelled: once, so that the test itself can end."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.Event().wait()


def raising(error: BaseException) -> Callable[[], Awaitable[Any]]:
    async def fail() -> Any:
        raise error

    return fail


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("even this")


FAILURES: dict[str, Callable[[], Awaitable[Any]]] = {
    "Exception": raising(Exception(CANARY)),
    "BaseException": raising(BaseException(CANARY)),
    "SystemExit": raising(SystemExit(CANARY)),
    "GeneratorExit": raising(GeneratorExit()),
    "CancelledError": raising(asyncio.CancelledError()),
    "TimeoutError": raising(TimeoutError(CANARY)),
    "MemoryError": raising(MemoryError()),
    "BaseExceptionGroup": raising(BaseExceptionGroup(CANARY, [SystemExit()])),
    "Speechless": raising(Speechless()),
    "hangs": hang,
    "clings": cling,
}
each_failure = pytest.mark.parametrize("failure", FAILURES)


class Asked:
    """Answers every hook by `answer`, and remembers that it was asked."""

    def __init__(self, answer: Callable[[], Awaitable[Any]]) -> None:
        self.answer = answer
        self.heard: list[str] = []

    @hookimpl
    async def purchase_score_routes(self) -> Any:
        self.heard.append("score")
        return await self.answer()

    @hookimpl
    async def purchase_before_checkout(self) -> Any:
        self.heard.append("before")
        return await self.answer()

    @hookimpl
    async def purchase_on_event(self, event: Effect) -> Any:
        self.heard.append(event.key)
        return await self.answer()

    @hookimpl
    def purchase_on_provider_call(self, call: ProviderCall) -> None:
        self.heard.append(call.operation)


async def content(answer: Any = None) -> Any:
    return answer


# --- before a checkout: fail closed ----------------------------------------------------------------


def test_a_checkout_goes_on_if_every_plugin_was_asked_and_none_objects() -> None:
    one, other = Asked(content), Asked(content)
    run(listeners(one, other).before_checkout(REQUEST, DECISION))
    assert one.heard == other.heard == ["before"]


def test_a_plugin_stops_a_checkout_in_its_own_words() -> None:
    objects, after = Asked(raising(CheckoutVetoed("not this one"))), Asked(content)
    with pytest.raises(CheckoutVetoed, match=r"^not this one$"):
        run(listeners(objects, after).before_checkout(REQUEST, DECISION))
    assert after.heard == []


@each_failure
def test_f102_f103_a_plugin_that_cannot_be_asked_stops_the_checkout(
    failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(CheckoutVetoed, match="plugin 'plugin-0' could not be asked") as told:
        run(listeners(Asked(FAILURES[failure]), seconds_max=SOON).before_checkout(REQUEST, DECISION))
    assert CANARY not in str(told.value)
    assert CANARY not in caplog.text
    assert "plugin-0 failed in purchase_before_checkout" in caplog.text


def test_a_hook_that_fails_before_it_awaits_is_contained_too() -> None:
    registry = Registry()

    class Plugin:
        @hookimpl
        async def purchase_before_checkout(self, request: RouteRequest) -> None: ...

    registry.register(Plugin())
    (found,) = registry.listeners("purchase_before_checkout")
    told = Listeners(registry)
    told._before = (attrs.evolve(found, function=lambda _request: 1 / 0),)
    with pytest.raises(CheckoutVetoed, match="ZeroDivisionError"):
        run(told.before_checkout(REQUEST, DECISION))


@pytest.mark.parametrize("answer", [hang, cling])
def test_our_own_cancellation_is_not_swallowed(answer: Callable[[], Awaitable[Any]]) -> None:
    plugin = Asked(answer)

    async def scene() -> bool:
        asked = listeners(plugin)
        task = asyncio.create_task(asked.before_checkout(REQUEST, DECISION))
        while not plugin.heard:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run(scene())


def test_a_person_who_interrupts_is_heard() -> None:
    with pytest.raises(KeyboardInterrupt):
        run(listeners(Asked(raising(KeyboardInterrupt()))).before_checkout(REQUEST, DECISION))


# --- scores: what fails has said nothing -----------------------------------------------------------


def advice(*answers: object) -> Advice:
    plugins = [Asked(lambda answer=answer: content(answer)) for answer in answers]  # type: ignore[misc]
    return run(listeners(*plugins).score(REQUEST, CANDIDATES))


def score(*answers: object) -> tuple[Candidate, ...]:
    return advice(*answers).candidates


def test_what_each_plugin_said_is_kept_under_its_name() -> None:
    found = score(
        [RouteScore("one", 1.5), RouteScore("two", excluded="too dear")],
        [RouteScore("two", 2, excluded="too slow"), RouteScore("one", -0.25)],
    )
    assert [one.said for one in found] == [
        (Said("plugin-0", 1.5), Said("plugin-1", -0.25)),
        (Said("plugin-0", 0.0, "too dear"), Said("plugin-1", 2.0, "too slow")),
    ]


def test_of_two_scores_of_one_connection_the_first_counts() -> None:
    found = score([RouteScore("one", 1), RouteScore("one", 7, excluded="what?")])
    assert found[0].said == (Said("plugin-0", 1.0),)


def test_a_score_of_something_that_is_no_candidate_adds_none_and_is_told() -> None:
    found = advice([RouteScore("three", 100), RouteScore("", 1), RouteScore("two", 2)])
    assert [one.said for one in found.candidates] == [(), (Said("plugin-0", 2.0),)]
    assert found.troubles == (Trouble("plugin-0", "foreign", "2 of no candidate"),)
    assert advice([]) == advice(()) == Advice(CANDIDATES)


@pytest.mark.parametrize(
    "answer",
    [
        None, 7, "one", [None], ["one"], [object()],
        [RouteScore("one", math.nan)], [RouteScore("one", math.inf)], [RouteScore("one", -math.inf)],
        [RouteScore("one", 10**400)], [RouteScore("one", "high")],  # type: ignore[arg-type]
        [RouteScore("one", 1), RouteScore("two", math.nan)],
        [RouteScore("one", excluded="\ud800")], [RouteScore("one", excluded="a\x00b")],
        [RouteScore("one", excluded="x" * 501)], [RouteScore("one", excluded=7)],  # type: ignore[arg-type]
        [RouteScore(["one"])],  # type: ignore[arg-type]
    ],
    ids=range(17),
)  # fmt: skip
def test_what_cannot_be_recorded_was_not_said_at_all(
    answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    found = advice(answer)
    assert found.candidates == CANDIDATES
    assert [(one.plugin, one.kind) for one in found.troubles] == [("plugin-0", "invalid")]
    assert "plugin-0 failed in purchase_score_routes" in caplog.text


@each_failure
def test_f102_f103_a_plugin_that_fails_to_score_leaves_the_others_word(failure: str) -> None:
    bad, good = Asked(FAILURES[failure]), Asked(lambda: content([RouteScore("two", 3.0)]))
    found = run(listeners(bad, good, seconds_max=SOON).score(REQUEST, CANDIDATES))
    assert [one.said for one in found.candidates] == [(), (Said("plugin-1", 3.0),)]
    kind = "late" if failure in ("hangs", "clings") else "raised"
    assert [(one.plugin, one.kind) for one in found.troubles] == [("plugin-0", kind)]
    assert bad.heard == good.heard == ["score"]


@pytest.mark.parametrize(("part", "told"), [(0.75, False), (1.5, True)])
def test_a_plugin_that_keeps_the_event_loop_to_itself_is_told_of_and_heard(
    part: float, *, told: bool
) -> None:
    passed = 0.0

    async def busy() -> Any:
        nonlocal passed
        for _ in range(3):
            passed += part * BLOCKED_SECONDS  # as if it had computed for so long
            await asyncio.sleep(0)
        return [RouteScore("one", 1.0)]

    asked = listeners(Asked(busy))
    asked._timer = lambda: passed
    found = run(asked.score(REQUEST, CANDIDATES))
    assert found.candidates[0].said == (Said("plugin-0", 1.0),)
    assert found.troubles == ((Trouble("plugin-0", "blocked"),) if told else ())


def lazily(error: BaseException) -> Iterator[RouteScore]:
    """Scores that are only made when they are read, and fail then."""
    yield RouteScore("one", 9.0)
    raise error


@pytest.mark.parametrize(
    "error",
    [ValueError(CANARY), SystemExit(CANARY), BaseException(CANARY), asyncio.CancelledError(), MemoryError()],
    ids=lambda error: type(error).__name__,
)
def test_f102_scores_that_fail_while_they_are_read_are_contained(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    assert score(lazily(error)) == CANDIDATES
    assert f"plugin-0 failed in purchase_score_routes: {type(error).__name__}" in caplog.text
    assert CANARY not in caplog.text


def test_f102_scores_that_never_end_are_read_up_to_their_limit() -> None:
    assert score(repeat(RouteScore("one", 1.0), SCORES_MAX))[0].said == (Said("plugin-0", 1.0),)
    assert score(repeat(RouteScore("one", 1.0), SCORES_MAX + 1)) == CANDIDATES
    assert score(repeat(RouteScore("one", 1.0))) == CANDIDATES


def test_a_person_who_interrupts_while_scores_are_read_is_heard() -> None:
    with pytest.raises(KeyboardInterrupt):
        score(lazily(KeyboardInterrupt()))


# --- events: after the commit, best effort ---------------------------------------------------------


async def told_of(asked: Listeners, *numbers: int) -> None:
    asked.on_commit(batch(*numbers))
    await asked.aclose()


def test_events_are_told_in_order_to_everybody() -> None:
    one, other = Asked(content), Asked(content)
    run(told_of(listeners(one, other), 1, 2, 3))
    assert one.heard == other.heard == ["key-1", "key-2", "key-3"]


@each_failure
def test_f102_f103_a_plugin_that_fails_takes_no_other_along(
    failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = Asked(FAILURES[failure]), Asked(content)
    asked = listeners(bad, good, seconds_max=SOON)
    run(told_of(asked, 1, 2))
    assert bad.heard == good.heard == ["key-1", "key-2"]
    assert CANARY not in caplog.text


def test_f103_closing_waits_so_long_and_no_longer(caplog: pytest.LogCaptureFixture) -> None:
    plugin = Asked(hang)
    run(told_of(listeners(plugin, closing_seconds_max=SOON), 1, 2, 3))
    assert plugin.heard == ["key-1"]
    assert "2 events were not told to plugins before closing" in caplog.text


def test_a_full_queue_drops_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> int:
        asked = listeners(Asked(content))
        asked.on_commit(batch(*range(EVENTS_WAITING_MAX + 5)))
        asked._worker.cancel()  # type: ignore[union-attr]
        return asked._waiting.qsize()

    assert run(scene()) == EVENTS_WAITING_MAX
    assert "an event was not told to plugins" in caplog.text


def test_nobody_listening_costs_no_task() -> None:
    async def scene() -> Listeners:
        asked = listeners()
        await told_of(asked, 1)
        return asked

    asked = run(scene())
    assert asked._worker is None
    assert asked._waiting.empty()


# --- calls -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [ValueError(CANARY), SystemExit(CANARY), BaseException(), asyncio.CancelledError()]
)
def test_f102_a_plugin_that_fails_on_a_call_is_contained(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    class Bad:
        @hookimpl
        def purchase_on_provider_call(self, call: ProviderCall) -> None:
            raise error

    good = Asked(content)
    asked = listeners(Bad(), good)
    assert asked.wants_calls
    asked.on_provider_call(CALL)
    assert good.heard == ["refund"]
    assert CANARY not in caplog.text
    assert not listeners().wants_calls


# --- in an open billing ----------------------------------------------------------------------------

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
