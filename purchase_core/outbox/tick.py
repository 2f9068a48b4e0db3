"""The tick: effects that time alone makes happen, for those who want to be told. Nothing else needs it.

Rights are right without it: they are worked out for the instant at which they are asked for. A tick reads
what has fallen due since it last looked, and writes an effect for it, under a key that makes it happen once.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from purchase_core.access.policy import AccessPolicy
from purchase_core.instants import DAY, SECOND, Clock, Instant
from purchase_core.outbox.due import LOOK_BACK_DAYS, Due, FallenDue
from purchase_core.outbox.settings import TickSettings
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.records.effect import Effect

OVERLAP_SECONDS = 3_600  # by how much clocks may differ, and rows come after what they say has ended
LOOK_BACK_EVERY_SECONDS = 86_400  # what is told of later than that is found all the same, by then


class Tick:
    """Looks for what has come to an end, when it is time to."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        offers: OfferShelf,
        policy: AccessPolicy,
        clock: Clock,
        settings: TickSettings,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._due = FallenDue(store, offers, policy, trial_ending_days=settings.trial_ending_days)
        self._clock = clock
        self._settings = settings
        self._last = Instant(0)
        self._looked = Instant(0)  # until when all that fell due was told
        self._looked_back = Instant(0)

    async def work(self) -> int:
        """Write the effects that are due, if it is time to look; how many there were."""
        now = self._clock.now()
        if not self._settings.seconds or now - self._last < self._settings.seconds * SECOND:
            return 0
        self._last = now
        back = now - self._looked_back >= LOOK_BACK_EVERY_SECONDS * SECOND
        since = now - LOOK_BACK_DAYS * DAY if back else self._looked - OVERLAP_SECONDS * SECOND
        written = 0
        async for page in self._due.between(Instant(since), now):
            written += await self._write(page, now)
        self._looked = now
        if back:
            self._looked_back = now
        return written

    async def _write(self, page: Sequence[Due], now: Instant) -> int:
        """Write what was not written before; how many."""
        known = await self._store.known_effects([one.key for one in page]) if page else ()
        fresh = [one for one in page if one.key not in known]
        for one in fresh:
            await self._write_one(one, now)
        return len(fresh)

    async def _write_one(self, due: Due, now: Instant) -> None:
        def addition(batch: Batch) -> Batch:
            version = next(one.expected_version for one in batch.lanes if one.lane == due.lane) + 1
            effect = Effect(due.key, due.name, due.lane, version, len(batch.effects), due.about, now)
            return replace(batch, effects=(*batch.effects, effect))

        await self._recorder.record(Work(lanes=(due.lane,)), cause="tick", addition=addition)
