"""Replay: stored deliveries are read again with today's code. It changes what was misread, and nothing else.

A fact is absolute and has a key, so reading a delivery again writes only what was not known: a fact that
yesterday's code did not see, and the rows that differ for it. Nothing goes out: no provider is asked to do
anything, and an effect that was told is not told again.

What is read again is what was kept; or, where bodies are gone or rows were lost, what the provider lists of
its events, or a file of them. An event that has no row here is taken as one that the provider has listed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

import attrs
from msgspec.structs import replace

from purchase_core.errors import DeliveryRefused, NotFound
from purchase_core.facts.fact import Fact, names, object_key
from purchase_core.inbox.inbox import Inbox
from purchase_core.inbox.processing import Processor
from purchase_core.inbox.receive import of_this_connection
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.paging import every_delivery
from purchase_core.ports.provider import Provider
from purchase_core.ports.store import Question, Store
from purchase_core.projection.owner import lane_of
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.reads.facts import recorded_facts
from purchase_core.records.delivery import LISTED, LOOKUP, WEBHOOK, Delivery

BODY_GONE = "its body is not kept any more"
CHANGED, UNCHANGED, SKIPPED, FAILED = "changed", "unchanged", "skipped", "failed"
LOOKED_UP = "it asks for a look-up, whose answer is a delivery of its own"


@attrs.frozen
class Selection:
    """Which deliveries: of one connection, of one type, received from `since` until before `until`.

    "" and None: any. `customer`: only those that facts of this customer came of, or that are about the same
    objects. `before`: only those older than this delivery id, to go on where a replay stopped.
    """

    connection: str = ""
    event_type: str = ""
    since: Instant | None = None
    until: Instant | None = None
    before: str = ""
    customer: str = ""


@attrs.frozen
class Replayed:
    """What became of one delivery. `status`: changed | unchanged | skipped | failed.

    `facts` are the keys of those that were not known; `rows` are the tables and keys of what differs.
    """

    delivery: str
    event_type: str
    status: str
    reason: str = ""
    facts: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()


class Replay:
    """Reads deliveries again."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        processor: Processor,
        inbox: Inbox,
        connections: Mapping[str, Provider],
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._processor = processor
        self._inbox = inbox
        self._connections = connections

    async def one(self, delivery_id: str, *, dry_run: bool = False) -> Replayed:
        """Read one delivery again. Raises NotFound, and StoreError."""
        delivery = await self._store.delivery_by_id(delivery_id)
        if delivery is None:
            raise NotFound(
                f"no delivery {delivery_id!r}", hint="`purchase webhooks list` shows what there is."
            )
        return await self._again(delivery, dry_run=dry_run)

    async def all(self, selection: Selection, *, dry_run: bool = False) -> AsyncIterator[Replayed]:
        """Read these deliveries again, the newest first; each as it is done. Raises StoreError.

        The order does not matter: facts are absolute.
        """
        async for listed in self.select(selection):
            yield await self.one(listed.id, dry_run=dry_run)

    async def select(self, selection: Selection) -> AsyncIterator[Delivery]:
        """The deliveries that a selection means, the newest first, without their bodies."""
        concerned = await self._concerned(selection.customer) if selection.customer else None
        async for delivery in every_delivery(self._store, before=selection.before):
            # Ids grow with time, but clocks of machines differ: it is looked at, not trusted.
            if is_meant(selection, delivery) and (
                concerned is None or await self._concerns(delivery, concerned)
            ):
                yield delivery

    async def _concerned(self, customer: str) -> frozenset[str]:
        """The deliveries that facts of a customer came of, and all that these facts name."""
        lane = await lane_of(self._store, customer)
        found = {one.object for one in await self._store.references_of(lane, "customer")}
        async for recorded in recorded_facts(self._store, lane):
            found.update((recorded.cause, *_named_by(recorded.fact)))
        return frozenset(found)

    async def _concerns(self, delivery: Delivery, concerned: frozenset[str]) -> bool:
        """Whether a delivery is about any of that, by its row or by what today's code reads in it."""
        if delivery.id in concerned or delivery.object in concerned:
            return True
        provider = self._connections.get(delivery.connection)
        whole = await self._store.delivery_by_id(delivery.id)
        if provider is None or whole is None or delivery.source == LOOKUP:
            return False
        try:
            meaning = provider.normalise(self._processor.event_of(provider, whole))
        except Exception:  # nobody can tell whose it is
            return False
        return any(key in concerned for fact in meaning.facts for key in _named_by(fact))

    async def event(
        self, connection: str, body: bytes, selection: Selection, *, dry_run: bool
    ) -> Replayed | None:
        """Read an event again that is at hand: as it was kept, if it was; None if it is not meant.

        One that has no row here is taken, as if the provider had just listed it. Raises StoreError.
        """
        provider = self._connections[connection]
        try:
            event = of_this_connection(provider, provider.parse(body))
        except DeliveryRefused as error:
            return Replayed("", "", FAILED, f"{error.code}: {error.message}")
        if selection.event_type not in ("", event.type) or not _is_between(selection, event.occurred_at):
            return None
        known = await self._store.delivery(connection, event.id)
        if known is not None:
            return await self._again(replace(known, body=body, source=LISTED), dry_run=dry_run)
        if dry_run:
            return Replayed("", event.type, CHANGED, f"event {event.id} never arrived")
        taken = await self._inbox.take_listed(connection, body)
        status = CHANGED if taken.facts else UNCHANGED
        return Replayed(taken.id, event.type, status, f"event {event.id} never arrived", taken.facts)

    async def _again(self, delivery: Delivery, *, dry_run: bool) -> Replayed:
        provider = self._connections.get(delivery.connection)
        if provider is None:
            return _told(delivery, SKIPPED, f"connection {delivery.connection!r} is not configured")
        if delivery.source == LOOKUP:
            return _told(delivery, SKIPPED, LOOKED_UP)
        if not delivery.body:
            return _told(delivery, SKIPPED, BODY_GONE)
        try:
            if delivery.source == WEBHOOK:
                provider.verify(delivery.body, delivery.headers, now=delivery.received_at)
            meaning = provider.normalise(self._processor.event_of(provider, delivery))
        except DeliveryRefused as error:
            return _told(delivery, FAILED, f"{error.code}: {error.message}")
        except Exception as error:  # an adapter that fails on one body must not keep the others
            return _told(delivery, FAILED, type(error).__name__)
        if meaning.needs:
            return _told(delivery, SKIPPED, LOOKED_UP)
        if meaning.ignored:
            return _told(delivery, UNCHANGED, meaning.ignored)
        work = Work(meaning.facts, meaning.claims)
        return await self._record(delivery, work, dry_run=dry_run)

    async def _record(self, delivery: Delivery, work: Work, *, dry_run: bool) -> Replayed:
        considered = await self._recorder.consider(work, cause=delivery.id)
        if considered.batch is None:
            return _told(delivery, SKIPPED, "it needs an invoice that was not seen yet")
        fresh = await self._unknown(considered.batch)
        rows = tuple(f"{type(row).TABLE} {row.key}" for row in considered.batch.rows)
        rows += tuple(f"{table.TABLE} {key}" for table, key in considered.batch.dropped_rows)
        if not (fresh or rows):
            return _told(delivery, UNCHANGED)
        if not dry_run:
            await self._recorder.record(work, cause=delivery.id, addition=lambda batch: batch)
        return attrs.evolve(_told(delivery, CHANGED), facts=fresh, rows=rows)

    async def _unknown(self, batch: Batch) -> tuple[str, ...]:
        """Keys of the batch's facts that are not in the log."""
        facts = [one.fact for one in batch.facts]
        view = await self._store.look(Question(objects=tuple({fact.object for fact in facts})))
        roots = {reference.root for reference in view.references.values() if reference.root}
        known = {one.fact.key for root in roots for one in await self._store.facts_about(root)}
        return tuple(fact.key for fact in facts if fact.key not in known)


def _named_by(fact: Fact) -> Iterator[str]:
    """Every object that tells whose a fact is: itself, those that it names, its agreement, its customer."""
    yield from (fact.object, *names(fact))
    for kind in ("subscription", "invoice", "customer"):
        if named := getattr(fact.body, kind, ""):
            yield object_key(kind, fact.connection, named)


def is_meant(selection: Selection, delivery: Delivery) -> bool:
    """Whether a delivery is one of those, as far as its row tells."""
    return (
        selection.connection in ("", delivery.connection)
        and selection.event_type in ("", delivery.event_type)
        and _is_between(selection, delivery.received_at)
    )


def _is_between(selection: Selection, at: Instant) -> bool:
    return (selection.since is None or at >= selection.since) and (
        selection.until is None or at < selection.until
    )


def _told(delivery: Delivery, status: str, reason: str = "") -> Replayed:
    return Replayed(delivery.id, delivery.event_type, status, reason)
