"""Calling the listening hooks: each implementation on its own, under a deadline, its failures contained."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Sequence
from typing import Any

import attrs

from purchase_core.errors import CheckoutVetoed
from purchase_core.plugins.hookspecs import ProviderCall, RouteScore
from purchase_core.plugins.registry import Listener, Registry
from purchase_core.ports.router import Candidate, RouteRequest, RoutingDecision
from purchase_core.ports.store import Batch
from purchase_core.records.effect import Effect

HOOK_SECONDS_MAX = 2.0
EVENTS_WAITING_MAX = 10_000
CLOSING_SECONDS_MAX = 5.0

log = logging.getLogger("purchase.plugins")


class Listeners:
    """The listeners of one application. An error is logged with the plugin's name, never its message.

    A hook that blocks the event loop itself cannot be interrupted; one that awaits can, and is.
    """

    def __init__(self, registry: Registry, *, seconds_max: float = HOOK_SECONDS_MAX) -> None:
        self._score = registry.listeners("purchase_score_routes")
        self._before = registry.listeners("purchase_before_checkout")
        self._events = registry.listeners("purchase_on_event")
        self._calls = registry.listeners("purchase_on_provider_call")
        self._seconds_max = seconds_max
        self._waiting: asyncio.Queue[Effect] = asyncio.Queue(EVENTS_WAITING_MAX)
        self._worker: asyncio.Task[None] | None = None

    # --- before a checkout -------------------------------------------------------------------

    async def score(self, request: RouteRequest, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """The candidates with what the plugins say of them. A plugin that fails has said nothing."""
        for listener in self._score:
            try:
                scores = await self._bounded(listener.call(request, candidates))
                candidates = tuple(_scored(one, scores) for one in candidates)
            except BaseException as error:  # whatever a plugin raises is contained
                _contain(listener, "purchase_score_routes", error)
        return candidates

    async def before_checkout(self, request: RouteRequest, decision: RoutingDecision) -> None:
        """Ask every plugin. Raises CheckoutVetoed if one objects, fails, or takes too long."""
        for listener in self._before:
            try:
                await self._bounded(listener.call(request, decision))
            except CheckoutVetoed:
                raise
            except BaseException as error:
                _contain(listener, "purchase_before_checkout", error)
                raise CheckoutVetoed(
                    f"plugin {listener.plugin!r} could not be asked ({type(error).__name__}), "
                    "so the checkout was stopped"
                ) from None

    async def _bounded(self, awaitable: Awaitable[Any]) -> Any:
        async with asyncio.timeout(self._seconds_max):
            return await awaitable

    # --- after a commit ----------------------------------------------------------------------

    def on_commit(self, batch: Batch) -> None:
        """Tell of what became true, later and beside the request; full queues drop, since this may."""
        if not self._events:
            return
        for effect in batch.effects:
            if self._waiting.full():
                log.warning("an event was not told to plugins: %d are waiting", EVENTS_WAITING_MAX)
                return
            self._waiting.put_nowait(effect)
        if self._worker is None and batch.effects:
            self._worker = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        while True:
            effect = await self._waiting.get()
            for listener in self._events:
                try:
                    await self._bounded(listener.call(effect))
                except BaseException as error:  # whatever a plugin raises is contained
                    _contain(listener, "purchase_on_event", error)
            self._waiting.task_done()

    async def aclose(self) -> None:
        """Tell what is still waiting, within bounds, and stop."""
        if self._worker is None:
            return
        try:
            async with asyncio.timeout(CLOSING_SECONDS_MAX):
                await self._waiting.join()
        except TimeoutError:
            log.warning("%d events were not told to plugins before closing", self._waiting.qsize())
        self._worker.cancel()
        await asyncio.wait([self._worker])

    # --- around calls ------------------------------------------------------------------------

    @property
    def wants_calls(self) -> bool:
        """Whether anybody listens to provider calls."""
        return bool(self._calls)

    def on_provider_call(self, call: ProviderCall) -> None:
        """Tell of a call that has ended."""
        for listener in self._calls:
            try:
                listener.call(call)
            except BaseException as error:  # whatever a plugin raises is contained
                _contain(listener, "purchase_on_provider_call", error)


def _scored(candidate: Candidate, scores: Sequence[RouteScore]) -> Candidate:
    for one in scores:
        if one.connection == candidate.connection:
            score = candidate.score + one.score
            if not math.isfinite(score):
                raise ValueError("a score is a finite number")
            return attrs.evolve(candidate, score=score, excluded=candidate.excluded or one.excluded)
    return candidate


def _contain(listener: Listener, hook: str, error: BaseException) -> None:
    """Log a plugin's failure, unless it is our own task that is being cancelled."""
    task = asyncio.current_task() if isinstance(error, asyncio.CancelledError) else None
    if task is not None and task.cancelling():
        raise error
    log.error("plugin %s failed in %s: %s", listener.plugin, hook, type(error).__name__)
