"""Listeners: asked under a deadline, told after the commit, and contained whatever they do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from purchase_core.errors import CheckoutVetoed
from purchase_core.plugins.hookspecs import ProviderCall, hookimpl
from purchase_core.plugins.listeners import EVENTS_WAITING_MAX, Listeners
from purchase_core.plugins.registry import Registry
from purchase_core.ports.batch import Batch
from purchase_core.ports.router import RouteRequest
from purchase_core.records.effect import Effect
from purchase_core.routing.router import PolicyRouter
from tests.plugins.hooking import (
    CANARY,
    CANDIDATES,
    FAILURES,
    NOW,
    REQUEST,
    SOON,
    Asked,
    cling,
    content,
    each_failure,
    hang,
    listeners,
    raising,
    run,
)

DECISION = PolicyRouter().decide(REQUEST, CANDIDATES)
CALL = ProviderCall("one", "acme", "refund", "ok", 5)


def effect(number: int) -> Effect:
    return Effect(f"key-{number}", "purchase.granted", "customer:user_1", 1, number, "purchase:own:1", NOW)


def batch(*numbers: int) -> Batch:
    return Batch("batch", NOW, effects=tuple(effect(number) for number in numbers))


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
