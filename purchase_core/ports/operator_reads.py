"""What operators, and what they run, ask of a store: lists, what waits, and all that some lanes hold.

Each costs what it returns or is told to look at, however much is stored; `dangling` alone walks whole tables.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from purchase_core.facts.cluster import StoredCluster
from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.rows import ROW_TYPES, CaseRow, IntentRow, RefundRow, Row
from purchase_core.instants import Instant
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.records.command import Command
from purchase_core.records.delivery import Delivery
from purchase_core.records.finding import Finding
from purchase_core.records.inflow import Inflow
from purchase_core.records.lane import Lane
from purchase_core.records.movement import Movement
from purchase_core.records.reference import Reference
from purchase_core.records.run import Run
from purchase_core.values import Value

WAITING_TYPES: tuple[type[CaseRow | RefundRow], ...] = (CaseRow, RefundRow)
"""Tables of which some rows wait for a person: cases while they are open, refunds that are STUCK_REFUNDS."""

W = TypeVar("W", CaseRow, RefundRow)


class Holdings(Value, frozen=True):
    """Everything that some lanes hold, as of one moment.

    `lanes` are those asked for that exist and are linked to no other, and those linked to them. The others
    are of any of these lanes, in any order; a fact comes with its position. `movements` are their journals.
    """

    lanes: Mapping[str, Lane]
    facts: Sequence[tuple[int, RecordedFact]]
    clusters: Sequence[StoredCluster]
    references: Sequence[Reference]
    rows: Sequence[Row]
    movements: Sequence[Movement]


class Tally(Value, frozen=True):
    """How many rows of one sort wait for something, of those that are alike.

    `of` is one of TALLIES, which says what `by` holds. `oldest` is since when the first of them waits,
    `amount` the sum of the money that they are about, in minor units.
    """

    of: str
    by: tuple[str, ...]
    count: int
    oldest: Instant
    amount: int = 0


TALLIES: Mapping[str, tuple[str, ...]] = {
    "pending": ("connection",),  # deliveries, since they were received
    "abandoned": ("connection",),  # those of them whose lease ran out, since then
    "quarantined": ("connection", "event_type", "error"),  # since they were received
    "commands": ("kind", "connection", "state"),  # not known to have ended, since they were made
    "mailboxes": ("subscriber", "state"),  # waiting since they are due, stuck since they were given up
    "cases": ("kind", "currency"),  # open, since then
    "refunds": ("status", "currency"),  # rejected or failed, since that was seen
}


class Dangling(Value, frozen=True):
    """Something stored that names what is not there. `relation` is one of RELATIONS."""

    relation: str
    key: str
    names: str


RELATIONS = (
    *(f"{one.TABLE}.lane" for one in ROW_TYPES),
    "facts.lane", "facts.cause", "clusters.lane", "references.lane", "effects.lane", "lanes.linked_to",
    "prices.version",
)  # fmt: skip
"""What names what: a lane; a delivery or command as a fact's cause; the version of an offer."""


class OperatorReads(ABC):
    """The reads of a store that its operators need."""

    @abstractmethod
    async def commands(
        self, under: str, *, after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Command]:
        """Commands whose key begins with `under` and a colon, by ascending key; ended ones too."""

    @abstractmethod
    async def commands_of(
        self, lane: str, *, after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Command]:
        """Commands of one lane, by ascending key; ended ones too."""

    @abstractmethod
    async def deliveries(
        self, *, state: str = "", before_id: str = "", limit: int = 100
    ) -> Sequence[Delivery]:
        """Inbox rows, newest first (by id), without their bodies (empty); `state` "" means any.

        Nearly all are DONE, so that these are found by walking past what is not: as far as that goes.
        """

    @abstractmethod
    async def oldest_deliveries(self, *, after_id: str = "", limit: int = 100) -> Sequence[Delivery]:
        """Inbox rows, oldest first (by id) behind one, without their bodies (empty)."""

    @abstractmethod
    async def inflow(self, *, since: Instant, stretch: int, newest: int) -> Sequence[Inflow]:
        """Of the newest deliveries (by id), those that arrived since then, counted.

        By stretch of time, connection and state, ascending. A stretch is so many microseconds long and begins
        at a multiple of that. No more than `newest` rows are looked at, however many there are.
        """

    @abstractmethod
    async def intents_since(
        self, since: Instant, *, before: tuple[Instant, str] | None = None, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[IntentRow]:
        """Intents placed since then, and before `before`, newest first: by descending (`placed_at`, key)."""

    @abstractmethod
    async def holdings(self, first: str, last: str) -> Holdings:
        """Everything that the lanes from `first` to `last` hold, both included, from one snapshot.

        As much as there is, so ask for few of them. A lane that is linked to one of them is read with it, and
        with no other.
        """

    @abstractmethod
    async def tallies(
        self, *, now: Instant, limit: int, of: Collection[str] = tuple(TALLIES)
    ) -> Sequence[Tally]:
        """What waits, counted, as of one moment: by ascending (`of` in the order of TALLIES, `by`).

        Only the sorts that are asked for are read, and of each no more than `limit` rows are looked at: for
        what is abandoned, of what is pending, the first that are due. A quarantined delivery's `error` is its
        reason up to the first colon.
        """

    @abstractmethod
    async def waiting(self, row_type: type[W], *, limit: int = PAGE_ROWS_MAX) -> Sequence[W]:
        """Rows that wait for a person, of one of WAITING_TYPES, by descending amount, then by descending key.

        Only what waits is read, and of that no more than `limit`, however much there is.
        """

    @abstractmethod
    async def cases(
        self, status: str, *, kind: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[CaseRow]:
        """Cases of one of CASE_STATUSES by ascending key; `kind` "" means any.

        Only those are read, however many others there are.
        """

    @abstractmethod
    async def dangling(self, limit: int) -> Sequence[Dangling]:
        """What names something that is not there, up to `limit` of each relation, in any order."""

    @abstractmethod
    async def run(self, run_id: str) -> Run | None:
        """The run of this id."""

    @abstractmethod
    async def runs(self, *, kind: str = "", before_id: str = "", limit: int = 100) -> Sequence[Run]:
        """Runs, newest first (by id); `kind` "" means any."""

    async def examine(self) -> Sequence[Finding]:
        """What a doctor should know of this database: what of it endangers what is promised."""
        return ()
