"""Telling: each subscriber of each effect that it wants, in the order of the lane, at least once.

A subscriber has a mailbox a lane, which says how far it has come. A worker claims it, tells the next effect,
and says so; whoever dies in between is followed by another when the lease runs out. So an effect may be told
twice, and never in another order than it happened; its key tells the second time from the first. What fails
holds up its own lane only, is tried again with longer and longer pauses, and is then stuck, and seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from zlib import crc32

import attrs

from purchase_core.errors import LeaseLost, NotFound, WrongState
from purchase_core.identifiers import IdSource
from purchase_core.instants import SECOND, Clock, Instant
from purchase_core.outbox.settings import SubscriberSettings
from purchase_core.plugins.descriptors import Subscriber
from purchase_core.ports.batch import Batch
from purchase_core.ports.paging import every_effect
from purchase_core.ports.store import Store
from purchase_core.records.effect import Effect
from purchase_core.records.mailbox import IDLE, STUCK, WAITING, Mailbox, Told

CLAIM_MAILBOXES_MAX = 20
EFFECTS_READ_MAX = 100
LISTED_MAX = 1_000

log = logging.getLogger("purchase.subscribers")


@attrs.frozen
class SubscriberState:
    """How a subscriber stands. `here`: this process tells it.

    `waiting` and `stuck` count customers (lanes), up to LISTED_MAX.
    """

    name: str
    here: bool
    waiting: int
    stuck: int


@attrs.frozen
class Stuck:
    """A lane in which a subscriber is stuck, and the effect at which it is."""

    mailbox: Mailbox
    effect: Effect | None


class Subscribers:
    """Everybody who must be told, as this process knows them."""

    def __init__(
        self,
        store: Store,
        subscribers: Mapping[str, Subscriber],
        clock: Clock,
        ids: IdSource,
        settings: SubscriberSettings,
    ) -> None:
        self._store = store
        self._subscribers = dict(subscribers)
        self._clock = clock
        self._ids = ids
        self._settings = settings

    @property
    def names(self) -> Sequence[str]:
        """Of those that this process tells."""
        return sorted(self._subscribers)

    async def register(self) -> None:
        """Make this process's subscribers known: effects wait for them from now on."""
        known = await self._store.subscribers() if self._subscribers else ()
        fresh = tuple(name for name in self.names if name not in known)
        if fresh:
            await self._commit(Batch(self._ids.new("batch"), self._clock.now(), subscribers=fresh))

    # --- telling -----------------------------------------------------------------------------

    async def work(self, name: str) -> int:
        """Tell one subscriber what waits and is due; in how many lanes something was done.

        Raises StoreError, once everybody who was to be told has been.
        """
        subscriber = self._subscribers[name]
        now = self._clock.now()
        lease = self._settings.lease_seconds + subscriber.seconds_max
        claimed = await self._store.claim_mailboxes(
            name,
            now=now,
            lease_until=Instant(now + round(lease * SECOND)),
            limit=min(CLAIM_MAILBOXES_MAX, subscriber.lanes_at_once),
        )
        telling = (self._tell_next(subscriber, one) for one in claimed)
        # One that cannot be settled leaves no other half told, and nobody to wait for it.
        for failed in filter(None, await asyncio.gather(*telling, return_exceptions=True)):
            raise failed
        return len(claimed)

    async def _tell_next(self, subscriber: Subscriber, mailbox: Mailbox) -> None:
        effect, upto = await self._next(subscriber, mailbox)
        error = await _told(subscriber, effect) if effect else None
        if effect is None or error is None:
            await self._settle(mailbox, effect.place if effect else upto, IDLE, 0)
            return
        # What it said may quote what it was told: its type must do.
        log.warning("subscriber %s failed at %s: %s", subscriber.name, effect.key, type(error).__name__)
        given_up = mailbox.attempts >= self._settings.attempts_max
        state = STUCK if given_up else WAITING
        await self._settle(mailbox, upto, state, mailbox.attempts, type(error).__name__)

    async def _next(self, subscriber: Subscriber, mailbox: Mailbox) -> tuple[Effect | None, int]:
        """The next effect that it wants, and up to where there was none before that."""
        upto = mailbox.told
        async for effect in every_effect(self._store, mailbox.lane, after=upto, rows_max=EFFECTS_READ_MAX):
            if subscriber.wants(effect):
                return effect, upto
            upto = effect.place
        return None, max(upto, mailbox.newest)

    async def _settle(self, mailbox: Mailbox, told: int, state: str, attempts: int, reason: str = "") -> None:
        now = self._clock.now()
        again = now
        if state == WAITING:
            again = self._settings.retry_at(now, attempts, crc32(mailbox.lane.encode()))
        row = Told(mailbox.subscriber, mailbox.lane, mailbox.fence, told, state, attempts, again, reason)
        try:
            await self._commit(Batch(self._ids.new("batch"), now, told=(row,)))
        except LeaseLost:
            log.warning("subscriber %s took too long over %s", mailbox.subscriber, mailbox.lane)

    async def _commit(self, batch: Batch) -> None:
        await self._store.commit(batch)

    # --- for people --------------------------------------------------------------------------

    async def list(self) -> Sequence[SubscriberState]:
        """Every subscriber that was ever known, and not forgotten."""
        known = {*await self._store.subscribers(), *self._subscribers}
        return [
            SubscriberState(
                name,
                name in self._subscribers,
                len(await self._store.mailboxes(name, state=WAITING, limit=LISTED_MAX)),
                len(await self._store.mailboxes(name, state=STUCK, limit=LISTED_MAX)),
            )
            for name in sorted(known)
        ]

    async def stuck(self, name: str, *, after_lane: str = "", limit: int = LISTED_MAX) -> Sequence[Stuck]:
        """Lanes in which a subscriber is stuck, and at what. Raises NotFound."""
        await self._require(name)
        found = await self._store.mailboxes(name, state=STUCK, after_lane=after_lane, limit=limit)
        return [Stuck(one, await self._at(one)) for one in found]

    async def retry(self, name: str, lane: str) -> None:
        """Tell a stuck lane again, with as many tries as at first. Raises NotFound, WrongState, LeaseLost."""
        mailbox = await self._stuck(name, lane)
        await self._go_on(mailbox, mailbox.told)

    async def skip(self, name: str, lane: str) -> Effect | None:
        """Leave out the effect at which a lane is stuck, and go on; which it was. Raises as `retry`."""
        mailbox = await self._stuck(name, lane)
        effect = await self._at(mailbox)
        await self._go_on(mailbox, effect.place if effect else mailbox.newest)
        return effect

    async def forget(self, name: str) -> None:
        """Nothing waits for a subscriber any more, nor will, unless it is registered again.

        Raises NotFound, or WrongState for one of this process.
        """
        await self._require(name)
        if name in self._subscribers:
            raise WrongState(f"subscriber {name!r} is still there", hint="Take it out of the application.")
        batch = Batch(self._ids.new("batch"), self._clock.now(), dropped_subscribers=(name,))
        await self._commit(batch)

    async def _go_on(self, mailbox: Mailbox, told: int) -> None:
        now = self._clock.now()
        state = WAITING if told < mailbox.newest else IDLE
        row = Told(mailbox.subscriber, mailbox.lane, mailbox.fence, told, state, 0, now)
        await self._commit(Batch(self._ids.new("batch"), now, told=(row,)))

    async def _at(self, mailbox: Mailbox) -> Effect | None:
        """The effect at which it is stuck."""
        here = self._subscribers.get(mailbox.subscriber)
        if here is not None:
            return (await self._next(here, mailbox))[0]
        return next(iter(await self._store.effects(mailbox.lane, after=mailbox.told, limit=1)), None)

    async def _stuck(self, name: str, lane: str) -> Mailbox:
        mailbox = await self._store.mailbox(name, lane)
        if mailbox is None:
            raise NotFound(
                f"subscriber {name!r} has nothing of {lane!r}",
                hint="`purchase subscribers stuck` shows what there is.",
            )
        if mailbox.state != STUCK:
            raise WrongState(f"subscriber {name!r} is not stuck in {lane!r}: it is {mailbox.state}")
        return mailbox

    async def _require(self, name: str) -> None:
        if name not in self._subscribers and name not in await self._store.subscribers():
            raise NotFound(f"no subscriber {name!r}", hint="`purchase subscribers list` shows them.")


async def _told(subscriber: Subscriber, effect: Effect) -> BaseException | None:
    """Tell it; what it raised instead of hearing it. Only our own cancellation gets out."""
    try:
        async with asyncio.timeout(subscriber.seconds_max):
            await subscriber.tell(effect)
    except KeyboardInterrupt:
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return error
    except BaseException as error:  # whatever a plugin raises is contained
        return error
    return None
