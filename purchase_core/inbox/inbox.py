"""The inbox itself: `receive` takes a delivery, `drain` works off what is pending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zlib import crc32

from msgspec.structs import replace

from purchase_core.errors import (
    KeyConflict,
    LaneConflict,
    LeaseLost,
    MalformedBody,
    NotFound,
    PurchaseError,
    StoreError,
    StoreUnavailable,
    UnknownConnection,
    WrongState,
)
from purchase_core.identifiers import IdSource
from purchase_core.inbox.processing import Processor
from purchase_core.inbox.receive import RawHeaders, kept_headers, read_headers, verified_event
from purchase_core.inbox.settings import InboxSettings
from purchase_core.instants import SECOND, Clock, Instant
from purchase_core.ports.provider import Event, Provider
from purchase_core.ports.store import Batch, Store
from purchase_core.records.delivery import DONE, IGNORED, PENDING, QUARANTINED, Delivery, Settlement
from purchase_core.values import Value

DUPLICATE = "duplicate"


class DeliveryReceipt(Value, frozen=True):
    """What became of a delivery. `status`: done | duplicate | ignored | pending | quarantined.

    All of them are answered 2xx: the event is kept, and trying again at the provider would add nothing.
    """

    id: str
    connection: str
    event_id: str
    event_type: str
    status: str
    reason: str = ""
    facts: tuple[str, ...] = ()


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


class Inbox:
    """Deliveries of all connections of one application."""

    def __init__(
        self,
        store: Store,
        processor: Processor,
        connections: Mapping[str, Provider],
        clock: Clock,
        ids: IdSource,
        settings: InboxSettings,
    ) -> None:
        self._store = store
        self._processor = processor
        self._connections = connections
        self._clock = clock
        self._ids = ids
        self._settings = settings

    @property
    def body_bytes_max(self) -> int:
        """Bodies above this are refused; an endpoint need not read further."""
        return self._settings.body_bytes_max

    async def receive(self, connection: str, body: bytes, headers: RawHeaders) -> DeliveryReceipt:
        """Take one delivery: verify the raw bytes, keep the event, and (inline) apply it in the same batch.

        Raises DeliveryRefused (nothing was stored) or StoreUnavailable (the provider should try again).
        Whatever else goes wrong, the event is kept, and the receipt says so.
        """
        provider = self._provider(connection)
        read = read_headers(headers)
        now = self._clock.now()
        event = verified_event(provider, body, read, now=now, bytes_max=self._settings.body_bytes_max)
        delivery = Delivery(
            id=self._ids.new("delivery"),
            connection=connection,
            event_id=event.id,
            event_type=event.type,
            object=event.object,
            occurred_at=event.occurred_at,
            received_at=now,
            headers=kept_headers(provider, read),
            body=body,
            available_at=now,
        )
        try:
            if self._settings.mode == "inline":
                return await self._receive_inline(provider, event, delivery)
            return await self._keep(delivery)
        except KeyConflict as conflict:
            if conflict.kind != "delivery":
                raise
            known = await self._store.delivery(connection, event.id)
            if known is None:
                raise StoreUnavailable("the delivery that came first was not kept after all") from conflict
            return _receipt(known, DUPLICATE)

    async def _receive_inline(self, provider: Provider, event: Event, delivery: Delivery) -> DeliveryReceipt:
        def keep(batch: Batch, state: str, reason: str) -> Batch:
            row = replace(delivery, state=state, reason=reason, attempts=1)
            return replace(batch, deliveries=(*batch.deliveries, row))

        try:
            result = await self._processor.process(provider, event, delivery.id, keep, may_fetch=False)
        except LaneConflict as error:  # a busy lane is no reason to have it sent again
            return await self._keep(delivery, PENDING, _reason(error))
        except StoreError:
            raise
        except MalformedBody as error:
            return await self._keep(delivery, QUARANTINED, _reason(error))
        except Exception as error:  # deciding failed: the event itself must not be lost
            return await self._keep(delivery, PENDING, _reason(error))
        if result.needs:
            return await self._keep(delivery, PENDING, "needs a look-up")
        return _receipt(delivery, result.state, result.reason, result.facts)

    async def _keep(self, delivery: Delivery, state: str = PENDING, reason: str = "") -> DeliveryReceipt:
        row = replace(delivery, state=state, reason=reason)
        await self._store.commit(Batch(self._ids.new("batch"), self._clock.now(), deliveries=(row,)))
        return _receipt(delivery, state, reason)

    async def drain(self, *, rows_max: int = 1_000) -> DrainReport:
        """Work off pending deliveries that are due, up to `rows_max`. Any number of workers may do so."""
        report = DrainReport()
        while report.worked < rows_max:
            now = self._clock.now()
            limit = min(self._settings.claim_rows_max, rows_max - report.worked)
            lease_until = Instant(now + self._settings.lease_seconds * SECOND)
            claimed = await self._store.claim(now=now, lease_until=lease_until, limit=limit)
            if not claimed:
                break
            for delivery in claimed:
                report = _count(report, await self._work(delivery))
        return report

    async def _work(self, delivery: Delivery) -> str:
        def settle(batch: Batch, state: str, reason: str) -> Batch:
            settlement = Settlement(
                delivery.id, delivery.fence, state, reason, delivery.attempts, delivery.available_at
            )
            return replace(batch, settlements=(settlement,))

        if delivery.attempts > self._settings.attempts_max:
            return await self._settle(delivery, QUARANTINED, "no worker that took it ever came back")
        try:
            provider = self._provider(delivery.connection)
            event = self._processor.event_of(provider, delivery)
            result = await self._processor.process(provider, event, delivery.id, settle, may_fetch=True)
        except LeaseLost:
            return "lost"
        except Exception as error:  # a poison event must not stop the others
            return await self._put_back(delivery, error)
        return result.state

    async def _put_back(self, delivery: Delivery, error: Exception) -> str:
        hopeless = isinstance(error, MalformedBody)
        state = QUARANTINED if hopeless or delivery.attempts >= self._settings.attempts_max else PENDING
        return await self._settle(delivery, state, _reason(error))

    async def _settle(self, delivery: Delivery, state: str, reason: str) -> str:
        now = self._clock.now()
        again = self._settings.retry_at(now, delivery.attempts, crc32(delivery.id.encode()))
        settlement = Settlement(delivery.id, delivery.fence, state, reason, delivery.attempts, again)
        try:
            await self._store.commit(Batch(self._ids.new("batch"), now, settlements=(settlement,)))
        except LeaseLost:
            return "lost"
        except StoreError:
            return "retried"  # the lease runs out by itself
        return "quarantined" if state == QUARANTINED else "retried"

    async def retry(self, delivery_id: str) -> Delivery:
        """Have a quarantined or pending delivery tried again at once, with as many tries as a new one.

        Raises NotFound, WrongState (it is done, or means nothing here), or LeaseLost (a worker is at it).
        """
        delivery = await self.show(delivery_id)
        if delivery.state not in (QUARANTINED, PENDING):
            raise WrongState(f"delivery {delivery_id!r} is {delivery.state}", hint="Replay reads it again.")
        now = self._clock.now()
        again = Settlement(delivery.id, delivery.fence, PENDING, "", 0, now)
        await self._store.commit(Batch(self._ids.new("batch"), now, settlements=(again,)))
        return replace(delivery, state=PENDING, reason="", attempts=0, available_at=now)

    async def list(self, *, state: str = "", before_id: str = "", limit: int = 100) -> Sequence[Delivery]:
        """Deliveries, newest first, without bodies; `state` "" means any."""
        return await self._store.deliveries(state=state, before_id=before_id, limit=limit)

    async def show(self, delivery_id: str) -> Delivery:
        """One delivery. Raises NotFound."""
        found = await self._store.delivery_by_id(delivery_id)
        if found is None:
            raise NotFound(
                f"no delivery {delivery_id!r}", hint="`purchase webhooks list` shows what there is."
            )
        return found

    def _provider(self, connection: str) -> Provider:
        provider = self._connections.get(connection)
        if provider is None:
            raise UnknownConnection("no connection of that name is configured")
        return provider


def _receipt(
    delivery: Delivery, status: str, reason: str = "", facts: tuple[str, ...] = ()
) -> DeliveryReceipt:
    return DeliveryReceipt(
        delivery.id, delivery.connection, delivery.event_id, delivery.event_type, status, reason, facts
    )


def _count(report: DrainReport, end: str) -> DrainReport:
    name = {DONE: "done", IGNORED: "ignored", QUARANTINED: "quarantined"}.get(end, end)
    return replace(report, **{name: getattr(report, name) + 1})


def _reason(error: Exception) -> str:
    """Why, without a word of the payload: our own errors name ids only, others just their type."""
    return f"{error.code}: {error.message}" if isinstance(error, PurchaseError) else type(error).__name__
