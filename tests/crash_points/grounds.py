"""What can go wrong with each store, and how it is made to: one ground a store.

A further store brings a class of this shape, and a line in `GROUNDS`.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path

import attrs
import msgspec
from msgspec.structs import replace

from purchase_d1.config import D1Config
from purchase_d1.local import Address
from purchase_d1.testing import own_tables
from tests.crash_points.points import Point, Site
from tests.crash_points.requests import Requests
from tests.crash_points.servers import schema
from tests.crash_points.stores import ERRORS
from tests.crash_points.tracing import CALLS, STRACE, Tracer
from tests.crash_points.world import Finding, Harm, Worker


@attrs.define(eq=False)
class Scene:
    """Where one story is told, and what happens in it. `counts` and `reached` are known at its end."""

    place: str
    safe_place: str
    harm: Harm
    counts: Counter[Site] = attrs.field(factory=Counter)
    reached: bool = False


class Ground(ABC):
    """A store, and every way in which it can be harmed."""

    name: str
    recordings: tuple[str, ...] = ("",)
    """Undisturbed stories that are needed to count everything; each watches one part."""

    @abstractmethod
    def scene(
        self, folder: Path, point: Point | None, watched: str = ""
    ) -> AbstractAsyncContextManager[Scene]:
        """A fresh place, in which this point is harmed; without one, `watched` is counted.

        Raises Finding at its end, if what is left there is damaged.
        """


class Sqlite(Ground):
    """A file: at each statement, and at each system call on it of each thread that makes any."""

    name = "sqlite"
    recordings = ("statement", "opening", "writer", "reader") if STRACE else ("statement",)

    @asynccontextmanager
    async def scene(self, folder: Path, point: Point | None, watched: str = "") -> AsyncIterator[Scene]:
        """A new file."""
        database = folder / "purchase.db"
        part = point.site.part if point else watched
        if part == "statement":
            scene = Scene(str(database), str(database), _at_statement(folder / "count", point))
            yield scene
            if point is None:
                counted = msgspec.json.decode((folder / "count").read_bytes(), type=dict[str, int])
                for harm in ("kill", *ERRORS):
                    scene.counts.update(
                        {Site(self.name, part, harm, verb): number for verb, number in counted.items()}
                    )
            scene.reached = True
        else:
            tracer = Tracer(database, folder / "strace")
            scene = Scene(str(database), str(database), _at_call(tracer, part, point))
            try:
                yield scene
            finally:
                await tracer.detach()
            scene.reached = tracer.injected()
            calls = tracer.counted()
            scene.counts.update(
                {
                    Site(self.name, part, harm, call): calls[call]
                    for harm, several in CALLS.items()
                    for call in several
                    if calls[call]
                }
            )
        with closing(sqlite3.connect(database)) as connection:
            (said,) = connection.execute("PRAGMA integrity_check").fetchone()
        if said != "ok":
            raise Finding(f"the file is damaged: {said}")


def _at_statement(count: Path, point: Point | None) -> Harm:
    if point is None:
        return Harm(start=lambda start: replace(start, counts=str(count)))
    site = point.site
    return Harm(start=lambda start: replace(start, harm=site.harm, verb=site.what, at=point.number))


def _at_call(tracer: Tracer, part: str, point: Point | None) -> Harm:
    wanted = {"harm": point.site.harm, "call": point.site.what} if point else {"harm": "", "call": ""}
    number = point.number if point else 0

    async def whole(worker: Worker) -> None:
        await tracer.attach(worker.process, number=number, whole=True, **wanted)

    async def end(worker: Worker) -> None:
        await tracer.detach()

    async def one(worker: Worker) -> None:
        thread = worker.writing_thread if part == "writer" else worker.process
        await tracer.attach(thread, number=number, whole=False, **wanted)

    return Harm(opening=whole, opened=end) if part == "opening" else Harm(opened=one)


class Postgres(Ground):
    """A server: at each message on the line to it."""

    name = "postgres"

    def __init__(self, address: str) -> None:
        self._address = address

    @asynccontextmanager
    async def scene(self, folder: Path, point: Point | None, watched: str = "") -> AsyncIterator[Scene]:
        """A new schema."""
        from tests.crash_points.line import Line  # noqa: PLC0415  # needs the driver

        harm = point.site.harm if point else ""
        with schema(self._address) as place:
            line = Line(place, harm=harm, number=point.number if point else 0)

            async def opening(worker: Worker) -> None:
                line.kill = worker.kill

            async with line.listening() as address:
                scene = Scene(address, place, Harm(opening=opening))
                yield scene
            scene.reached = line.done
            scene.counts.update({Site(self.name, "line", one): line.counts[one] for one in line.counts})


class D1(Ground):
    """A database over HTTP: at each request."""

    name = "d1"

    def __init__(self, address: Address) -> None:
        self._address = address

    @asynccontextmanager
    async def scene(self, folder: Path, point: Point | None, watched: str = "") -> AsyncIterator[Scene]:
        """New tables."""
        line = Requests(
            self._address.url, harm=point.site.harm if point else "", number=point.number if point else 0
        )

        async def opening(worker: Worker) -> None:
            line.kill = worker.kill

        async with own_tables(self._address) as tables, line.listening() as url:
            harmed, safe = (_place(attrs.evolve(tables, url=one)) for one in (url, tables.url))
            scene = Scene(harmed, safe, Harm(opening=opening))
            yield scene
        scene.reached = line.done
        scene.counts.update({Site(self.name, "request", one): line.counts[one] for one in line.counts})


def _place(config: D1Config) -> str:
    """A D1 database as a word, for a worker."""
    return msgspec.json.encode([config.url, config.token.reveal(), config.prefix]).decode()
