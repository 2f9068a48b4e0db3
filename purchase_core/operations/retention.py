"""Retention: the bodies of events are kept so long, and no longer. Ids, facts and rows are kept for ever.

A pass goes from the oldest delivery on, a slice at a time, and empties body and headers of what is worked off
and old enough; how far it has come is noted with each slice. What waits or is quarantined is left: it is
needed whole, and the next pass begins before the first of it. Ids sort by time, so a pass ends at the first
delivery that is not old enough.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec
from msgspec.structs import replace

from purchase_core.config.settings import RetentionSettings
from purchase_core.errors import WrongState
from purchase_core.identifiers import IdSource
from purchase_core.inbox.processing import FOREIGN
from purchase_core.instants import DAY, SECOND, Clock, Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.paging import every, every_run
from purchase_core.ports.store import Store
from purchase_core.records.delivery import DONE, IGNORED, Delivery
from purchase_core.records.run import FINISHED, RUNNING, Run
from purchase_core.values import Value

RETENTION = "retention"
BODIES, FOREIGNS = "bodies", "foreign"
KINDS = (BODIES, FOREIGNS)
SLICE_ROWS = 500
ELSEWHERE_SECONDS = 60  # a run that was noted since then is another worker's
EVERY = DAY  # a worker begins a pass of each kind so often
EMPTIED, LEFT, LOOKED = "emptied", "left", "looked at"


class Place(Value, frozen=True):
    """How far a pass has come: behind `after`; the next one begins behind `begin`.

    `looked`: how far those before it had come. What is no further was emptied then, or left.
    """

    after: str = ""
    begin: str = ""
    whole: bool = True  # whether nothing was left so far
    looked: str = ""

    @property
    def reached(self) -> str:
        """The last delivery that this pass or one before it has looked at."""
        return max(self.after, self.looked)


class Retention:
    """Empties what has been kept long enough."""

    def __init__(
        self, store: Store, clock: Clock, ids: IdSource, settings: RetentionSettings, *, code: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._code = code
        self._mine: set[str] = set()

    def days(self, kind: str) -> int:
        """How long bodies of a kind are kept; 0: for ever."""
        return self._settings.bodies_days if kind == BODIES else self._settings.foreign_days

    # --- a pass ------------------------------------------------------------------------------

    async def start(self, kind: str, *, note: str = "") -> Run:
        """The pass that was cut off, or a new one from where the last one ended.

        Raises WrongState where such bodies are kept for ever.
        """
        if not self.days(kind):
            raise WrongState(f"{kind}: kept for ever", hint="Write how many days in [retention].")
        last = await self._last(kind)
        if last is not None and last.state == RUNNING:
            return last
        now = self._clock.now()
        place = _place(last) if last else Place()
        cursor = _encoded(Place(place.begin, place.begin, looked=place.reached))
        return Run(self._ids.new("run"), RETENTION, kind, RUNNING, self._code, now, now, cursor, note=note)

    async def run(self, run: Run) -> AsyncIterator[Run]:
        """Go on with a pass to its end; each slice is emptied and noted at once. Raises StoreError."""
        while run.state == RUNNING:
            run = await self._slice(run)
            yield run

    async def work(self) -> int:
        """One slice of whatever is due; how many deliveries it looked at. What a worker does."""
        for kind in KINDS:
            if not self.days(kind):
                continue
            last, now = await self._last(kind), self._clock.now()
            if last is not None and last.state == FINISHED and now < last.updated_at + EVERY:
                continue
            fresh = last is not None and now - last.updated_at < ELSEWHERE_SECONDS * SECOND
            if last is not None and last.state == RUNNING and fresh and last.id not in self._mine:
                continue
            if (last is None or last.state == FINISHED) and not await self._is_due(kind, last):
                continue
            begun = await self.start(kind, note="scheduled")
            self._mine.add(begun.id)
            noted = await self._slice(begun)
            if noted.state == FINISHED:
                self._mine.discard(noted.id)
            return noted.counts[LOOKED] - begun.counts.get(LOOKED, 0)
        return 0

    async def overdue(self, kind: str, *, slack: int = 0) -> Delivery | None:
        """The oldest delivery that no pass has looked at, and should have so long ago (microseconds)."""
        if not self.days(kind):
            return None
        last = await self._last(kind)
        border = Instant(self._border(kind) - slack)
        async for one in self._behind(_place(last).reached if last else ""):
            if one.received_at >= border:
                return None
            if _means(kind, one):
                return one
        return None

    async def _is_due(self, kind: str, last: Run | None) -> bool:
        """Whether a pass has something to do: what has become old enough, or what was left before."""
        place = _place(last) if last else Place()
        first = await self._store.oldest_deliveries(after_id=place.reached, limit=1)
        return not place.whole or any(one.received_at < self._border(kind) for one in first)

    def _behind(self, after: str) -> AsyncIterator[Delivery]:
        return every(
            lambda id_: self._store.oldest_deliveries(after_id=id_, limit=SLICE_ROWS),
            lambda one: one.id,
            after,
            rows_max=SLICE_ROWS,
        )

    async def _last(self, kind: str) -> Run | None:
        async for run in every_run(self._store, RETENTION):
            if run.scope == kind:
                return run
        return None

    def _border(self, kind: str) -> Instant:
        return Instant(self._clock.now() - self.days(kind) * DAY)

    async def _slice(self, run: Run) -> Run:
        place, border = _place(run), self._border(run.scope)
        page = await self._store.oldest_deliveries(after_id=place.after, limit=SLICE_ROWS)
        young = (at for at, one in enumerate(page) if one.received_at >= border)
        old = page[: next(young, len(page))]
        emptied = tuple(one.id for one in old if _means(run.scope, one))
        run = _noted(run, place, old, len(emptied), ended=len(old) < SLICE_ROWS)
        run = replace(run, updated_at=self._clock.now())
        batch = Batch(self._ids.new("batch"), run.updated_at, redacted=emptied, runs=(run,))
        await self._store.commit(batch)
        return run


def _means(kind: str, delivery: Delivery) -> bool:
    """Whether a delivery is one whose body this kind of pass empties."""
    foreign = delivery.state == IGNORED and delivery.reason == FOREIGN
    return foreign if kind == FOREIGNS else delivery.state in (DONE, IGNORED)


def _noted(run: Run, place: Place, page: Sequence[Delivery], emptied: int, *, ended: bool) -> Run:
    """The run with a slice behind it."""
    whole, begin = place.whole, place.begin
    for one in page:
        whole = whole and one.state in (DONE, IGNORED)
        begin = one.id if whole else begin
    counts = {LOOKED: len(page), EMPTIED: emptied, LEFT: len(page) - emptied}
    return replace(
        run,
        state=FINISHED if ended else RUNNING,
        cursor=_encoded(replace(place, after=page[-1].id if page else place.after, begin=begin, whole=whole)),
        counts={name: run.counts.get(name, 0) + count for name, count in counts.items()},
    )


def _place(run: Run) -> Place:
    return msgspec.json.decode(run.cursor, type=Place)


def _encoded(place: Place) -> str:
    return msgspec.json.encode(place).decode()
