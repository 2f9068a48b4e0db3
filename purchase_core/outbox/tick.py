"""The tick: effects that time alone makes happen, for those who want to be told. Nothing else needs it.

Rights are right without it: they are worked out for the instant at which they are asked for. A tick walks
over what can come to an end, and writes an effect for what has, under a key that makes it happen once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import attrs
from msgspec.structs import replace

from purchase_core.access.evaluate import granted_until, unpaid_since
from purchase_core.access.live import decode_live
from purchase_core.access.policy import AccessPolicy
from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import LotRow, SubscriptionRow
from purchase_core.instants import DAY, SECOND, Clock, Instant
from purchase_core.outbox.settings import TickSettings
from purchase_core.ports.paging import every_effect, every_row
from purchase_core.ports.store import Batch, Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.records.effect import Effect
from purchase_core.records.lane import customer_of

LOOK_BACK_DAYS = 30  # what came to an end before that is nobody's news any more


@attrs.frozen
class Due:
    """Something that time has made true of a row."""

    key: str
    name: str
    lane: str
    about: str


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
        self._offers = offers
        self._policy = policy
        self._clock = clock
        self._settings = settings
        self._last = Instant(0)
        self._told: set[str] = set()  # of what was due last time; spares reading the outbox again

    async def work(self) -> int:
        """Write the effects that are due, if it is time to look; how many there were."""
        now = self._clock.now()
        if not self._settings.seconds or now - self._last < self._settings.seconds * SECOND:
            return 0
        self._last = now
        written, told = 0, set[str]()
        async for due in self._due(now):
            if due.key not in self._told:
                written += await self._write(due, now)
            told.add(due.key)
        self._told = told
        return written

    async def _write(self, due: Due, now: Instant) -> bool:
        if await self._is_written(due):
            return False

        def addition(batch: Batch) -> Batch:
            version = next(one.expected_version for one in batch.lanes if one.lane == due.lane) + 1
            effect = Effect(due.key, due.name, due.lane, version, len(batch.effects), due.about, now)
            return replace(batch, effects=(*batch.effects, effect))

        await self._recorder.record(Work(lanes=(due.lane,)), cause="tick", addition=addition)
        return True

    async def _is_written(self, due: Due) -> bool:
        async for effect in every_effect(self._store, due.lane):
            if effect.key == due.key:
                return True
        return False

    async def _due(self, now: Instant) -> AsyncIterator[Due]:
        async for row in every_row(self._store, SubscriptionRow):
            if row.bound and row.status not in ENDED_SUBSCRIPTIONS and customer_of(row.lane):
                for due in await self._of_subscription(row, now):
                    yield due
        async for lot in every_row(self._store, LotRow):
            if customer_of(lot.lane) and lot.expires_at is not None and _recent(lot.expires_at, now):
                yield Due(f"{lot.key}:credits.expired", "credits.expired", lot.lane, lot.key)

    async def _of_subscription(self, row: SubscriptionRow, now: Instant) -> list[Due]:
        found = []
        trial = row.trial_end
        soon = now + self._settings.trial_ending_days * DAY
        if row.status == "trialing" and trial is not None and now < trial <= soon:
            name = "subscription.trial_ending"
            found.append(Due(f"{row.key}:{name}:{trial}", name, row.lane, row.key))
        # Only one whose period is over, or that is not active, can have stopped granting.
        if row.period_end < now or row.status not in ("active", "trialing"):
            end = await self._end(row)
            if end is not None and _recent(end, now):
                name = "subscription.lapsed"
                found.append(Due(f"{row.key}:{name}:{end}", name, row.lane, row.key))
        return found

    async def _end(self, row: SubscriptionRow) -> Instant | None:
        live = decode_live((await self._store.lane(row.lane)).document)
        held = live.subscriptions.get(row.key)
        offers: Mapping[str, OfferVersion] = await self._offers.learn({row.version} - {""})
        offer = offers.get(row.version)
        if held is None:
            return None
        rules = self._policy.of(offer.product_id if offer else "")
        return granted_until(held, rules, unpaid_since(live, row.key))


def _recent(end: Instant, now: Instant) -> bool:
    return now - LOOK_BACK_DAYS * DAY < end <= now
