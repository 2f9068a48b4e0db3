"""The store in a D1 database, which many servers and Workers may share."""

from __future__ import annotations

from collections.abc import Sequence

from purchase_core.errors import LaneConflict, StoreUnavailable
from purchase_core.instants import Clock, SystemClock
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import SchemaState
from purchase_core.records.finding import ERROR, Finding
from purchase_d1.bodies import first_parts, other_parts
from purchase_d1.config import D1Config
from purchase_d1.connect import connect
from purchase_d1.migrating import migrate, version
from purchase_d1.probing import probe
from purchase_d1.running import GuardBroken, Pace, Runner
from purchase_d1.transport import Transport
from purchase_sql.decode import Record
from purchase_sql.encode import Operation, operations
from purchase_sql.generated.d1 import KINDS, STATEMENTS
from purchase_sql.migration import migrations
from purchase_sql.refusals import Guard, inquiry, refusal
from purchase_sql.shapes import Value
from purchase_sql.store import SqlStore
from purchase_sql.texts import texts
from purchase_sql.wire import Reader, Sent, grouped

DEFAULT_PACE = Pace(tries_max=4, first_seconds=0.2)


class D1Store(SqlStore):
    """Made by `open`, or over a transport: `D1Store(BindingTransport(env.DB))` in a Worker."""

    def __init__(
        self,
        transport: Transport,
        *,
        prefix: str = "",
        clock: Clock | None = None,
        pace: Pace = DEFAULT_PACE,
    ) -> None:
        super().__init__(texts(STATEMENTS, prefix))
        self.transport = transport
        self._clock = clock or SystemClock()
        self._run = Runner(transport, Reader(STATEMENTS, KINDS, prefix), prefix, pace)
        self._steps = migrations("sqlite", prefix)

    @classmethod
    async def open(cls, config: D1Config, *, clock: Clock | None = None) -> D1Store:
        """Over HTTP. Sends nothing yet, and creates no tables: that is `migrate`."""
        pace = Pace(config.tries_max, config.retry_seconds)
        return cls(connect(config), prefix=config.prefix, clock=clock, pace=pace)

    # --- writing -----------------------------------------------------------------------------

    async def commit(self, batch: Batch) -> None:
        """Write the batch, in one transaction and one round trip.

        Whose reply is lost is sent again: its own row comes first, so it is found, or written now.
        """
        try:
            await self._run.write(self._sent(batch))
        except GuardBroken as broken:
            if broken.guard is Guard.BATCH:
                return
            found = await self._run.rows(*inquiry(self._texts, batch, broken.guard))
            meant = refusal(batch, broken.guard, found)
            if meant is not None:
                raise meant from None

    async def commit_all(self, batches: Sequence[Batch]) -> None:
        """Write the batches in order, in one transaction and one round trip."""
        if not batches:
            return
        try:
            await self._run.write([one for batch in batches for one in self._sent(batch)])
        except GuardBroken as broken:
            if not await self._all_committed(batches):
                raise LaneConflict(f"one of {len(batches)} batches is refused: {broken.guard}") from None

    async def _taken(self, text: str, values: tuple[Value, ...]) -> Sequence[Record]:
        # If the reply is lost, whoever has them does not know: they are free again when their lease ends.
        return await self._run.written_rows(text, values)

    def _sent(self, batch: Batch) -> Sequence[Sent]:
        first = operations(self._texts, self._clusters, first_parts(batch))
        return [*grouped(first), *other_parts(batch, self._texts.prefix)]

    # --- reading -----------------------------------------------------------------------------

    async def _rows(self, text: str, values: tuple[Value, ...]) -> Sequence[Record]:
        return await self._run.rows(text, values)

    async def _snapshot(self, asked: Sequence[Operation]) -> Sequence[Sequence[Record]]:
        return await self._run.snapshot(asked)

    async def examine(self) -> Sequence[Finding]:
        """Whether batches are transactions there, and values arrive as they were sent."""
        try:
            found = await probe(self.transport, self._texts.prefix)
        except StoreUnavailable as error:
            return (Finding("d1.probe", ERROR, error.message, fix=error.hint),)
        return (Finding("d1.probe", ERROR, found.why, fix="Use the proxy Worker."),) if found.why else ()

    # --- life cycle --------------------------------------------------------------------------

    async def schema(self) -> SchemaState:
        """Which version the tables are at, and which one this code wants."""
        return SchemaState(await version(self._run, self._texts) or 0, len(self._steps))

    async def migrate(self) -> SchemaState:
        """Take the steps that are missing. Raises SchemaError where the tables are newer, or not ours."""
        state = await self.schema()
        if not state.current:
            await migrate(self._run, self._texts, self._steps, self._clock)
        return await self.schema()

    async def aclose(self) -> None:
        """Let go of the transport. Doing so again does nothing."""
        await self.transport.aclose()
