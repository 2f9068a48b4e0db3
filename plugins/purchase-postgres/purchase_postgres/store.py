"""The store in a Postgres database, which many processes on many machines may share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from purchase_core.catalog.versions import OfferVersion, decode_offer
from purchase_core.errors import InvalidText, LaneConflict, SchemaError
from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.rows import Row
from purchase_core.instants import Clock, Instant, SystemClock
from purchase_core.ports.store import PAGE_ROWS_MAX, Batch, Question, SchemaState, Store, View
from purchase_core.records.command import Command
from purchase_core.records.delivery import DONE, Delivery
from purchase_core.records.effect import Effect
from purchase_core.records.lane import Lane
from purchase_core.records.reference import PriceReference, Reference
from purchase_postgres.config import PostgresConfig
from purchase_postgres.connect import Pool, open_pool
from purchase_postgres.migrating import migrate
from purchase_postgres.running import GuardBroken, Runner
from purchase_postgres.troubles import FAILURES, trouble
from purchase_sql import decode
from purchase_sql.clusters import ClusterTexts
from purchase_sql.encode import Operation, operations, pair_list, text_list
from purchase_sql.generated.postgresql import STATEMENTS
from purchase_sql.migration import migrations
from purchase_sql.refusals import broken_constraint, inquiry, refusal
from purchase_sql.shapes import Value
from purchase_sql.texts import texts

R = TypeVar("R", bound=Row)
T = TypeVar("T")

EVERYTHING = Instant(2**53 - 1)  # the last instant that every database can compare
BEYOND_EVERY_ID = "\U0010ffff"


class PostgresStore(Store):
    """Made by `open`."""

    def __init__(self, config: PostgresConfig, clock: Clock, pool: Pool) -> None:
        self.config = config
        self._clock = clock
        self._pool = pool
        self._run = Runner(pool, config)
        self._texts = texts(STATEMENTS, config.prefix, config.schema)
        self._clusters = ClusterTexts()
        self._steps = migrations("postgresql", config.prefix, config.schema)

    @classmethod
    async def open(cls, config: PostgresConfig, *, clock: Clock | None = None) -> PostgresStore:
        """Connect to the database. Creates no tables: that is `migrate`.

        Raises ConfigurationError for an address that is none, StoreUnavailable if nobody answers there.
        """
        return cls(config, clock or SystemClock(), await open_pool(config))

    # --- writing -----------------------------------------------------------------------------

    async def commit(self, batch: Batch) -> None:
        """Write the batch, in one transaction and one round trip."""
        try:
            written = operations(self._texts, self._clusters, batch)
        except UnicodeEncodeError as error:
            raise trouble(error) from None
        try:
            await self._run.write(written, guarded=bool(batch.lanes))
        except GuardBroken as broken:
            guard = broken_constraint(broken.constraint, self._texts.prefix)
            if guard is None:
                raise broken.error from None
            found = await self._run.rows(*inquiry(self._texts, batch, guard))
            meant = refusal(batch, guard, found)
            if meant is not None:
                raise meant from None

    async def commit_all(self, batches: Sequence[Batch]) -> None:
        """Write the batches in order, in one transaction and one round trip."""
        if len(batches) <= 1:
            for one in batches:
                await self.commit(one)
            return
        try:
            written = operations(self._texts, self._clusters, *batches)
        except UnicodeEncodeError as error:
            raise trouble(error) from None
        try:
            await self._run.write(written, guarded=True)
        except GuardBroken as broken:
            guard = broken_constraint(broken.constraint, self._texts.prefix)
            if guard is None:
                raise broken.error from None
            if not all([await self.committed(one.id) for one in batches]):
                raise LaneConflict(f"one of {len(batches)} batches is refused: {guard}") from None

    async def committed(self, batch_id: str) -> bool:
        """Whether a batch of this id was written."""
        return bool(await self._run.rows(self._texts.batch, (batch_id,)))

    async def claim(self, *, now: Instant, lease_until: Instant, limit: int) -> Sequence[Delivery]:
        """Take pending rows that are due and free, oldest first; what others are taking is passed by."""
        records = await self._run.written_rows(self._texts.claim, (now, lease_until, limit))
        # RETURNING comes in whatever order the rows were updated in.
        claimed = [decode.delivery(record) for record in records]
        return sorted(claimed, key=lambda one: (one.available_at, one.id))

    # --- reading for a decision --------------------------------------------------------------

    async def look(self, question: Question) -> View:
        """Everything the question names, from one snapshot and in one round trip."""
        names = self._texts
        objects = _listed(question.objects)
        asked: list[Operation] = [
            (names.look_lanes, (_listed((*question.lanes, *question.whole_lanes)), objects)),
            (names.look_references, (objects,)),
            (names.look_clusters, (objects,)),
        ]
        if question.whole_lanes:
            asked.append((names.look_whole_lanes, (_listed(question.whole_lanes),)))
        if question.prices:
            asked.append((names.look_prices, (_paired(question.prices),)))
        lanes, references, *others = await self._run.snapshot(asked)
        prices = others.pop() if question.prices else []
        return View(
            {record[0]: decode.reference(record) for record in references},
            {(record[0], record[1]): decode.price(record) for record in prices},
            decode.lanes(lanes),
            {record[0]: self._clusters.read(*record) for records in others for record in records},
        )

    async def lane(self, lane: str) -> Lane:
        """One lane; version 0 if it does not exist."""
        found = await self._run.rows(self._texts.lane, (lane,))
        return decode.lane(found[0]) if found else Lane(lane)

    async def offers(self, hashes: Sequence[str]) -> Mapping[str, OfferVersion]:
        """Offer versions that were sold, by hash."""
        found = await self._run.rows(self._texts.offers, (_listed(hashes),))
        return {key: decode_offer(body) for key, body in found}

    async def price_for(self, connection: str, version: str, currency: str) -> PriceReference | None:
        """The newest price of an offer version in a currency that has not ended."""
        return await self._one(decode.price, self._texts.price_for, (connection, version, currency))

    async def references_of(self, lane: str, kind: str) -> Sequence[Reference]:
        """References of one kind that belong to a lane, by ascending object."""
        # `;` is the character after `:`, so the range holds what begins with `kind:`.
        found = await self._run.rows(self._texts.references_of, (lane, f"{kind}:", f"{kind};"))
        return [decode.reference(record) for record in found]

    async def command(self, key: str) -> Command | None:
        """The command of this key."""
        return await self._one(decode.command, self._texts.command, (key,))

    async def command_by_id(self, command_id: str) -> Command | None:
        """The command of this id."""
        return await self._one(decode.command, self._texts.command_by_id, (command_id,))

    async def open_commands(self, *, before: Instant, limit: int) -> Sequence[Command]:
        """Commands not known to have ended, last touched before, oldest first."""
        found = await self._run.rows(self._texts.commands_open, (before, limit))
        return [decode.command(record) for record in found]

    # --- reading for people and replay -------------------------------------------------------

    async def delivery(self, connection: str, event_id: str) -> Delivery | None:
        """The inbox row of an event."""
        return await self._one(decode.delivery, self._texts.delivery, (connection, event_id))

    async def delivery_by_id(self, delivery_id: str) -> Delivery | None:
        """The inbox row of this id."""
        return await self._one(decode.delivery, self._texts.delivery_by_id, (delivery_id,))

    async def deliveries(
        self, *, state: str = "", before_id: str = "", limit: int = 100
    ) -> Sequence[Delivery]:
        """Inbox rows, newest first, without their bodies."""
        page = (before_id or BEYOND_EVERY_ID, limit)
        if not state:
            found = await self._run.rows(self._texts.deliveries, page)
        elif state == DONE:
            found = await self._run.rows(self._texts.deliveries_done, page)
        else:
            found = await self._run.rows(self._texts.deliveries_in, (state, *page))
        return [decode.delivery_without_body(record) for record in found]

    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        """Facts of a lane, in order of recording."""
        values = (lane, EVERYTHING if known_at is None else known_at, after, limit)
        found = await self._run.rows(self._texts.facts, values)
        return [decode.recorded_fact(record) for record in found]

    async def linked_lanes(self, lane: str) -> Sequence[str]:
        """Lanes that are linked to this one, ascending."""
        return [name for (name,) in await self._run.rows(self._texts.linked_lanes, (lane,))]

    async def facts_about(self, root: str) -> Sequence[RecordedFact]:
        """Facts about the objects of one cluster, by the instant of recording."""
        found = await self._run.rows(self._texts.facts_about, (root,))
        return [decode.recorded_fact(record)[1] for record in found]

    async def rows(
        self, row_type: type[R], *, lane: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[R]:
        """Rows of one table by ascending key; of one lane, or of all."""
        if lane:
            found = await self._run.rows(self._texts.row_page_of_lane[row_type], (lane, after_key, limit))
        else:
            found = await self._run.rows(self._texts.row_page[row_type], (after_key, limit))
        return [decode.row(row_type, record) for record in found]

    async def effects(self, lane: str, *, limit: int = PAGE_ROWS_MAX) -> Sequence[Effect]:
        """The outbox of one lane, in order."""
        found = await self._run.rows(self._texts.effects, (lane, limit))
        return [decode.effect(record) for record in found]

    # --- life cycle --------------------------------------------------------------------------

    async def schema(self) -> SchemaState:
        """Which version the tables are at, and which one this code wants."""
        try:
            ((found,),) = await self._run.rows(self._texts.schema_version, ())
        except SchemaError:  # there are none
            found = 0
        return SchemaState(int(found), len(self._steps))

    async def migrate(self) -> SchemaState:
        """Take the steps that are missing. Raises SchemaError where the tables are newer, or not ours."""
        state = await self.schema()
        if not state.current:
            try:
                async with self._pool.connection() as connection:
                    await migrate(connection, self._texts, self._steps, self._clock)
            except FAILURES as error:
                raise trouble(error, outcome_unknown=True) from None
        return await self.schema()

    async def aclose(self) -> None:
        """Let go of every connection. Doing so again does nothing."""
        await self._pool.close()

    async def _one(self, decoded: Callable[[Any], T], text: str, values: tuple[Value, ...]) -> T | None:
        found = await self._run.rows(text, values)
        return decoded(found[0]) if found else None


def _listed(values: Sequence[str]) -> str:
    """Many texts as one parameter. Raises InvalidText."""
    # Whether the server would come upon a NUL within JSON depends on its plan, so it is looked for here.
    if any("\x00" in value for value in values):
        raise InvalidText("a text holds NUL, which Postgres cannot store")
    try:
        return text_list(values)
    except UnicodeEncodeError as error:
        raise trouble(error) from None


def _paired(values: Sequence[tuple[str, str]]) -> str:
    """Many pairs of texts as one parameter. Raises InvalidText."""
    _listed([value for pair in values for value in pair])
    return pair_list(values)
