"""Plugins that listen, fail and hang."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import pytest

from purchase_core.instants import SECOND, Instant
from purchase_core.plugins.hookspecs import ProviderCall, hookimpl
from purchase_core.plugins.listeners import Listeners
from purchase_core.plugins.registry import Registry
from purchase_core.ports.router import Advice, Candidate, RouteRequest
from purchase_core.records.effect import Effect

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


def listeners(
    *plugins: object, seconds_max: float = SECONDS_MAX, closing_seconds_max: float = SECONDS_MAX
) -> Listeners:
    registry = Registry()
    for place, plugin in enumerate(plugins):
        registry.register(plugin, name=f"plugin-{place}")
    return Listeners(registry, seconds_max=seconds_max, closing_seconds_max=closing_seconds_max)


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


# --- scores: what fails has said nothing -----------------------------------------------------------


def advice(*answers: object) -> Advice:
    plugins = [Asked(lambda answer=answer: content(answer)) for answer in answers]  # type: ignore[misc]
    return run(listeners(*plugins).score(REQUEST, CANDIDATES))


def score(*answers: object) -> tuple[Candidate, ...]:
    return advice(*answers).candidates
