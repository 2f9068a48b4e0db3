"""Replay: stored deliveries are read again with today's code. It changes what was misread, and nothing else.

A fact is absolute and has a key, so reading a delivery again writes only what was not known: a fact that
yesterday's code did not see, and the rows that differ for it. Nothing goes out: no provider is asked, and an
effect that was told is not told again. Interrupted, it goes on behind the last delivery that it named.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import attrs

from purchase_core.errors import DeliveryRefused, NotFound
from purchase_core.inbox.processing import Processor
from purchase_core.instants import Instant
from purchase_core.ports.provider import Provider
from purchase_core.ports.store import PAGE_ROWS_MAX, Batch, Question, Store
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.records.delivery import LOOKUP, WEBHOOK, Delivery

CHANGED, UNCHANGED, SKIPPED, FAILED = "changed", "unchanged", "skipped", "failed"
LOOKED_UP = "it asks for a look-up, whose answer is a delivery of its own"


@attrs.frozen
class Selection:
    """Which deliveries: of one connection, of one type, received from `since` until before `until`.

    "" and None: any. `before`: only those older than this delivery id, to go on where a replay stopped.
    """

    connection: str = ""
    event_type: str = ""
    since: Instant | None = None
    until: Instant | None = None
    before: str = ""


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
        connections: Mapping[str, Provider],
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._processor = processor
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
        before = selection.before
        while True:
            page = await self._store.deliveries(before_id=before, limit=PAGE_ROWS_MAX)
            for delivery in page:
                # Ids grow with time, but clocks of machines differ: it is looked at, not trusted.
                if _is_meant(selection, delivery):
                    yield delivery
            if len(page) < PAGE_ROWS_MAX:
                return
            before = page[-1].id

    async def _again(self, delivery: Delivery, *, dry_run: bool) -> Replayed:
        provider = self._connections.get(delivery.connection)
        if provider is None:
            return _told(delivery, SKIPPED, f"connection {delivery.connection!r} is not configured")
        if delivery.source == LOOKUP:
            return _told(delivery, SKIPPED, LOOKED_UP)
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


def _is_meant(selection: Selection, delivery: Delivery) -> bool:
    return (
        selection.connection in ("", delivery.connection)
        and selection.event_type in ("", delivery.event_type)
        and (selection.since is None or delivery.received_at >= selection.since)
        and (selection.until is None or delivery.received_at < selection.until)
    )


def _told(delivery: Delivery, status: str, reason: str = "") -> Replayed:
    return Replayed(delivery.id, delivery.event_type, status, reason)
