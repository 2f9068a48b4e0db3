"""Bugs of mailboxes: subscribers that are told twice, never, of the past, or by two workers at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.records.effect import Effect
from purchase_core.records.mailbox import IDLE, STUCK, WAITING, Mailbox
from purchase_core.testing.memory_database import NOT_LEASED
from purchase_core.testing.memory_store import MemoryStore


class KnowsSubscribersTwice(MemoryStore):
    """Every start registers its subscribers again."""

    async def subscribers(self) -> Sequence[str]:
        found = await super().subscribers()
        return [*found, *found]


class BeginsWithHistory(MemoryStore):
    """A new subscriber is told of everything that ever happened."""

    def _wake(self, subscriber: str, effect: Effect) -> None:
        fresh = (subscriber, effect.lane) not in self.database.mailboxes
        super()._wake(subscriber, effect)
        if fresh:
            key = (subscriber, effect.lane)
            self.database.mailboxes[key] = replace(self.database.mailboxes[key], told=-1)


class BeginsBehindTheFirst(MemoryStore):
    """A mailbox begins where the effect is that makes it, as if it had been told."""

    def _wake(self, subscriber: str, effect: Effect) -> None:
        fresh = (subscriber, effect.lane) not in self.database.mailboxes
        super()._wake(subscriber, effect)
        if fresh:
            key = (subscriber, effect.lane)
            self.database.mailboxes[key] = replace(self.database.mailboxes[key], told=effect.place)


class BeginsWithWhatIsWrittenFirst(MemoryStore):
    """Of one step's effects, those before the one that is written first are passed over."""

    def _wake(self, subscriber: str, effect: Effect) -> None:
        fresh = (subscriber, effect.lane) not in self.database.mailboxes
        super()._wake(subscriber, effect)
        if fresh:
            key = (subscriber, effect.lane)
            self.database.mailboxes[key] = replace(self.database.mailboxes[key], told=effect.place - 1)

    def _apply_effects(self, batch: Batch) -> None:
        super()._apply_effects(replace(batch, effects=tuple(sorted(batch.effects, key=lambda one: one.key))))


class SharesOneMailbox(MemoryStore):
    """What one subscriber was told, no other is."""

    def _apply_told(self, batch: Batch) -> None:
        super()._apply_told(batch)
        for told in batch.told:
            for key, one in self.database.mailboxes.items():
                if one.lane == told.lane:
                    self.database.mailboxes[key] = replace(one, state=told.state, told=told.told)


class WakesForWhatWasThere(MemoryStore):
    """An effect that is written again is told again."""

    def _apply_effects(self, batch: Batch) -> None:
        known = [one for one in batch.effects if one.key in self.database.effects]
        super()._apply_effects(batch)
        for effect in known:
            for name in self.database.subscribers:
                self._wake(name, effect)


class ClaimsMailboxesEarly(MemoryStore):
    """A pause after a failure is not kept."""

    async def claim_mailboxes(
        self, subscriber: str, *, now: Instant, lease_until: Instant, limit: int
    ) -> Sequence[Mailbox]:
        for key, one in self.database.mailboxes.items():
            self.database.mailboxes[key] = replace(one, available_at=min(one.available_at, now))
        return await super().claim_mailboxes(subscriber, now=now, lease_until=lease_until, limit=limit)


class HandsMailboxesOutTwice(MemoryStore):
    """A mailbox that is held is handed out again."""

    async def claim_mailboxes(
        self, subscriber: str, *, now: Instant, lease_until: Instant, limit: int
    ) -> Sequence[Mailbox]:
        return await super().claim_mailboxes(subscriber, now=now, lease_until=NOT_LEASED, limit=limit)


class HoldsMailboxesForEver(MemoryStore):
    """What a dead worker held is held for ever."""

    async def claim_mailboxes(
        self, subscriber: str, *, now: Instant, lease_until: Instant, limit: int
    ) -> Sequence[Mailbox]:
        return await super().claim_mailboxes(subscriber, now=now, lease_until=Instant(2**62), limit=limit)


class ChoosesMailboxesThenWaits(MemoryStore):
    """Mailboxes are chosen in one step and taken in another."""

    async def claim_mailboxes(
        self, subscriber: str, *, now: Instant, lease_until: Instant, limit: int
    ) -> Sequence[Mailbox]:
        before = dict(self.database.mailbox_leases)
        found = await super().claim_mailboxes(subscriber, now=now, lease_until=lease_until, limit=limit)
        taken = dict(self.database.mailbox_leases)
        self.database.mailbox_leases = before
        await asyncio.sleep(0)
        self.database.mailbox_leases = {**self.database.mailbox_leases, **taken}
        return found


class BelievesLateWorkers(MemoryStore):
    """Whoever once held a mailbox may say how far it came; one that is not there is passed over."""

    def _check_told(self, batch: Batch) -> None:
        pass

    def _apply_told(self, batch: Batch) -> None:
        known = tuple(one for one in batch.told if (one.subscriber, one.lane) in self.database.mailboxes)
        super()._apply_told(replace(batch, told=known))


class FallsAsleepOverNews(MemoryStore):
    """Whoever is done says so, and what came meanwhile waits for the next effect."""

    def _apply_told(self, batch: Batch) -> None:
        super()._apply_told(batch)
        for told in batch.told:
            key = (told.subscriber, told.lane)
            self.database.mailboxes[key] = replace(self.database.mailboxes[key], state=told.state)


class ForgetsHowFarItCame(MemoryStore):
    """Only the state is written."""

    def _apply_told(self, batch: Batch) -> None:
        before = dict(self.database.mailboxes)
        super()._apply_told(batch)
        for told in batch.told:
            key = (told.subscriber, told.lane)
            known = before[key]
            self.database.mailboxes[key] = replace(self.database.mailboxes[key], told=known.told)


class HurriesWithNews(MemoryStore):
    """Each effect makes its mailbox due at once, so that a subscriber that is down is never left alone."""

    def _wake(self, subscriber: str, effect: Effect) -> None:
        super()._wake(subscriber, effect)
        key = (subscriber, effect.lane)
        self.database.mailboxes[key] = replace(self.database.mailboxes[key], available_at=effect.at)


class WakesWhatIsStuck(MemoryStore):
    """The next effect has a poisoned mailbox tried again."""

    def _wake(self, subscriber: str, effect: Effect) -> None:
        super()._wake(subscriber, effect)
        key = (subscriber, effect.lane)
        known = self.database.mailboxes[key]
        if known.state == STUCK:
            self.database.mailboxes[key] = replace(known, state=WAITING)


class ListsMailboxesAsMade(MemoryStore):
    """Without an order, of every state, and whole."""

    async def mailboxes(
        self, subscriber: str, *, state: str, after_lane: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Mailbox]:
        mine = [one for one in self.database.mailboxes.values() if one.subscriber == subscriber]
        return [one for one in mine if one.state != IDLE]


class LeavesMailboxesBehind(MemoryStore):
    """A dropped subscriber goes on to be woken."""

    def _apply_subscribers(self, batch: Batch) -> None:
        super()._apply_subscribers(replace(batch, dropped_subscribers=()))


class CutsEffectsAtTheVersion(MemoryStore):
    """Reading on begins with the next version: what else the last one brought is missed."""

    async def effects(self, lane: str, *, after: int = -1, limit: int = PAGE_ROWS_MAX) -> Sequence[Effect]:
        found = await super().effects(lane, after=after, limit=PAGE_ROWS_MAX)
        return [one for one in found if one.lane_version > after >> 20][:limit]
