"""The inbox itself: `receive` takes a delivery, `drain` works off what is pending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from purchase_core.errors import (
    DeliveryRefused,
    KeyConflict,
    LaneConflict,
    MalformedBody,
    NotFound,
    StoreError,
    StoreUnavailable,
    UnknownConnection,
    WrongState,
)
from purchase_core.identifiers import IdSource
from purchase_core.inbox.draining import Draining, DrainReport
from purchase_core.inbox.processing import Processor, reason_of
from purchase_core.inbox.receive import (
    RawHeaders,
    kept_headers,
    of_this_connection,
    read_headers,
    verified_event,
)
from purchase_core.inbox.refusal_log import RefusalLog
from purchase_core.inbox.refusals import Refusals
from purchase_core.inbox.settings import InboxSettings
from purchase_core.instants import Clock, Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import Event, Provider
from purchase_core.ports.store import Store
from purchase_core.records.delivery import (
    IGNORED,
    LISTED,
    PENDING,
    QUARANTINED,
    WEBHOOK,
    Delivery,
    Settlement,
)
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
        *,
        code: str = "",
    ) -> None:
        self._store = store
        self._processor = processor
        self._connections = connections
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._code = code
        self.refusals = Refusals(connections, clock)
        self.refusal_log = RefusalLog(store, self.refusals, connections, clock, ids)
        self._draining = Draining(store, processor, connections, clock, ids, settings, code=code)

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
        now = self._clock.now()
        try:
            read = read_headers(headers)
            event = verified_event(provider, body, read, now=now, bytes_max=self._settings.body_bytes_max)
        except DeliveryRefused as refused:
            self.refusals.note(connection, refused.code)
            await self.refusal_log.keep()
            raise
        delivery = self._row(event, connection, body, now, kept_headers(provider, read), WEBHOOK)
        receipt = await self._take(provider, event, delivery, inline=self._settings.mode == "inline")
        await self.refusal_log.keep()  # the last of a burst is followed by none
        return receipt

    async def take_listed(self, connection: str, body: bytes) -> DeliveryReceipt:
        """Take an event that the provider itself has listed: it is authentic, and carries no signature.

        Else it is a delivery like any other, of source `listed`. What it needs is looked up at once. Raises
        DeliveryRefused where it is of another account or mode, or cannot be read; and StoreUnavailable.
        """
        provider = self._provider(connection)
        event = of_this_connection(provider, provider.parse(body))
        delivery = self._row(event, connection, body, self._clock.now(), (), LISTED)
        return await self._take(provider, event, delivery, inline=True)

    def _row(
        self,
        event: Event,
        connection: str,
        body: bytes,
        now: Instant,
        headers: tuple[tuple[str, str], ...],
        source: str,
    ) -> Delivery:
        return Delivery(
            id=self._ids.new("delivery"),
            connection=connection,
            event_id=event.id,
            event_type=event.type,
            object=event.object,
            occurred_at=event.occurred_at,
            received_at=now,
            headers=headers,
            body=body,
            source=source,
            available_at=now,
            code=self._code,
        )

    async def _take(
        self, provider: Provider, event: Event, delivery: Delivery, *, inline: bool
    ) -> DeliveryReceipt:
        connection = delivery.connection
        try:
            if inline:
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
            # Who sent it waits for an answer; who listed it does not.
            may_fetch = delivery.source == LISTED
            result = await self._processor.process(provider, event, delivery.id, keep, may_fetch=may_fetch)
        except LaneConflict as error:  # a busy lane is no reason to have it sent again
            return await self._keep(delivery, PENDING, reason_of(error))
        except StoreError:
            raise
        except MalformedBody as error:
            return await self._quarantine(delivery, reason_of(error))
        except Exception as error:  # deciding failed: the event itself must not be lost
            return await self._keep(delivery, PENDING, reason_of(error))
        if result.needs:
            return await self._keep(delivery, PENDING, "needs a look-up")
        return _receipt(delivery, result.state, result.reason, result.facts)

    async def _keep(self, delivery: Delivery, state: str = PENDING, reason: str = "") -> DeliveryReceipt:
        row = replace(delivery, state=state, reason=reason)
        await self._store.commit(Batch(self._ids.new("batch"), self._clock.now(), deliveries=(row,)))
        return _receipt(delivery, state, reason)

    async def _quarantine(self, delivery: Delivery, reason: str) -> DeliveryReceipt:
        kept = await self._keep(delivery, QUARANTINED, reason)
        given_up = await self._processor.give_up(replace(delivery, reason=reason))
        return replace(kept, status=IGNORED) if given_up else kept

    async def drain(self, *, rows_max: int = 1_000) -> DrainReport:
        """Work off pending deliveries that are due, up to `rows_max`. Any number of workers may do so."""
        return await self._draining.drain(rows_max)

    async def retry(self, delivery_id: str) -> Delivery:
        """Have a quarantined or pending delivery tried again at once, with as many tries as a new one.

        Raises NotFound, WrongState (it is done, or means nothing here), or LeaseLost (a worker is at it).
        """
        delivery = await self.show(delivery_id)
        if delivery.state not in (QUARANTINED, PENDING):
            raise WrongState(f"delivery {delivery_id!r} is {delivery.state}", hint="Replay reads it again.")
        now = self._clock.now()
        again = Settlement(delivery.id, delivery.fence, PENDING, "", 0, now, self._code)
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
