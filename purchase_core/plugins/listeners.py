"""Calling the listening hooks: each implementation on its own, under a deadline, its failures contained."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from msgspec.structs import replace

from purchase_core.errors import CheckoutVetoed
from purchase_core.instants import Instant
from purchase_core.plugins.hookspecs import ProviderCall
from purchase_core.plugins.registry import Listener, Registry
from purchase_core.plugins.scores import Failure, Scores, read_scores
from purchase_core.plugins.stepwise import Stepwise, Stopwatch
from purchase_core.ports.batch import Batch
from purchase_core.ports.router import Advice, Candidate, RouteRequest, RoutingDecision, Said, Trouble
from purchase_core.records.effect import Effect
from purchase_core.records.finding import WARNING, Finding

HOOK_SECONDS_MAX = 2.0
EVENTS_WAITING_MAX = 10_000
CLOSING_SECONDS_MAX = 5.0
BLOCKED_SECONDS = 0.1  # an event loop that stands still for as long is noticed by everybody

log = logging.getLogger("purchase.plugins")


class Late(TimeoutError):
    """A plugin did not answer in time; what it raises itself is never this."""


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
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self._score = registry.listeners("purchase_score_routes")
        self._before = registry.listeners("purchase_before_checkout")
        self._events = registry.listeners("purchase_on_event")
        self._calls = registry.listeners("purchase_on_provider_call")
        self._examine = registry.listeners("purchase_examine")
        self._seconds_max = seconds_max
        self._closing_seconds_max = closing_seconds_max
        self._timer = timer
        self._waiting: asyncio.Queue[Effect] = asyncio.Queue(EVENTS_WAITING_MAX)
        self._worker: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[Any]] = set()

    # --- before a checkout -------------------------------------------------------------------

    async def score(self, request: RouteRequest, candidates: tuple[Candidate, ...]) -> Advice:
        """The candidates with what the plugins say of them, all asked at once.

        A plugin that fails, is late, or says what cannot be recorded has said nothing, and is a trouble of
        the decision; so is one that kept the event loop to itself, which cannot be interrupted.
        """
        if not self._score:
            return Advice(candidates)
        read = await asyncio.gather(*(self._scores(one, request, candidates) for one in self._score))
        said: dict[str, list[Said]] = {}
        for scores in read:
            for connection, one in scores.said:
                said.setdefault(connection, []).append(one)
        scored = tuple(
            replace(one, said=(*one.said, *said[one.connection])) if one.connection in said else one
            for one in candidates
        )
        return Advice(scored, tuple(trouble for scores in read for trouble in scores.troubles))

    async def _scores(
        self, listener: Listener, request: RouteRequest, candidates: tuple[Candidate, ...]
    ) -> Scores:
        """What one plugin says; nothing, and why, where that cannot be had."""
        watch = Stopwatch(self._timer)
        answer = await self._ask(listener, watch, request=request, candidates=candidates)
        kind = "invalid"
        if isinstance(answer, Failure):
            read: Scores | Failure = answer
            kind = "late" if isinstance(answer.error, Late) else "raised"
        else:
            read = read_scores(listener.plugin, candidates, answer)
        blocked = watch.longest_seconds > BLOCKED_SECONDS
        troubles = (Trouble(listener.plugin, "blocked"),) if blocked else ()
        if isinstance(read, Failure):
            _log(listener, "purchase_score_routes", read)
            failed = Trouble(listener.plugin, kind, type(read.error).__name__)
            return Scores(troubles=(failed, *troubles))
        return Scores(read.said, (*read.troubles, *troubles))

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

    async def _ask(self, listener: Listener, watch: Stopwatch | None = None, **arguments: object) -> Any:
        """What one plugin answers in time, or its Failure. Only our own cancellation is raised."""
        task = asyncio.get_running_loop().create_task(_call(listener, arguments, watch))
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
        return Failure(Late())

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

    # --- when the doctor asks ----------------------------------------------------------------

    async def examine(self, at: Instant) -> list[Finding]:
        """What every plugin finds; one that fails, is late or answers with something else is a finding."""
        found: list[Finding] = []
        for listener in self._examine:
            said = await self._ask(listener, at=at)
            if isinstance(said, list | tuple) and all(isinstance(one, Finding) for one in said):
                found += [replace(one, id=f"{listener.plugin}:{one.id}") for one in said]
            else:
                why = type(said.error).__name__ if isinstance(said, Failure) else "no list of findings"
                message = f"plugin {listener.plugin!r} could not be asked: {why}"
                found.append(Finding("plugin.silent", WARNING, message, listener.plugin))
        return found

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


async def _call(listener: Listener, arguments: dict[str, object], watch: Stopwatch | None) -> Any:
    """The answer, or a Failure: what a plugin raises must reach neither its task nor the loop."""
    try:
        if watch is None:
            return await listener.call(**arguments)
        return await Stepwise(listener.call(**arguments), watch)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Failure(error)


def _log(listener: Listener, hook: str, failure: Failure) -> None:
    log.error("plugin %s failed in %s: %s", listener.plugin, hook, type(failure.error).__name__)
