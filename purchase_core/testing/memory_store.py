"""The reference store: the port's promises as plainly as they can be written, over dictionaries.

Every method runs from start to end without awaiting, so in one event loop it is atomic by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import (
    SchemaError,
)
from purchase_core.facts.cluster import Cluster
from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import InvoiceRow, LotRow, SubscriptionRow
from purchase_core.instants import Instant
from purchase_core.ports.deadlines import D, Deadline
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.store import NEWEST_BY, Holders, N, Question, SchemaState, Store, TableRow, View
from purchase_core.records.command import OPEN_STATES, Command
from purchase_core.records.delivery import Delivery
from purchase_core.records.details import Details
from purchase_core.records.effect import Effect
from purchase_core.records.lane import Lane
from purchase_core.records.ledger_rows import DrawnRow
from purchase_core.records.movement import Movement
from purchase_core.records.reference import PriceReference, Reference
from purchase_core.testing.memory_database import NOT_LEASED, MemoryDatabase
from purchase_core.testing.memory_operator_reads import MemoryOperatorReads
from purchase_core.testing.memory_writing import MemoryWriting

R = TypeVar("R", bound=TableRow)
V = TypeVar("V")

__all__ = ["NOT_LEASED", "SCHEMA_VERSION", "MemoryDatabase", "MemoryStore"]

SCHEMA_VERSION = 1


class MemoryStore(MemoryWriting, MemoryOperatorReads, Store):
    """A store that forgets everything with its database. For tests, and to read beside the port."""

    of_this_process = True

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self.database = MemoryDatabase(SCHEMA_VERSION) if database is None else database
        self._closed = False

    async def committed(self, batch_id: str) -> bool:
        """Whether a batch of this id was written."""
        return batch_id in self.database.batches

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
            for row in self.database.table(SubscriptionRow)
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

    async def due(
        self, deadline: Deadline[D], *, after: tuple[Instant, str], until: Instant, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[D]:
        """Rows of a deadline, soonest first."""
        rows = [one for one in self.database.table(deadline.row_type) if _has(one, deadline.name)]
        found = {(getattr(one, deadline.column), one.key): one for one in rows}
        return [found[place] for place in sorted(found) if after < place and place[0] <= until][:limit]

    # --- reading for people and replay -------------------------------------------------------

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
        found = [
            row for row in self.database.table(row_type) if lane in ("", row.lane) and row.key > after_key
        ]
        return sorted(found, key=lambda row: row.key)[:limit]

    async def newest(
        self,
        row_type: type[N],
        lane: str,
        *,
        before: tuple[Instant, str] | None = None,
        limit: int = PAGE_ROWS_MAX,
    ) -> Sequence[N]:
        """Rows of one lane, the newest first."""
        found = [row for row in self.database.table(row_type) if row.lane == lane]
        by = next(when for table, when in NEWEST_BY.items() if table is row_type)
        placed = {(getattr(row, by), row.key): row for row in found}
        return [placed[at] for at in sorted(placed, reverse=True) if before is None or at < before][:limit]

    async def open_bills(
        self, lane: str, *, before: tuple[Instant, str] | None = None, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[InvoiceRow]:
        """Bills of one lane that wait for their money, the newest first."""
        found = [one for one in self.database.table(InvoiceRow) if one.lane == lane and one.status == "open"]
        placed = {(one.seen_at, one.key): one for one in found}
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

    async def known_effects(self, keys: Sequence[str]) -> frozenset[str]:
        """Which effects of these keys were written."""
        return frozenset(keys) & self.database.effects.keys()

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

    def _clusters_of(self, lanes: Sequence[str]) -> dict[str, Cluster]:
        if not lanes:
            return {}
        return {root: one for root, one in self.database.clusters.items() if one.lane in lanes}


def _has(row: SubscriptionRow | InvoiceRow | LotRow, deadline: str) -> bool:
    match row:
        case SubscriptionRow() if deadline == "period_ends":
            return row.bound and row.status not in ENDED_SUBSCRIPTIONS
        case SubscriptionRow() if deadline == "trial_ends":
            return row.status == "trialing" and row.trial_end is not None
        case SubscriptionRow():
            return row.status == "past_due"
        case InvoiceRow():
            return row.status == "open" and row.due_at is not None
        case LotRow():
            return row.expires_at is not None


def _named(table: Mapping[str, V], keys: Iterable[str]) -> dict[str, V]:
    return {key: table[key] for key in keys if key in table}


def _kind(object_key: str) -> str:
    return object_key.split(":", 2)[0]


def _connection(object_key: str) -> str:
    return object_key.split(":", 2)[1]
