"""Tells the story once undisturbed, and then once for each point; compares what is left."""

from __future__ import annotations

import asyncio
import re
import shutil
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Self
from unittest.mock import patch

import attrs
import msgspec

from tests.crash_points.grounds import Ground, Scene
from tests.crash_points.messages import Start
from tests.crash_points.points import Point, Site
from tests.crash_points.world import Ending, Finding, World

ROOT = Path(__file__).parents[2]
MEMORY = Path("/dev/shm")  # noqa: S108  # it is processes that die here, so a disk would only be slower

_OURS = re.compile(r"(intent|attempt|receipt|batch|delivery)_[0-9a-f]{32}")


class Verdict(msgspec.Struct, frozen=True):
    """How one point ended. `finding` "": nothing was lost, nothing done twice, nothing differs."""

    point: str
    reached: bool
    deaths: int
    refusals: int
    finding: str = ""


@attrs.frozen
class Baseline:
    """The undisturbed story: what is left of it, and how many points it has."""

    ending: Ending
    counts: Counter[Site]


class Nursery:
    """The process that forks workers."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.crash_points.worker"]
        # Every world has clients that speak no TLS: to read a machine's certificates for each is slow.
        self._patch = patch("httpx._transports.default.create_ssl_context", _plain_context)
        self._patch.start()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT)  # noqa: S603  # our own code
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
        self._patch.stop()

    def fork(self, start: Start) -> None:
        """Start a worker."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(start) + b"\n")
        self._process.stdin.flush()


def _plain_context(*_: object, **__: object) -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Campaign:
    """One ground, and a nursery of workers that may have a planted bug."""

    def __init__(self, ground: Ground, nursery: Nursery, *, bug: str = "") -> None:
        self._ground = ground
        self._nursery = nursery
        self._bug = bug

    def _world(self, scene: Scene, folder: Path) -> World:
        return World(
            self._nursery.fork,
            self._ground.name,
            scene.place,
            scene.safe_place,
            str(folder / "socket"),
            scene.harm,
            self._bug,
        )

    async def baseline(self) -> Baseline:
        """Tell it undisturbed, once for each part that is counted. Raises Finding if that goes wrong."""
        counts: Counter[Site] = Counter()
        endings = []
        for watched in self._ground.recordings:
            with _folder() as folder:
                async with self._ground.scene(folder, None, watched) as scene:
                    endings.append(await self._world(scene, folder).tale())
                counts.update(scene.counts)
        for other in endings[1:]:
            _compare(endings[0], other)
        return Baseline(endings[0], counts)

    async def verdict(self, point: Point, baseline: Baseline) -> Verdict:
        """Tell it with this point harmed."""
        finding, reached, world = "", False, None
        with _folder() as folder:
            try:
                async with self._ground.scene(folder, point) as scene:
                    world = self._world(scene, folder)
                    ending = await world.tale()
                _compare(baseline.ending, ending)
                reached = scene.reached or world.deaths > 0
            except Finding as found:
                finding, reached = str(found), True
        assert world is not None
        return Verdict(str(point), reached, world.deaths, len(world.refusals), finding)

    async def verdicts(
        self, points: Sequence[Point], baseline: Baseline, *, jobs: int
    ) -> AsyncGenerator[Verdict, None]:
        """All of these, as they end; so many at a time."""
        waiting = iter(points)
        running: set[asyncio.Task[Verdict]] = set()
        try:
            while True:
                while len(running) < jobs and (point := next(waiting, None)) is not None:
                    running.add(asyncio.create_task(self.verdict(point, baseline)))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="purchase-crash-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _compare(wanted: Ending, found: Ending) -> None:
    """Raise Finding where two endings differ, but for the names that our identifiers happen to have."""
    for about, of in _ASPECTS.items():
        before, after = of(wanted), of(found)
        if before != after:
            raise Finding(f"{about} differ: {_difference(before, after)}")
    if found.picture.wrong:
        raise Finding("; ".join(found.picture.wrong))


_ASPECTS: dict[str, Callable[[Ending], object]] = {
    "sessions at the provider": lambda end: end.sessions,
    "refunds at the provider": lambda end: end.refunds,
    "deliveries": lambda end: sorted(
        item for item in end.picture.deliveries.items() if not item[0].startswith("fetch:")
    ),
    "commands": lambda end: sorted(end.picture.commands.items()),
    "spent": lambda end: sorted(end.picture.spent.items()),
    "rows": lambda end: _renamed(end.picture.rows),
    "effects": lambda end: _renamed("\n".join(sorted(end.picture.effects))),
}


def _renamed(text: str) -> str:
    """Identifiers by their rank among those of their kind: later ones sort later."""
    ranks: dict[str, str] = {}
    for number, name in enumerate(sorted({match[0] for match in _OURS.finditer(text)})):
        ranks[name] = f"{name.split('_')[0]}_{number}"
    return _OURS.sub(lambda match: ranks[match[0]], text)


def _difference(before: object, after: object) -> str:
    if not isinstance(before, str) or not isinstance(after, str):
        return f"{before} and {after}"[:400]
    at = next((n for n, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), 0)
    return f"…{before[max(0, at - 80) : at + 80]}… and …{after[max(0, at - 80) : at + 80]}…"
