"""What operators read of a SQL store."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from purchase_core.facts.cluster import StoredCluster
from purchase_core.facts.rows import ROW_TYPES, CaseRow, IntentRow
from purchase_core.instants import Instant
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.operator_reads import TALLIES, Dangling, Holdings, OperatorReads, Tally, W
from purchase_core.records.command import Command
from purchase_core.records.delivery import DELIVERY_STATES, Delivery
from purchase_core.records.inflow import Inflow
from purchase_core.records.run import Run
from purchase_sql import decode
from purchase_sql.asking import EVERYTHING, Asking
from purchase_sql.encode import Operation
from purchase_sql.shapes import FACT_COLUMNS

FACT_LANE = FACT_COLUMNS.index("lane")  # of whatever else is held, it is the second column
BEYOND_EVERY_ID = "\U0010ffff"


class SqlOperatorReads(Asking, OperatorReads):
    """The reads that operators need, over the shared statements."""

    async def commands(
        self, under: str, *, after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Command]:
        """Commands whose key begins with `under` and a colon, by ascending key."""
        after = max(after_key, f"{under}:")
        found = await self._page(self._texts.commands_page, (after, f"{under};", limit))
        return [decode.command(record) for record in found]

    async def commands_of(
        self, lane: str, *, after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Command]:
        """Commands of one lane, by ascending key."""
        found = await self._page(self._texts.commands_of, (lane, after_key, limit))
        return [decode.command(record) for record in found]

    async def deliveries(
        self, *, state: str = "", before_id: str = "", limit: int = 100
    ) -> Sequence[Delivery]:
        """Inbox rows, newest first, without their bodies."""
        if state and state not in DELIVERY_STATES:
            return []
        text = self._texts.deliveries_in[state] if state else self._texts.deliveries
        found = await self._page(text, (before_id or BEYOND_EVERY_ID, limit))
        return [decode.delivery_without_body(record) for record in found]

    async def oldest_deliveries(self, *, after_id: str = "", limit: int = 100) -> Sequence[Delivery]:
        """Inbox rows, oldest first, without their bodies."""
        found = await self._page(self._texts.deliveries_oldest, (after_id, limit))
        return [decode.delivery_without_body(record) for record in found]

    async def inflow(self, *, since: Instant, stretch: int, newest: int) -> Sequence[Inflow]:
        """Of the newest deliveries, those that arrived since then, counted."""
        found = await self._page(self._texts.inflow, (newest, stretch, since))
        return [Inflow(*record) for record in sorted(map(tuple, found))]

    async def intents_since(
        self, since: Instant, *, before: tuple[Instant, str] | None = None, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[IntentRow]:
        """Intents that were placed since then, newest first."""
        values = (since, *(before or (EVERYTHING, "")), limit)
        return [decode.row(IntentRow, one) for one in await self._page(self._texts.intents_since, values)]

    async def holdings(self, first: str, last: str) -> Holdings:
        """Everything that lanes of a range hold, and those linked to them, from one snapshot."""
        names = self._texts
        tables = [names.lanes_held, names.facts_held, names.clusters_held, names.references_held]
        tables += [names.movements_held, *(names.row_held[one] for one in ROW_TYPES)]
        held, facts, clusters, references, movements, *rows = await self._long_snapshot(
            [(text, (first, last)) for text in tables]
        )
        # A range may hold lanes that are linked to one outside of it, and rows of a lane that is not there.
        there = [decode.lane(record) for record in held]
        owners = {one.lane for one in there if not one.linked_to}
        lanes = {one.lane: one for one in there if (one.linked_to or one.lane) in owners}
        return Holdings(
            lanes,
            [decode.recorded_fact(one) for one in facts if one[FACT_LANE] in lanes],
            [StoredCluster(*one) for one in clusters if one[1] in lanes],
            [decode.reference(one) for one in references if one[1] in lanes],
            [
                row
                for row_type, records in zip(ROW_TYPES, rows, strict=True)
                for row in decode.rows(row_type, [one for one in records if one[1] in lanes])
            ],
            [decode.movement(one) for one in movements if one[1] in lanes],
        )

    async def tallies(
        self, *, now: Instant, limit: int, of: Collection[str] = tuple(TALLIES)
    ) -> Sequence[Tally]:
        """What waits, counted, from one snapshot."""
        texts = {sort: text for sort, text in self._texts.tallies.items() if sort in of}
        asked: list[Operation] = [
            (text, (now, limit) if sort == "abandoned" else (limit,)) for sort, text in texts.items()
        ]
        answers = await self._long_snapshot(asked)
        return [
            Tally(sort, tuple(by), count, Instant(oldest), amount)
            for sort, records in zip(texts, answers, strict=True)
            for *by, count, oldest, amount in records
        ]

    async def waiting(self, row_type: type[W], *, limit: int = PAGE_ROWS_MAX) -> Sequence[W]:
        """Rows that wait for a person, those with the most money first."""
        found = await self._page(self._texts.row_waiting[row_type], (limit,))
        return [decode.row(row_type, record) for record in found]

    async def cases(
        self, status: str, *, kind: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[CaseRow]:
        """Cases of one status, by ascending key."""
        if kind:
            found = await self._page(self._texts.cases_of_kind, (status, kind, after_key, limit))
        else:
            found = await self._page(self._texts.cases[status], (after_key, limit))
        return [decode.row(CaseRow, record) for record in found]

    async def dangling(self, limit: int) -> Sequence[Dangling]:
        """What names something that is not there."""
        return [
            Dangling(relation, key, named)
            for relation, text in self._texts.dangling.items()
            for key, named in await self._page(text, (limit,))
        ]

    async def run(self, run_id: str) -> Run | None:
        """The run of this id."""
        return await self._one(decode.run, self._texts.run, (run_id,))

    async def runs(self, *, kind: str = "", before_id: str = "", limit: int = 100) -> Sequence[Run]:
        """Runs, newest first."""
        page = (before_id or BEYOND_EVERY_ID, limit)
        if kind:
            found = await self._page(self._texts.runs_of, (kind, *page))
        else:
            found = await self._page(self._texts.runs, page)
        return [decode.run(record) for record in found]
