"""The store in a Postgres database, which many processes on many machines may share."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.errors import LaneConflict, SchemaError
from purchase_core.instants import Clock, SystemClock
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import SchemaState
from purchase_core.records.finding import Finding
from purchase_postgres.config import PostgresConfig
from purchase_postgres.connect import Pool, open_pool
from purchase_postgres.examining import SETTINGS, Server, examined
from purchase_postgres.migrating import migrate
from purchase_postgres.running import GuardBroken, Runner
from purchase_postgres.troubles import FAILURES, trouble
from purchase_sql.decode import Record
from purchase_sql.encode import Operation, operations
from purchase_sql.generated.postgresql import STATEMENTS
from purchase_sql.migration import migrations
from purchase_sql.refusals import Guard, broken_constraint, inquiry, refusal
from purchase_sql.shapes import Value
from purchase_sql.store import SqlStore
from purchase_sql.texts import texts


class PostgresStore(SqlStore):
    """Made by `open`."""

    def __init__(self, config: PostgresConfig, clock: Clock, pool: Pool) -> None:
        super().__init__(texts(STATEMENTS, config.prefix, config.schema))
        self.config = config
        self._clock = clock
        self._pool = pool
        self._run = Runner(pool, config)
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
        written = operations(self._texts, self._clusters, batch)
        try:
            await self._run.write(written, guarded=bool(batch.lanes))
        except GuardBroken as broken:
            guard = broken_constraint(broken.constraint, self._texts.prefix)
            if guard is None:
                raise broken.error from None
            if guard is Guard.BATCH:
                return
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
        written = operations(self._texts, self._clusters, *batches)
        try:
            await self._run.write(written, guarded=True)
        except GuardBroken as broken:
            guard = broken_constraint(broken.constraint, self._texts.prefix)
            if guard is None:
                raise broken.error from None
            if not await self._all_committed(batches):
                raise LaneConflict(f"one of {len(batches)} batches is refused: {guard}") from None

    async def _taken(self, text: str, values: tuple[Value, ...]) -> Sequence[Record]:
        return await self._run.written_rows(text, values)

    # --- reading -----------------------------------------------------------------------------

    async def _rows(self, text: str, values: tuple[Value, ...]) -> Sequence[Record]:
        return await self._run.rows(text, values)

    async def _snapshot(self, asked: Sequence[Operation]) -> Sequence[Sequence[Record]]:
        return await self._run.snapshot(asked)

    async def examine(self) -> Sequence[Finding]:
        """Whether this server, its settings and its clock keep what is promised."""
        before = self._clock.now()
        ((*settings,),) = await self._run.rows(SETTINGS, ())
        return examined(Server(*settings), self.config, before, self._clock.now())

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
