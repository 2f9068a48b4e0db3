"""Experiments with providers: let time pass, disturb webhooks, take a provider down."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

import attrs

from purchase_core.errors import InvalidArgument
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault
from purchase_simulators.wire.clock import SharedClock
from purchase_simulators.wire.local import LocalProvider
from purchase_simulators.wire.spans import after

from .showing import moment

SPANS = {
    "minute": ("One minute later", "1minute"),
    "day": ("One day later", "1day"),
    "fortnight": ("Two weeks later", "2weeks"),
    "month": ("One month later", "1month"),
}
FAULTS = {
    Fault.DUPLICATE: ("Send webhooks twice", "sent twice", CERTAIN_PPM),
    Fault.DELAY: ("Send webhooks late", "half a minute late", CERTAIN_PPM),
    Fault.REORDER: ("Shuffle webhooks", "out of order", CERTAIN_PPM // 2),
    Fault.DROP: ("Lose webhooks", "lost", CERTAIN_PPM),
}


@attrs.frozen
class Experiment:
    """A button: what it sends, what it says, and whether what it does is on (None: it does it once)."""

    name: str
    label: str
    on: bool | None = None


@attrs.frozen
class Bench:
    """Experiments of one kind."""

    title: str
    experiments: tuple[Experiment, ...]


class Laboratory:
    """Providers to play with, that share one time. Whatever is done, the shop ends in the right state."""

    def __init__(self, clock: SharedClock, providers: Mapping[str, LocalProvider]) -> None:
        self._clock = clock
        self._providers = providers

    @property
    def now(self) -> str:
        """The time that everybody shares."""
        return moment(self._clock.now())

    @property
    def mood(self) -> str:
        """What is wrong at the moment, in words."""
        wrong = [words for fault, (_, words, _) in FAULTS.items() if self._is_on(fault)]
        told = [f"Webhooks are {' and '.join(wrong)}."] if wrong else []
        told += [f"{one.title} is down." for one in self._providers.values() if not one.is_up]
        return " ".join(told)

    @property
    def benches(self) -> tuple[Bench, ...]:
        """All experiments."""
        faults = tuple(
            Experiment(str(fault), label, self._is_on(fault)) for fault, (label, _, _) in FAULTS.items()
        )
        down = tuple(
            Experiment(f"{'down' if one.is_up else 'up'}:{name}", f"Take {one.title} down", not one.is_up)
            for name, one in self._providers.items()
        )
        return (
            Bench("Time", tuple(Experiment(name, label) for name, (label, _) in SPANS.items())),
            Bench("Webhooks", (*faults, Experiment("again", "Send every webhook again"))),
            Bench("Outage", down),
        )

    async def run(self, experiment: str) -> None:
        """Do it. Raises InvalidArgument for one that is not known."""
        kind, _, name = experiment.partition(":")
        if experiment in SPANS:
            await self.travel(SPANS[experiment][1])
        elif experiment == "again":
            for provider in self._providers.values():
                provider.redeliver()
        elif kind in ("down", "up") and name in self._providers:
            provider = self._providers[name]
            if provider.is_up == (kind == "down"):
                await (provider.stop() if provider.is_up else provider.start())
        elif experiment in list(Fault):
            self._switch(Fault(experiment))
        else:
            raise InvalidArgument(f"no experiment {experiment[:40]!r}")

    async def travel(self, span: str) -> None:
        """Let time pass for everybody: "1month". Raises InvalidArgument."""
        async with AsyncExitStack() as stack:
            for provider in self._providers.values():
                # A webhook that is on its way was signed before, and would be too old when it arrives.
                await stack.enter_async_context(provider.quiet)
            now = self._clock.now()
            self._clock.advance(after(now, span) - now)
        for provider in self._providers.values():
            provider.played.advance(0)  # what is due by now happens

    def _is_on(self, fault: Fault) -> bool:
        return all(fault in one.chaos.odds_ppm for one in self._providers.values())

    def _switch(self, fault: Fault) -> None:
        if fault not in FAULTS:
            raise InvalidArgument(f"no experiment {str(fault)!r}")
        odds = 0 if self._is_on(fault) else FAULTS[fault][2]
        for provider in self._providers.values():
            provider.chaos.set(fault, odds)
