"""The reference store's mailboxes: who still has to be told what, over dictionaries."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from purchase_core.errors import LeaseLost
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.records.effect import EFFECTS_PER_VERSION_MAX, Effect
from purchase_core.records.mailbox import IDLE, WAITING, Mailbox
from purchase_core.testing.memory_database import NOT_LEASED, MemoryDatabase


class MemoryMailboxes:
    """The part of the reference store that tells subscribers apart."""

    database: MemoryDatabase

    # --- writing -----------------------------------------------------------------------------

    def _check_told(self, batch: Batch) -> None:
        for told in batch.told:
            known = self.database.mailboxes.get((told.subscriber, told.lane))
            if known is None or known.fence != told.fence:
                whose = f"{told.subscriber!r} of {told.lane!r}"
                raise LeaseLost(f"the mailbox of {whose} is not held under fence {told.fence}")

    def _apply_subscribers(self, batch: Batch) -> None:
        into = self.database
        for name in batch.dropped_subscribers:
            into.subscribers.discard(name)
            for key in [one for one in into.mailboxes if one[0] == name]:
                del into.mailboxes[key]
                into.mailbox_leases.pop(key, None)
        into.subscribers.update(batch.subscribers)

    def _apply_effects(self, batch: Batch) -> None:
        for effect in batch.effects:
            if effect.key not in self.database.effects:
                self.database.effects[effect.key] = effect
                for name in self.database.subscribers:
                    self._wake(name, effect)

    def _wake(self, subscriber: str, effect: Effect) -> None:
        key = (subscriber, effect.lane)
        begin = effect.lane_version * EFFECTS_PER_VERSION_MAX - 1
        fresh = Mailbox(subscriber, effect.lane, begin, effect.place, WAITING, 0, effect.at)
        known = self.database.mailboxes.get(key, fresh)
        if known.state == IDLE:
            known = replace(known, state=WAITING, available_at=effect.at)
        self.database.mailboxes[key] = replace(known, newest=max(known.newest, effect.place))

    def _apply_told(self, batch: Batch) -> None:
        for told in batch.told:
            key = (told.subscriber, told.lane)
            known = self.database.mailboxes[key]
            self.database.mailbox_leases.pop(key, None)
            more = told.state == IDLE and known.newest > told.told
            self.database.mailboxes[key] = replace(
                known,
                told=told.told,
                state=WAITING if more else told.state,
                attempts=told.attempts,
                available_at=told.available_at,
                reason=told.reason,
            )

    async def claim_mailboxes(
        self, subscriber: str, *, now: Instant, lease_until: Instant, limit: int
    ) -> Sequence[Mailbox]:
        """Take up to `limit` waiting mailboxes that are due and free."""
        into = self.database
        free = [
            one
            for key, one in into.mailboxes.items()
            if (one.subscriber, one.state) == (subscriber, WAITING)
            and one.available_at <= now
            and into.mailbox_leases.get(key, NOT_LEASED) < now
        ]
        free.sort(key=lambda one: (one.available_at, one.lane))
        claimed = [replace(one, fence=one.fence + 1, attempts=one.attempts + 1) for one in free[:limit]]
        for one in claimed:
            into.mailboxes[one.subscriber, one.lane] = one
            into.mailbox_leases[one.subscriber, one.lane] = lease_until
        return claimed

    # --- reading -----------------------------------------------------------------------------

    async def subscribers(self) -> Sequence[str]:
        """Names of the known subscribers, ascending."""
        return sorted(self.database.subscribers)

    async def mailbox(self, subscriber: str, lane: str) -> Mailbox | None:
        """How far a subscriber has come in a lane."""
        return self.database.mailboxes.get((subscriber, lane))

    async def mailboxes(
        self, subscriber: str, *, state: str, after_lane: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Mailbox]:
        """Mailboxes of a subscriber in one state, by ascending lane."""
        found = [
            one
            for one in self.database.mailboxes.values()
            if (one.subscriber, one.state) == (subscriber, state) and one.lane > after_lane
        ]
        return sorted(found, key=lambda one: one.lane)[:limit]
