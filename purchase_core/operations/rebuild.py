"""Rebuild: the projection from facts, lane by lane, beside what is stored; compared, and exchanged for it.

No database is asked for more than one guarded batch: a lane is exchanged if it has not moved since it was
read, and else read again. So live events are neither waited for nor lost, and each lane is before or after.
Every lane says which version of the fold wrote to it, so that what is not rebuilt yet can be found. A rebuild
that was cut off goes on behind the last lane that it named; a lane that is done again is left as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
from msgspec.structs import replace

from purchase_core.canonical import content_hash
from purchase_core.errors import LaneConflict, NotFound, WrongState
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock
from purchase_core.operations.sharing import Share, alone, ranges
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Question, Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.shadow import Difference, RowKey, Shadow, rows_kept, shares
from purchase_core.records.run import FINISHED, RUNNING, Run
from purchase_core.values import Value

REBUILD = "rebuild"
UNCHANGED, CHANGED, NEWER, BUSY = "unchanged", "changed", "newer", "busy"
TRIES_MAX = 25


class Rebuilt(Value, frozen=True):
    """What became of one lane. `status`: unchanged | changed | newer | busy.

    `changed`: it was not as its facts say (in a shadow: it is not). `newer`: newer code wrote to it, so that
    it was left alone. `busy`: it moved every time that it was to be exchanged. `stored` and `rebuilt` are the
    canonical hashes of its rows, before and after.
    """

    lane: str
    status: str
    facts: int
    stored: str
    rebuilt: str
    differences: tuple[Difference, ...] = ()


class Cursor(Value, frozen=True):
    """How far a rebuild has come: behind which lane, and the hash over all lanes so far, before and after."""

    after: str = ""
    stored: str = ""
    rebuilt: str = ""

    def past(self, done: Sequence[Rebuilt], last: str) -> Cursor:
        """Further on, behind these lanes."""
        stored, rebuilt = self.stored, self.rebuilt
        for one in done:
            stored = content_hash([stored, one.lane, one.stored]) if one.stored else stored
            rebuilt = content_hash([rebuilt, one.lane, one.rebuilt]) if one.rebuilt else rebuilt
        return Cursor(last, stored, rebuilt)


class Rebuild:
    """Rebuilds what is stored of facts."""

    def __init__(
        self,
        store: Store,
        offers: OfferShelf,
        clock: Clock,
        ids: IdSource,
        on_commit: Callable[[Batch], None],
        *,
        code: str,
    ) -> None:
        self._store = store
        self._offers = offers
        self._clock = clock
        self._ids = ids
        self._on_commit = on_commit
        self._code = code

    async def shadow(
        self, cursor: Cursor, share: Share[list[Rebuilt]] | None = None
    ) -> AsyncIterator[tuple[Cursor, list[Rebuilt]]]:
        """Every lane behind the cursor, rebuilt beside what is stored. Writes nothing. Raises StoreError.

        `share`: who calls `compared` for each range; else this does.
        """
        compared = (share or alone(self.compared))(ranges(self._store, cursor.after))
        async for (_, last), done in compared:
            cursor = cursor.past(done, last)
            yield cursor, done

    async def compared(self, first: str, last: str) -> list[Rebuilt]:
        """What `shadow` tells of the lanes from the first to the last."""
        return [self._told(one) for one in await self.shadows(first, last)]

    async def one(self, lane: str, *, shadow: bool) -> Rebuilt:
        """One lane; with `shadow`, only compared. Raises NotFound, and StoreError."""
        shadows = await self.shadows(lane, lane)
        if not shadows:
            raise NotFound(f"no lane {lane!r}", hint="A customer of whom nothing is known has none.")
        return self._told(shadows[0]) if shadow else await self._exchange(shadows[0], rows_kept(shadows))

    async def start(self, *, note: str = "") -> Run:
        """A rebuild of everything that has not begun."""
        now = self._clock.now()
        return Run(self._ids.new("run"), REBUILD, "", RUNNING, self._code, now, now, note=note)

    async def resumed(self, run_id: str) -> Run:
        """A rebuild that was cut off. Raises NotFound, and WrongState where it is no such thing."""
        found = await self._store.run(run_id)
        if found is None:
            raise NotFound(f"no run {run_id!r}", hint="`purchase runs list` shows what there is.")
        if found.kind != REBUILD or found.state != RUNNING:
            raise WrongState(f"run {run_id!r} is a {found.kind} that is {found.state}")
        return found

    async def run(self, run: Run) -> AsyncIterator[tuple[Run, list[Rebuilt]]]:
        """Go through every lane behind the run's cursor and exchange what differs; noted after each portion.

        Raises StoreError. What was done before stays done.
        """
        cursor = msgspec.json.decode(run.cursor, type=Cursor) if run.cursor else Cursor()
        async for first, last in ranges(self._store, cursor.after):
            shadows = await self.shadows(first, last)
            keep = rows_kept(shadows)
            done = [await self._exchange(one, keep) for one in shadows]
            cursor = cursor.past(done, last)
            run = replace(
                run,
                updated_at=self._clock.now(),
                cursor=msgspec.json.encode(cursor).decode(),
                counts=_counted(run, done),
            )
            await self._note(run)
            yield run, done
        run = replace(run, state=FINISHED, updated_at=self._clock.now())
        await self._note(run)
        yield run, []

    async def _note(self, run: Run) -> None:
        await self._store.commit(Batch(self._ids.new("batch"), run.updated_at, runs=(run,)))

    async def shadows(self, first: str, last: str) -> list[Shadow]:
        """The lanes from the first to the last, each rebuilt beside what is stored. Raises StoreError."""
        shadows = [Shadow(one) for one in shares(await self._store.holdings(first, last))]
        offers = await self._offers.learn(frozenset().union(*(one.versions for one in shadows)))
        strangers = [key for one in shadows for key in one.strangers()]
        view = await self._store.look(Question(objects=tuple(strangers))) if strangers else None
        for one in shadows:
            one.derive(offers)
            if view is not None:
                one.elsewhere = {
                    key: known
                    for key, known in view.references.items()
                    if known.lane != one.share.lane.lane and known.lane in view.lanes
                }
        return shadows

    def _told(self, shadow: Shadow, *, status: str = "") -> Rebuilt:
        share = shadow.share
        stored, rebuilt = shadow.hashes()
        if shadow.newer:
            return Rebuilt(share.lane.lane, NEWER, len(share.recorded), stored, stored)
        found = tuple(shadow.differences(self._clock.now()))
        status = status or (CHANGED if found else UNCHANGED)
        return Rebuilt(share.lane.lane, status, len(share.recorded), stored, rebuilt, found)

    async def _exchange(self, shadow: Shadow, keep: frozenset[RowKey]) -> Rebuilt:
        first = self._told(shadow)
        for _ in range(TRIES_MAX):
            told = self._told(shadow)
            if told.status == NEWER or not (told.differences or shadow.outdated):
                return told if told.status == NEWER else replace(first, rebuilt=told.rebuilt)
            batch = shadow.exchanging(self._ids.new("batch"), self._clock.now(), keep=keep)
            try:
                await self._store.commit(batch)
            except LaneConflict:
                again = await self.shadows(shadow.share.lane.lane, shadow.share.lane.lane)
                if not again:  # it was linked meanwhile, and is done with its owner
                    return replace(first, status=UNCHANGED)
                shadow = again[0]
                continue
            self._on_commit(batch)
            return replace(first, rebuilt=told.rebuilt)
        return replace(first, status=BUSY)


def _counted(run: Run, done: Sequence[Rebuilt]) -> dict[str, int]:
    counts = {UNCHANGED: 0, CHANGED: 0, NEWER: 0, BUSY: 0, "facts": 0, **run.counts}
    for one in done:
        counts[one.status] += 1
        counts["facts"] += one.facts
    return counts
