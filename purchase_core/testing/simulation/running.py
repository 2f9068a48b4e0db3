"""Running: many histories, in one process or several, from where an earlier run stopped."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import msgspec

from purchase_core.testing.memory_store import MemoryStore
from purchase_core.testing.simulation.history import Plan, Played, play
from purchase_core.testing.simulation.scenario import Scenario
from purchase_core.testing.simulation.shrinking import shrunk

CHUNK_SEEDS = 250
COLLECT_AFTER = 200_000  # objects: some 30 MB
FINDINGS_MAX = 20


class Failure(msgspec.Struct, frozen=True):
    """A seed with a finding. `command` plays it again, `small` plays what is left of it after shrinking."""

    seed: int
    finding: str
    digest: str
    command: str
    small: str
    steps: int
    log: tuple[str, ...]


class Tally(msgspec.Struct):
    """How far a run has come. `cpu_seconds` is over all processes. Written to the file of `--resume`."""

    start: int
    stop: int
    store: str
    mode: str
    next: int
    histories: int = 0
    cpu_seconds: float = 0.0
    failures: list[Failure] = []

    @property
    def rate(self) -> float:
        """Histories a second and core."""
        return self.histories / self.cpu_seconds if self.cpu_seconds else 0.0


MEMORY = "memory"


@attrs.frozen
class Job:
    """How histories are played: by names, which every process can look up.

    `store`: MEMORY, or MODULE:FUNCTION that makes an empty store. `scenario`: MODULE:NAME of a Scenario, or
    "".
    """

    store: str = MEMORY
    scenario: str = ""
    steps_max: int = Scenario().steps_max
    liveness: bool = True
    shrink: bool = True

    def command(self, plan: Plan) -> str:
        """What plays it again, as it was played here."""
        parts = [plan.command()]
        if self.store != MEMORY:
            parts.append(f"--store {self.store}")
        if self.scenario:
            parts.append(f"--scenario {self.scenario}")
        elif self.steps_max != Scenario().steps_max:
            parts.append(f"--steps {self.steps_max}")
        return " ".join(parts)

    def play(self, plan: Plan) -> Played:
        """Play one history."""
        scenario = named(self.scenario) if self.scenario else Scenario(steps_max=self.steps_max)
        return play(plan, scenario, MemoryStore if self.store == MEMORY else named(self.store))


def named(place: str) -> Any:
    """What MODULE:NAME is."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def chunk(job: Job, seeds: range) -> tuple[list[Failure], float]:
    """Play some seeds; what was found, and how many seconds of a core that took."""
    started = time.process_time()
    failures = []
    with _quiet(), _collecting_seldom():
        for seed in seeds:
            failure = one(job, Plan(seed, liveness=job.liveness))
            if failure is not None:
                failures.append(failure)
    return failures, time.process_time() - started


@contextmanager
def _quiet() -> Iterator[None]:
    """A line for each fault would hide what is found."""
    log = logging.getLogger("purchase")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Look for garbage seldom: a history leaves little, and what was there before it stays."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def one(job: Job, plan: Plan) -> Failure | None:
    """Play one history, and make it smaller if something is found."""
    played = job.play(plan)
    if not played.findings:
        return None
    small = shrunk(played, job.play) if job.shrink else played
    return Failure(
        plan.seed,
        str(small.findings[0]),
        small.digest,
        job.command(plan),
        job.command(small.plan),
        len(small.steps),
        small.log,
    )


def run(
    job: Job, tally: Tally, *, jobs: int = 1, told: Callable[[Tally], None], resume: Path | None = None
) -> Tally:
    """Play the seeds that the tally says are left. `told` hears of each piece of work that is done."""
    for failures, seconds, seeds in _results(job, range(tally.next, tally.stop), jobs):
        tally.failures = [*tally.failures, *failures]
        tally.cpu_seconds += seconds
        tally.histories += len(seeds)
        tally.next = seeds.stop
        if resume is not None:
            resume.write_bytes(msgspec.json.encode(tally))
        told(tally)
        if len(tally.failures) >= FINDINGS_MAX:
            break
    return tally


def _results(job: Job, seeds: range, jobs: int) -> Iterator[tuple[list[Failure], float, range]]:
    pieces = [seeds[start : start + CHUNK_SEEDS] for start in range(0, len(seeds), CHUNK_SEEDS)]
    if jobs == 1:
        for piece in pieces:
            yield *chunk(job, piece), piece
        return
    with ProcessPoolExecutor(jobs) as pool:
        waiting: list[tuple[range, Future[tuple[list[Failure], float]]]] = []
        left: Sequence[range] = pieces
        try:
            while left or waiting:
                while left and len(waiting) < 2 * jobs:
                    waiting.append((left[0], pool.submit(chunk, job, left[0])))
                    left = left[1:]
                piece, future = waiting.pop(0)
                yield *future.result(), piece
        finally:
            for _, future in waiting:
                future.cancel()


def resumed(resume: Path | None, seeds: range, store: str, mode: str) -> Tally:
    """Where a run begins: at its first seed, or where the file says. Raises ValueError for another run's."""
    if resume is None or not resume.exists():
        return Tally(seeds.start, seeds.stop, store, mode, seeds.start)
    known = msgspec.json.decode(resume.read_bytes(), type=Tally)
    if (known.start, known.stop, known.store, known.mode) != (seeds.start, seeds.stop, store, mode):
        raise ValueError(f"{resume} is of --seeds {known.start}:{known.stop} on {known.store}, {known.mode}")
    return known
