"""What operators ask of the reference store: lists, what waits, and all that some lanes hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from purchase_core.facts.cluster import StoredCluster, encode_cluster
from purchase_core.facts.rows import STUCK_REFUNDS, CaseRow, IntentRow, RefundRow
from purchase_core.instants import Instant
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.operator_reads import TALLIES, Dangling, Holdings, OperatorReads, Tally, W
from purchase_core.records.command import OPEN_STATES, Command
from purchase_core.records.delivery import PENDING, QUARANTINED, Delivery
from purchase_core.records.inflow import Inflow
from purchase_core.records.mailbox import IDLE
from purchase_core.records.run import Run
from purchase_core.testing.memory_database import NOT_LEASED, MemoryDatabase

Waiting: TypeAlias = tuple[tuple[str, ...], Instant, int]
"""One row that waits: what it is counted by, since when it waits, and the money it is about."""


class MemoryOperatorReads(OperatorReads):
    """The part of the store that operators read. `database` is the store's."""

    database: MemoryDatabase

    async def commands(
        self, under: str, *, after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Command]:
        """Commands whose key begins with `under` and a colon, by ascending key."""
        known = self.database.commands
        found = sorted(key for key in known if key.startswith(f"{under}:") and key > after_key)
        return [known[key] for key in found[:limit]]

    async def commands_of(
        self, lane: str, *, after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Command]:
        """Commands of one lane, by ascending key."""
        known = self.database.commands.values()
        found = [one for one in known if one.lane == lane and one.key > after_key]
        return sorted(found, key=lambda one: one.key)[:limit]

    async def deliveries(
        self, *, state: str = "", before_id: str = "", limit: int = 100
    ) -> Sequence[Delivery]:
        """Inbox rows, newest first, without their bodies."""
        found = [
            replace(one, body=b"")
            for one in self.database.deliveries.values()
            if (not state or one.state == state) and (not before_id or one.id < before_id)
        ]
        return sorted(found, key=lambda one: one.id, reverse=True)[:limit]

    async def oldest_deliveries(self, *, after_id: str = "", limit: int = 100) -> Sequence[Delivery]:
        """Inbox rows, oldest first, without their bodies."""
        found = [replace(one, body=b"") for one in self.database.deliveries.values() if one.id > after_id]
        return sorted(found, key=lambda one: one.id)[:limit]

    async def inflow(self, *, since: Instant, stretch: int, newest: int) -> Sequence[Inflow]:
        """Of the newest deliveries, those that arrived since then, counted."""
        counts: Counter[tuple[Instant, str, str]] = Counter()
        for one in await self.deliveries(limit=newest):
            if one.received_at >= since:
                begins = Instant(one.received_at - one.received_at % stretch)
                counts[begins, one.connection, one.state] += 1
        return [Inflow(*key, count) for key, count in sorted(counts.items())]

    async def intents_since(
        self, since: Instant, *, before: tuple[Instant, str] | None = None, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[IntentRow]:
        """Intents that were placed since then, newest first."""
        placed = {
            (one.placed_at, one.key): one for one in self.database.table(IntentRow) if one.placed_at >= since
        }
        return [placed[at] for at in sorted(placed, reverse=True) if before is None or at < before][:limit]

    async def holdings(self, first: str, last: str) -> Holdings:
        """Everything that lanes of a range hold, and those linked to them."""
        held = self.database
        asked = {name for name, one in held.lanes.items() if first <= name <= last and not one.linked_to}
        mine = {name: one for name, one in held.lanes.items() if name in asked or one.linked_to in asked}
        return Holdings(
            mine,
            [(held.positions[key], one) for key, one in held.facts.items() if one.lane in mine],
            [
                StoredCluster(one.root, one.lane, encode_cluster(one).decode())
                for one in held.clusters.values()
                if one.lane in mine
            ],
            [one for one in held.references.values() if one.lane in mine],
            [one for one in held.rows.values() if one.lane in mine],
            [one for one in held.movements.values() if one.lane in mine],
        )

    async def dangling(self, limit: int) -> Sequence[Dangling]:
        """What names something that is not there."""
        held = self.database
        lanes = frozenset(held.lanes)
        causes = {*held.deliveries, *(one.id for one in held.commands.values())}
        named: list[tuple[str, str, str, Collection[str]]] = []
        named += [(f"{row.TABLE}.lane", row.key, row.lane, lanes) for row in held.rows.values()]
        named += [("facts.lane", key, one.lane, lanes) for key, one in held.facts.items()]
        named += [("facts.cause", key, one.cause, causes) for key, one in held.facts.items()]
        named += [("clusters.lane", one.root, one.lane, lanes) for one in held.clusters.values()]
        named += [("references.lane", one.object, one.lane, lanes) for one in held.references.values()]
        named += [("effects.lane", one.key, one.lane, lanes) for one in held.effects.values()]
        sold = frozenset(held.offers)
        linked = [one for one in held.lanes.values() if one.linked_to]
        named += [("lanes.linked_to", one.lane, one.linked_to, lanes) for one in linked]
        named += [("prices.version", one.price, one.version, sold) for one in held.prices.values()]
        found = [Dangling(relation, key, name) for relation, key, name, there in named if name not in there]
        told: Counter[str] = Counter()
        kept = []
        for one in found:
            told[one.relation] += 1
            if told[one.relation] <= limit:
                kept.append(one)
        return kept

    async def run(self, run_id: str) -> Run | None:
        """The run of this id."""
        return self.database.runs.get(run_id)

    async def runs(self, *, kind: str = "", before_id: str = "", limit: int = 100) -> Sequence[Run]:
        """Runs, newest first."""
        found = [
            one
            for one in self.database.runs.values()
            if kind in ("", one.kind) and (not before_id or one.id < before_id)
        ]
        return sorted(found, key=lambda one: one.id, reverse=True)[:limit]

    async def tallies(
        self, *, now: Instant, limit: int, of: Collection[str] = tuple(TALLIES)
    ) -> Sequence[Tally]:
        """What waits, counted."""
        found = {sort: list(self._waiting(sort, now, limit))[:limit] for sort in TALLIES if sort in of}
        return [tally for sort, rows in found.items() for tally in _counted(sort, rows)]

    async def waiting(self, row_type: type[W], *, limit: int = PAGE_ROWS_MAX) -> Sequence[W]:
        """Rows that wait for a person, those with the most money first."""
        found = [one for one in self.database.rows.values() if isinstance(one, row_type) and _waits(one)]
        return sorted(found, key=lambda one: (one.amount, one.key), reverse=True)[:limit]

    async def cases(
        self, status: str, *, kind: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[CaseRow]:
        """Cases of one status, by ascending key."""
        mine = [one for one in self.database.table(CaseRow) if one.status == status]
        found = [one for one in mine if kind in ("", one.kind) and one.key > after_key]
        return sorted(found, key=lambda one: one.key)[:limit]

    def _waiting(self, of: str, now: Instant, limit: int) -> Iterable[Waiting]:
        if of == "abandoned":
            return self._abandoned(now, limit)
        if of in ("pending", "quarantined"):
            return self._deliveries(of)
        if of == "commands":
            known = self.database.commands.values()
            return (
                ((one.kind, one.connection, one.state), one.created_at, 0)
                for one in known
                if one.state in OPEN_STATES
            )
        if of == "mailboxes":
            boxes = self.database.mailboxes.values()
            return (((one.subscriber, one.state), one.available_at, 0) for one in boxes if one.state != IDLE)
        return self._money(of)

    def _abandoned(self, now: Instant, limit: int) -> Iterable[Waiting]:
        leases = self.database.leases
        pending = [one for one in self.database.deliveries.values() if one.state == PENDING]
        for one in sorted(pending, key=lambda one: (one.available_at, one.id))[:limit]:
            if NOT_LEASED < leases.get(one.id, NOT_LEASED) < now:
                yield (one.connection,), leases[one.id], 0

    def _deliveries(self, of: str) -> Iterable[Waiting]:
        for one in self.database.deliveries.values():
            if of == "pending" and one.state == PENDING:
                yield (one.connection,), one.received_at, 0
            elif of == "quarantined" and one.state == QUARANTINED:
                yield (one.connection, one.event_type, _error(one)), one.received_at, 0

    def _money(self, of: str) -> Iterable[Waiting]:
        for one in self.database.rows.values():
            if of == "cases" and isinstance(one, CaseRow) and _waits(one):
                yield (one.kind, one.currency), one.opened_at, one.amount
            elif of == "refunds" and isinstance(one, RefundRow) and _waits(one):
                yield (one.status, one.currency), one.seen_at, one.amount


def _waits(row: CaseRow | RefundRow) -> bool:
    return row.status == "open" if isinstance(row, CaseRow) else row.status in STUCK_REFUNDS


def _error(delivery: Delivery) -> str:
    return delivery.reason.partition(":")[0]


def _counted(of: str, rows: Sequence[Waiting]) -> Iterable[Tally]:
    for by in sorted({one for one, _, _ in rows}):
        alike = [(since, amount) for one, since, amount in rows if one == by]
        oldest = min(since for since, _ in alike)
        yield Tally(of, by, len(alike), oldest, sum(amount for _, amount in alike))
