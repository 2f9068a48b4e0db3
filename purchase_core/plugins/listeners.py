"""Calling the listening hooks: each implementation on its own, under a deadline, its failures contained."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable
from itertools import islice
from typing import Any

import attrs

from purchase_core.errors import CheckoutVetoed
from purchase_core.plugins.hookspecs import ProviderCall, RouteScore
from purchase_core.plugins.registry import Listener, Registry
from purchase_core.ports.router import Candidate, RouteRequest, RoutingDecision
from purchase_core.ports.store import Batch
from purchase_core.records.effect import Effect
from purchase_core.text import storable

HOOK_SECONDS_MAX = 2.0
EVENTS_WAITING_MAX = 10_000
CLOSING_SECONDS_MAX = 5.0
EXCLUDED_CHARACTERS_MAX = 500
SCORES_MAX = 1_000

log = logging.getLogger("purchase.plugins")


@attrs.frozen
class Failure:
    """What a plugin raised. Kept as a value, so that it cannot be taken for something of ours."""

    error: BaseException


class Listeners:
    """The listeners of one application. An error is logged with the plugin's name, never its message.

    A hook that blocks the event loop itself cannot be interrupted. One that awaits can, and is; if it goes
    on all the same, it is left behind.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        seconds_max: float = HOOK_SECONDS_MAX,
        closing_seconds_max: float = CLOSING_SECONDS_MAX,
    ) -> None:
        self._score = registry.listeners("purchase_score_routes")
        self._before = registry.listeners("purchase_before_checkout")
        self._events = registry.listeners("purchase_on_event")
        self._calls = registry.listeners("purchase_on_provider_call")
        self._seconds_max = seconds_max
        self._closing_seconds_max = closing_seconds_max
        self._waiting: asyncio.Queue[Effect] = asyncio.Queue(EVENTS_WAITING_MAX)
        self._worker: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[Any]] = set()

    # --- before a checkout -------------------------------------------------------------------

    async def score(self, request: RouteRequest, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """The candidates with what the plugins say of them. A plugin that fails has said nothing."""
        for listener in self._score:
            said = await self._ask(listener, request=request, candidates=candidates)
            if not isinstance(said, Failure):
                said = _scored(candidates, said)
            if isinstance(said, Failure):
                _log(listener, "purchase_score_routes", said)
            else:
                candidates = said
        return candidates

    async def before_checkout(self, request: RouteRequest, decision: RoutingDecision) -> None:
        """Ask every plugin. Raises CheckoutVetoed if one objects, fails, or takes too long."""
        for listener in self._before:
            said = await self._ask(listener, request=request, decision=decision)
            if not isinstance(said, Failure):
                continue
            if isinstance(said.error, CheckoutVetoed):
                raise said.error
            _log(listener, "purchase_before_checkout", said)
            raise CheckoutVetoed(
                f"plugin {listener.plugin!r} could not be asked ({type(said.error).__name__}), "
                "so the checkout was stopped"
            )

    async def _ask(self, listener: Listener, **arguments: object) -> Any:
        """What one plugin answers in time, or its Failure. Only our own cancellation is raised."""
        task = asyncio.get_running_loop().create_task(_call(listener, arguments))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            done, _ = await asyncio.wait([task], timeout=self._seconds_max)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if done:
            return Failure(asyncio.CancelledError()) if task.cancelled() else task.result()
        task.cancel()
        return Failure(TimeoutError())

    # --- after a commit ----------------------------------------------------------------------

    def on_commit(self, batch: Batch) -> None:
        """Tell of what became true, later and beside the request; full queues drop, since this may."""
        if not self._events:
            return
        for effect in batch.effects:
            if self._waiting.full():
                log.warning("an event was not told to plugins: %d are waiting", EVENTS_WAITING_MAX)
                break
            self._waiting.put_nowait(effect)
        if self._worker is None and batch.effects:
            self._worker = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        while True:
            effect = await self._waiting.get()
            for listener in self._events:
                said = await self._ask(listener, event=effect)
                if isinstance(said, Failure):
                    _log(listener, "purchase_on_event", said)
            self._waiting.task_done()

    async def aclose(self) -> None:
        """Tell what is still waiting, within bounds, and stop."""
        if self._worker is None:
            return
        try:
            async with asyncio.timeout(self._closing_seconds_max):
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
                listener.call(call=call)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # whatever a plugin raises is contained
                _log(listener, "purchase_on_provider_call", Failure(error))


async def _call(listener: Listener, arguments: dict[str, object]) -> Any:
    """The answer, or a Failure: what a plugin raises must reach neither its task nor the loop."""
    try:
        return await listener.call(**arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Failure(error)


def _scored(
    candidates: tuple[Candidate, ...], scores: Iterable[RouteScore]
) -> tuple[Candidate, ...] | Failure:
    try:
        listed = list(islice(scores, SCORES_MAX + 1))
        if len(listed) > SCORES_MAX:
            return Failure(ValueError("too many scores"))
        said = {one.connection: one for one in reversed(listed)}  # of two about one, the first counts
        return tuple(_with(one, said.get(one.connection)) for one in candidates)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may return anything, and anything may raise when it is read
        return Failure(error)


def _with(candidate: Candidate, said: RouteScore | None) -> Candidate:
    if said is None:
        return candidate
    score = candidate.score + float(said.score)
    if not math.isfinite(score):
        raise ValueError("a score is a finite number")
    excluded = storable("excluded", said.excluded, characters_max=EXCLUDED_CHARACTERS_MAX)
    return attrs.evolve(candidate, score=score, excluded=candidate.excluded or excluded)


def _log(listener: Listener, hook: str, failure: Failure) -> None:
    log.error("plugin %s failed in %s: %s", listener.plugin, hook, type(failure.error).__name__)
