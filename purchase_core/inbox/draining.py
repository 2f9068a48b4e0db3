"""Draining: pending deliveries are worked off, several at once, the oldest and the newest by turns.

- Every other claim takes what came due last: a backlog of days must not keep what happens now waiting.
- Rows are worked on as soon as they are claimed, and the next are claimed when there is room: none waits
  behind another that takes long, nor does what arrives while it does. What waits for one customer is recorded
  together.
- A provider that cannot be reached is left alone for a while. What asks nothing of it goes on, and what does
  is not to blame: it waits as long as providers themselves send again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from zlib import crc32

from msgspec.structs import replace

from purchase_core.errors import (
    AuthenticationFailed,
    LeaseLost,
    MalformedBody,
    OutcomeUnknown,
    ProviderUnavailable,
    StoreError,
    UnknownConnection,
)
from purchase_core.identifiers import IdSource
from purchase_core.inbox.processing import Processor, reason_of
from purchase_core.inbox.settings import InboxSettings
from purchase_core.instants import SECOND, Clock, Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import Provider
from purchase_core.ports.store import Store
from purchase_core.records.delivery import DONE, IGNORED, PENDING, QUARANTINED, Delivery, Settlement
from purchase_core.values import Value

RETRIED, LOST = "retried", "lost"
FAILURES_MAX, REST_SECONDS = 3, 30
UNANSWERED = (ProviderUnavailable, OutcomeUnknown, AuthenticationFailed)  # says nothing of the event
LOOK_AGAIN_SECONDS = 1.0  # while something takes long: more may have arrived beside it


class DrainReport(Value, frozen=True):
    """How many rows one call of `drain` brought to which end."""

    done: int = 0
    ignored: int = 0
    retried: int = 0
    quarantined: int = 0
    lost: int = 0

    @property
    def worked(self) -> int:
        """Rows that were claimed."""
        return self.done + self.ignored + self.retried + self.quarantined + self.lost

    def counted(self, end: str) -> DrainReport:
        """With one more."""
        return replace(self, **{end: getattr(self, end) + 1})


class Draining:
    """Works off what the inbox keeps."""

    def __init__(
        self,
        store: Store,
        processor: Processor,
        connections: Mapping[str, Provider],
        clock: Clock,
        ids: IdSource,
        settings: InboxSettings,
        *,
        code: str,
    ) -> None:
        self._store = store
        self._processor = processor
        self._connections = connections
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._code = code
        self._newest = False
        self._failures: dict[str, list[Instant]] = {}  # of late, by connection
        self._rests: dict[str, Instant] = {}  # until when a connection is left alone

    async def drain(self, rows_max: int) -> DrainReport:
        """Work off what is due, up to `rows_max`. Raises StoreError where nothing can be claimed."""
        report = DrainReport()
        working: set[asyncio.Task[str]] = set()
        claimed, more = 0, True
        try:
            while more or working:
                room = min(self._settings.works_max - len(working), rows_max - claimed)
                if more and room > 0:
                    asked = min(room, self._settings.claim_rows_max)
                    rows = await self._claim(asked)
                    claimed += len(rows)
                    working |= {asyncio.create_task(self._work(row)) for row in rows}
                    more = bool(rows)
                    if len(rows) == asked:
                        continue  # there is more, and perhaps room for it: none waits for those just begun
                elif claimed >= rows_max:
                    more = False
                if working:
                    done, working = await asyncio.wait(
                        working, timeout=LOOK_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                    more = more or not done
                    for one in done:
                        report = report.counted(one.result())
        finally:
            for one in working:
                one.cancel()
            await asyncio.gather(*working, return_exceptions=True)
        return report

    async def _claim(self, limit: int) -> list[Delivery]:
        now = self._clock.now()
        lease_until = Instant(now + self._settings.lease_seconds * SECOND)
        self._newest = not self._newest
        return list(
            await self._store.claim(now=now, lease_until=lease_until, limit=limit, newest=not self._newest)
        )

    async def _work(self, delivery: Delivery) -> str:
        def settle(batch: Batch, state: str, reason: str) -> Batch:
            settled = self._settlement(delivery, state, reason, delivery.attempts, delivery.available_at)
            return replace(batch, settlements=(settled,))

        if delivery.attempts > self._settings.attempts_max:
            return await self._settle(delivery, QUARANTINED, "no worker that took it ever came back")
        resting = self._clock.now() < self._rests.get(delivery.connection, 0)
        try:
            provider = self._provider(delivery.connection)
            event = self._processor.event_of(provider, delivery)
            async with asyncio.timeout(self._settings.lease_seconds):
                result = await self._processor.process(
                    provider, event, delivery.id, settle, may_fetch=not resting
                )
        except LeaseLost:
            return LOST
        except Exception as error:  # a poison event must not stop the others
            if isinstance(error, (*UNANSWERED, TimeoutError)):
                self._failed(delivery.connection)
            return await self._put_back(delivery, error)
        if result.needs:  # it was not tried, so it does not count
            waiting = replace(delivery, attempts=delivery.attempts - 1)
            return await self._settle(waiting, PENDING, "waits for a provider that cannot be reached")
        return DONE if result.state == DONE else IGNORED

    def _failed(self, connection: str) -> None:
        now = self._clock.now()
        recent = [one for one in self._failures.get(connection, ()) if one > now - REST_SECONDS * SECOND]
        self._failures[connection] = recent = [*recent, now]
        if len(recent) >= FAILURES_MAX:
            self._failures.pop(connection)
            self._rests[connection] = Instant(now + REST_SECONDS * SECOND)

    def _provider(self, connection: str) -> Provider:
        provider = self._connections.get(connection)
        if provider is None:
            raise UnknownConnection("no connection of that name is configured")
        return provider

    async def _put_back(self, delivery: Delivery, error: Exception) -> str:
        hopeless = isinstance(error, MalformedBody)
        if isinstance(error, UNANSWERED) and self._may_be_an_outage(delivery):
            # Half of the tries are left for whatever else may go wrong.
            delivery = replace(delivery, attempts=min(delivery.attempts, self._settings.attempts_max // 2))
        state = QUARANTINED if hopeless or delivery.attempts >= self._settings.attempts_max else PENDING
        return await self._settle(delivery, state, reason_of(error))

    def _may_be_an_outage(self, delivery: Delivery) -> bool:
        return self._clock.now() - delivery.received_at < self._settings.outage_seconds * SECOND

    async def _settle(self, delivery: Delivery, state: str, reason: str) -> str:
        now = self._clock.now()
        again = self._settings.retry_at(now, max(1, delivery.attempts), crc32(delivery.id.encode()))
        when = now if state == QUARANTINED else again  # of a quarantined row: when it was judged
        settled = self._settlement(delivery, state, reason, delivery.attempts, when)
        try:
            await self._store.commit(Batch(self._ids.new("batch"), now, settlements=(settled,)))
            if state != QUARANTINED:
                return RETRIED
            judged = replace(delivery, reason=reason, code=self._code)
            return IGNORED if await self._processor.give_up(judged) else QUARANTINED
        except LeaseLost:
            return LOST
        except StoreError:
            return RETRIED  # the lease runs out by itself

    def _settlement(
        self, delivery: Delivery, state: str, reason: str, attempts: int, when: Instant
    ) -> Settlement:
        return Settlement(delivery.id, delivery.fence, state, reason, attempts, when, self._code)
