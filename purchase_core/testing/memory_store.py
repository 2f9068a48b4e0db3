"""The reference store: the port's promises as plainly as they can be written, over dictionaries.

Every method runs from start to end without awaiting, so in one event loop it is atomic by itself. A commit
checks everything first and then applies everything; that is all of its atomicity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from typing import TypeVar

import attrs
from msgspec.structs import replace

from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import (
    KeyConflict,
    LaneConflict,
    LeaseLost,
    PurchaseError,
    SchemaError,
    StoreError,
    StoreUnavailable,
)
from purchase_core.facts.cluster import Cluster, StoredCluster, encode_cluster
from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import IntentRow, SubscriptionRow
from purchase_core.instants import Instant
from purchase_core.ports.store import (
    PAGE_ROWS_MAX,
    Batch,
    Dangling,
    Holders,
    Holdings,
    Question,
    SchemaState,
    Store,
    TableRow,
    View,
)
from purchase_core.records.command import OPEN_STATES, Command
from purchase_core.records.delivery import PENDING, Delivery
from purchase_core.records.details import Details
from purchase_core.records.effect import Effect
from purchase_core.records.inflow import Inflow
from purchase_core.records.lane import Lane, LaneStep
from purchase_core.records.ledger_rows import DrawnRow
from purchase_core.records.movement import Movement
from purchase_core.records.reference import PriceReference, Reference
from purchase_core.records.run import Run
from purchase_core.testing.memory_database import NOT_LEASED, MemoryDatabase
from purchase_core.testing.memory_mailboxes import MemoryMailboxes
from purchase_core.testing.memory_tallies import MemoryTallies

R = TypeVar("R", bound=TableRow)
V = TypeVar("V")

__all__ = ["NOT_LEASED", "SCHEMA_VERSION", "MemoryDatabase", "MemoryStore"]

SCHEMA_VERSION = 1


class MemoryStore(MemoryMailboxes, MemoryTallies, Store):
    """A store that forgets everything with its database. For tests, and to read beside the port."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self.database = MemoryDatabase(SCHEMA_VERSION) if database is None else database
        self._closed = False

    # --- writing -----------------------------------------------------------------------------

    async def commit(self, batch: Batch) -> None:
        """Check everything, then apply everything."""
        self._require_open()
        if batch.id in self.database.batches:
            return
        self._check(batch)
        self._apply(batch)

    async def commit_all(self, batches: Sequence[Batch]) -> None:
        """Apply all of them, or bring back what was there."""
        self._require_open()
        known = [one.id in self.database.batches for one in batches]
        if all(known):
            return
        before = {one.name: copy(getattr(self.database, one.name)) for one in attrs.fields(MemoryDatabase)}
        try:
            if any(known):
                raise LaneConflict("one of the batches was committed before")
            for batch in batches:
                self._check(batch)
                self._apply(batch)
        except PurchaseError as error:
            for name, value in before.items():
                setattr(self.database, name, value)
            if not isinstance(error, StoreError):
                raise
            raise LaneConflict(f"one of the batches is refused: {error.code}") from error

    def _check(self, batch: Batch) -> None:
        self._check_lanes(batch)
        self._check_facts(batch)
        self._check_movements(batch)
        self._check_prices(batch)
        self._check_command(batch)
        self._check_deliveries(batch)
        self._check_settlements(batch)
        self._check_told(batch)

    def _check_lanes(self, batch: Batch) -> None:
        for step in batch.lanes:
            found = self.database.lanes.get(step.lane, Lane(step.lane)).version
            if found != step.expected_version:
                raise LaneConflict(f"lane {step.lane!r} is at {found}, not at {step.expected_version}")

    def _check_facts(self, batch: Batch) -> None:
        batch.placed_facts()
        fresh: dict[str, str] = {}
        for one in batch.facts:
            key, digest = one.fact.key, one.fact.digest
            known = self.database.facts.get(key)
            if digest != (known.fact.digest if known else fresh.setdefault(key, digest)):
                raise KeyConflict("fact", key)

    def _check_movements(self, batch: Batch) -> None:
        into, keys, places = self.database, set[str](), set[tuple[str, int]]()
        for one in batch.placed_movements():
            place = (one.lane, one.position)
            if one.key in keys or one.key in into.movements or place in places or place in into.journal:
                raise KeyConflict("movement", one.key)
            keys.add(one.key)
            places.add(place)

    def _check_prices(self, batch: Batch) -> None:
        fresh: dict[tuple[str, str, str], PriceReference] = {}
        for price in batch.prices:
            known = self.database.prices.get(_price_key(price)) or fresh.setdefault(_price_key(price), price)
            if known.version != price.version:
                raise KeyConflict("price", ":".join(_price_key(price)))

    def _check_command(self, batch: Batch) -> None:
        if batch.command is not None:
            key, identifier = batch.command.key, batch.command.id
            if any((one.key == key) != (one.id == identifier) for one in self.database.commands.values()):
                raise KeyConflict("command", key)

    def _check_deliveries(self, batch: Batch) -> None:
        fresh: set[tuple[str, str]] = set()
        for one in batch.deliveries:
            event = (one.connection, one.event_id)
            if event in self.database.events or event in fresh or one.id in self.database.deliveries:
                raise KeyConflict("delivery", ":".join(event))
            fresh.add(event)

    def _check_settlements(self, batch: Batch) -> None:
        for settlement in batch.settlements:
            row = self.database.deliveries.get(settlement.id)
            if row is None or row.fence != settlement.fence:
                raise LeaseLost(f"delivery {settlement.id!r} is not held under fence {settlement.fence}")

    def _apply(self, batch: Batch) -> None:
        into = self.database
        into.batches.add(batch.id)
        for step in batch.lanes:
            self._apply_step(step)
        for root in batch.dropped_clusters:
            into.clusters.pop(root, None)
        into.clusters.update({cluster.root: cluster for cluster in batch.clusters})
        for identity in batch.dropped_rows:
            into.rows.pop(identity, None)
        into.rows.update({(type(row), row.key): row for row in batch.rows})
        into.ledger.update({(type(row), row.key): row for row in batch.ledger})
        into.movements.update({one.key: one for one in batch.movements})
        into.journal.update({(one.lane, one.position): one.key for one in batch.movements})
        into.references.update({reference.object: reference for reference in batch.references})
        if batch.command is not None:
            into.commands[batch.command.key] = batch.command
        into.deliveries.update({delivery.id: delivery for delivery in batch.deliveries})
        into.events.update({(one.connection, one.event_id): one.id for one in batch.deliveries})
        for position, fact in batch.placed_facts():
            if fact.fact.key not in into.facts:
                into.facts[fact.fact.key] = fact
                into.positions[fact.fact.key] = position
        for offer in batch.offers:
            into.offers.setdefault(offer.hash, offer)
        self._apply_subscribers(batch)
        self._apply_effects(batch)
        self._apply_told(batch)
        into.runs.update({run.id: run for run in batch.runs})
        self._apply_prices(batch)
        self._apply_settlements(batch)
        self._apply_erasures(batch)

    def _apply_step(self, step: LaneStep) -> None:
        erased = step.erased or self.database.lanes.get(step.lane, Lane(step.lane)).erased
        version = step.expected_version + 1
        self.database.lanes[step.lane] = Lane(
            step.lane, version, step.document, step.linked_to, step.reducer, erased
        )

    def _apply_erasures(self, batch: Batch) -> None:
        for customer in batch.dropped_details:
            self.database.details.pop(customer, None)
        self.database.details.update({one.customer: one for one in batch.details})
        for identifier in batch.redacted:
            known = self.database.deliveries.get(identifier)
            if known is not None:
                self.database.deliveries[identifier] = replace(known, body=b"", headers=())

    def _apply_prices(self, batch: Batch) -> None:
        for price in batch.prices:
            known = self.database.prices.setdefault(_price_key(price), price)
            if price.ended_at is not None:
                self.database.prices[_price_key(price)] = replace(known, ended_at=price.ended_at)
            elif known.ended_at is not None and price.created_at > known.ended_at:
                again = replace(known, created_at=price.created_at, ended_at=None)
                self.database.prices[_price_key(price)] = again

    def _apply_settlements(self, batch: Batch) -> None:
        for settlement in batch.settlements:
            self.database.leases.pop(settlement.id, None)
            self.database.deliveries[settlement.id] = replace(
                self.database.deliveries[settlement.id],
                state=settlement.state,
                reason=settlement.reason,
                attempts=settlement.attempts,
                available_at=settlement.available_at,
                code=settlement.code,
            )

    async def committed(self, batch_id: str) -> bool:
        """Whether a batch of this id was written."""
        return batch_id in self.database.batches

    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        """Take up to `limit` pending inbox rows that are due and free."""
        self._require_open()
        into = self.database
        free = [
            row
            for row in into.deliveries.values()
            if row.state == PENDING
            and row.available_at <= now
            and into.leases.get(row.id, NOT_LEASED) < now
        ]  # fmt: skip
        free.sort(key=lambda row: (row.available_at, row.id))
        taken = free[max(0, len(free) - limit) :] if newest else free[:limit]
        claimed = [replace(row, fence=row.fence + 1, attempts=row.attempts + 1) for row in taken]
        for row in claimed:
            into.deliveries[row.id] = row
            into.leases[row.id] = lease_until
        return claimed

    # --- reading for a decision --------------------------------------------------------------

    async def look(self, question: Question) -> View:
        """Everything the question names."""
        held = self.database
        references = _named(held.references, question.objects)
        asked = [*question.lanes, *question.whole_lanes, *(one.lane for one in references.values())]
        lanes = _named(held.lanes, asked)
        owners = _named(held.lanes, [lane.linked_to for lane in lanes.values()])
        clusters = _named(held.clusters, [one.root for one in references.values()])
        whole = self._clusters_of(question.whole_lanes)
        wanted = set(question.prices)
        prices = {
            (one.connection, one.price): one
            for one in held.prices.values()
            if (one.connection, one.price) in wanted
        }  # fmt: skip
        return View(references, prices, lanes | owners, clusters | whole)

    async def lane(self, lane: str) -> Lane:
        """One lane; version 0 if it does not exist."""
        return self.database.lanes.get(lane, Lane(lane))

    async def offers(self, hashes: Sequence[str]) -> Mapping[str, OfferVersion]:
        """Offer versions that were sold, by hash."""
        return _named(self.database.offers, hashes)

    async def price_for(
        self, connection: str, version: str, currency: str, variant: str = ""
    ) -> PriceReference | None:
        """The newest price of a variant of an offer version in a currency that has not ended."""
        wanted = (connection, version, currency, variant)
        on_sale = [
            one
            for one in self.database.prices.values()
            if (one.connection, one.version, one.currency, one.variant) == wanted and one.ended_at is None
        ]
        return max(on_sale, key=lambda one: (one.created_at, one.price), default=None)

    async def prices_of(
        self, connection: str, *, after: tuple[str, str] = ("", ""), limit: int = PAGE_ROWS_MAX
    ) -> Sequence[PriceReference]:
        """Every price of a connection, by ascending (price, currency)."""
        found = [
            one
            for one in self.database.prices.values()
            if one.connection == connection and (one.price, one.currency) > after
        ]
        return sorted(found, key=lambda one: (one.price, one.currency))[:limit]

    async def holders(self, connection: str) -> Sequence[Holders]:
        """How many live agreements there are of each offer version."""
        counts = Counter(
            (row.version, row.currency)
            for row in self._table(SubscriptionRow)
            if row.connection == connection and row.bound and row.status not in ENDED_SUBSCRIPTIONS
        )
        return [Holders(version, currency, count) for (version, currency), count in sorted(counts.items())]

    async def references_of(self, lane: str, kind: str) -> Sequence[Reference]:
        """References of one kind that belong to a lane, by ascending object."""
        mine = [one for one in self.database.references.values() if one.lane == lane]
        return sorted((one for one in mine if _kind(one.object) == kind), key=lambda one: one.object)

    async def command(self, key: str) -> Command | None:
        """The command of this key."""
        return self.database.commands.get(key)

    async def command_by_id(self, command_id: str) -> Command | None:
        """The command of this id."""
        return next((one for one in self.database.commands.values() if one.id == command_id), None)

    async def open_commands(
        self, kinds: Collection[str], *, before: Instant, limit: int
    ) -> Sequence[Command]:
        """Commands of these kinds not known to have ended, last touched before, oldest first."""
        known = (one for one in self.database.commands.values() if one.kind in kinds)
        found = [one for one in known if one.state in OPEN_STATES and one.updated_at < before]
        return sorted(found, key=lambda one: (one.updated_at, one.key))[:limit]

    async def movement(self, key: str) -> Movement | None:
        """The movement of this key."""
        return self.database.movements.get(key)

    async def drawn(self, lots: Sequence[str]) -> Mapping[str, int]:
        """What was taken of these lots."""
        known = ((key, self.database.ledger.get((DrawnRow, key))) for key in lots)
        return {key: row.drawn for key, row in known if isinstance(row, DrawnRow)}

    # --- reading for people and replay -------------------------------------------------------

    async def commands(
        self, under: str, *, after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Command]:
        """Commands whose key begins with `under` and a colon, by ascending key."""
        known = self.database.commands
        found = sorted(key for key in known if key.startswith(f"{under}:") and key > after_key)
        return [known[key] for key in found[:limit]]

    async def delivery(self, connection: str, event_id: str) -> Delivery | None:
        """The inbox row of an event."""
        known = self.database.events.get((connection, event_id))
        return None if known is None else self.database.deliveries[known]

    async def known_events(self, connection: str, event_ids: Sequence[str]) -> frozenset[str]:
        """Which of these events have an inbox row."""
        return frozenset(one for one in event_ids if (connection, one) in self.database.events)

    async def delivery_by_id(self, delivery_id: str) -> Delivery | None:
        """The inbox row of this id."""
        return self.database.deliveries.get(delivery_id)

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

    async def inflow(self, *, since: Instant, stretch: int, newest: int) -> Sequence[Inflow]:
        """Of the newest deliveries, those that arrived since then, counted."""
        counts: Counter[tuple[Instant, str, str]] = Counter()
        for one in await self.deliveries(limit=newest):
            if one.received_at >= since:
                begins = Instant(one.received_at - one.received_at % stretch)
                counts[begins, one.connection, one.state] += 1
        return [Inflow(*key, count) for key, count in sorted(counts.items())]

    async def oldest_deliveries(self, *, after_id: str = "", limit: int = 100) -> Sequence[Delivery]:
        """Inbox rows, oldest first, without their bodies."""
        found = [replace(one, body=b"") for one in self.database.deliveries.values() if one.id > after_id]
        return sorted(found, key=lambda one: one.id)[:limit]

    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        """Facts of a lane, in order of recording."""
        found = [
            (self.database.positions[key], one)
            for key, one in self.database.facts.items()
            if one.lane == lane and (known_at is None or one.recorded_at <= known_at)
        ]
        found.sort(key=lambda one: one[0])
        return [one for one in found if one[0] > after][:limit]

    async def linked_lanes(self, lane: str) -> Sequence[str]:
        """Lanes that are linked to this one, ascending."""
        return sorted(one.lane for one in self.database.lanes.values() if one.linked_to == lane != "")

    async def facts_about(self, root: str) -> Sequence[RecordedFact]:
        """Facts about the objects of one cluster, by the instant of recording."""
        objects = {one.object for one in self.database.references.values() if one.root == root}
        found = [one for one in self.database.facts.values() if one.fact.object in objects]
        positions = self.database.positions
        return sorted(found, key=lambda one: (one.recorded_at, one.lane, positions[one.fact.key]))

    async def rows(
        self, row_type: type[R], *, lane: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[R]:
        """Rows of one table by ascending key; of one lane, or of all."""
        found = [row for row in self._table(row_type) if lane in ("", row.lane) and row.key > after_key]
        return sorted(found, key=lambda row: row.key)[:limit]

    async def intents_since(
        self, since: Instant, *, before: tuple[Instant, str] | None = None, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[IntentRow]:
        """Intents that were placed since then, newest first."""
        placed = {(one.placed_at, one.key): one for one in self._table(IntentRow) if one.placed_at >= since}
        return [placed[at] for at in sorted(placed, reverse=True) if before is None or at < before][:limit]

    async def movements(self, lane: str, *, after: int = 0, limit: int = PAGE_ROWS_MAX) -> Sequence[Movement]:
        """The journal of one lane, in order."""
        mine = [one for one in self.database.movements.values() if one.lane == lane]
        found = sorted((one for one in mine if one.position > after), key=lambda one: one.position)
        return found[:limit]

    async def effects(self, lane: str, *, after: int = -1, limit: int = PAGE_ROWS_MAX) -> Sequence[Effect]:
        """The outbox of one lane, in order."""
        found = [one for one in self.database.effects.values() if one.lane == lane and one.place > after]
        return sorted(found, key=lambda one: (one.lane_version, one.position))[:limit]

    async def lanes(self, *, after: str = "", limit: int = PAGE_ROWS_MAX) -> Sequence[Lane]:
        """Lanes by ascending name."""
        return [one for name, one in sorted(self.database.lanes.items()) if name > after][:limit]

    async def holdings(self, lanes: Sequence[str]) -> Holdings:
        """Everything that these lanes hold, and those linked to them."""
        held, asked = self.database, set(lanes) - {""}
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

    async def details(self, customer: str) -> Details | None:
        """What is kept of a person."""
        return self.database.details.get(customer)

    # --- life cycle --------------------------------------------------------------------------

    async def schema(self) -> SchemaState:
        """Which version the database is at, and which one this code wants."""
        return SchemaState(self.database.schema_version, SCHEMA_VERSION)

    async def migrate(self) -> SchemaState:
        """Mark the database as ready; dictionaries need no more."""
        found = self.database.schema_version
        if found > SCHEMA_VERSION:
            raise SchemaError(f"the tables are at version {found}; this code knows {SCHEMA_VERSION}")
        self.database.schema_version = SCHEMA_VERSION
        return await self.schema()

    async def aclose(self) -> None:
        """Refuse to write from now on; the database itself stays."""
        self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def _clusters_of(self, lanes: Sequence[str]) -> dict[str, Cluster]:
        if not lanes:
            return {}
        return {root: one for root, one in self.database.clusters.items() if one.lane in lanes}

    def _table(self, row_type: type[R]) -> list[R]:
        held: list[TableRow] = [*self.database.rows.values(), *self.database.ledger.values()]
        return [row for row in held if isinstance(row, row_type)]


def _named(table: Mapping[str, V], keys: Iterable[str]) -> dict[str, V]:
    return {key: table[key] for key in keys if key in table}


def _price_key(price: PriceReference) -> tuple[str, str, str]:
    return price.connection, price.price, price.currency


def _kind(object_key: str) -> str:
    return object_key.split(":", 2)[0]


def _connection(object_key: str) -> str:
    return object_key.split(":", 2)[1]
