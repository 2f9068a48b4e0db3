"""The storage port: one atomic guarded batch, claims with fencing, and reads, in domain terms.

There are no interactive transactions, since not every database has them. A unit of work reads (`look`),
decides, and commits one `Batch`. The batch names the lanes it was decided on and their versions; if one
has moved, nothing is written and the loser reads and decides again.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Self, TypeAlias, TypeVar

from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.cluster import Cluster
from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.rows import ROW_TYPES, IntentRow, InvoiceRow, LotRow, PurchaseRow, Row
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.deadlines import D, Deadline
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.operator_reads import OperatorReads
from purchase_core.records.command import Command
from purchase_core.records.delivery import Delivery
from purchase_core.records.details import Details
from purchase_core.records.effect import Effect
from purchase_core.records.lane import Lane
from purchase_core.records.ledger_rows import LEDGER_TYPES, LedgerRow
from purchase_core.records.mailbox import Mailbox
from purchase_core.records.movement import Movement
from purchase_core.records.reference import PriceReference, Reference
from purchase_core.values import Value

TableRow: TypeAlias = Row | LedgerRow
"""A row of a documented table: of the projection, or of the ledger."""

TABLES: tuple[type[TableRow], ...] = (*ROW_TYPES, *LEDGER_TYPES)

R = TypeVar("R", bound=TableRow)

N = TypeVar("N", bound=IntentRow | InvoiceRow | PurchaseRow | LotRow)

NEWEST_BY: Mapping[type[IntentRow | InvoiceRow | PurchaseRow | LotRow], str] = {
    IntentRow: "placed_at",
    InvoiceRow: "seen_at",
    PurchaseRow: "purchased_at",
    LotRow: "granted_at",
}
"""Tables that grow as long as a customer stays, and the instant by which their newest rows are found."""


class Question(Value, frozen=True):
    """What a decision needs to know, asked in one round trip. `prices` are (connection, price id).

    `whole_lanes`: lanes of which every cluster is wanted, not only those that `objects` name.
    """

    objects: tuple[str, ...] = ()
    prices: tuple[tuple[str, str], ...] = ()
    lanes: tuple[str, ...] = ()
    whole_lanes: tuple[str, ...] = ()


class View(Value, frozen=True):
    """The answer to a question; unknown things are absent.

    `lanes` holds those asked for, those that the references point to, and those that these are linked to
    (one step; absent lanes are absent). `clusters` holds, by root, those of the references' roots and of
    whole lanes.
    The lanes were read no later than the rest, so a batch guarded by their versions is safe.
    """

    references: Mapping[str, Reference]
    prices: Mapping[tuple[str, str], PriceReference]
    lanes: Mapping[str, Lane]
    clusters: Mapping[str, Cluster]


class Holders(Value, frozen=True):
    """`count` live subscriptions hold a version of an offer, and pay for it in this currency."""

    version: str
    currency: str
    count: int


class SchemaState(Value, frozen=True):
    """Version of the tables found (0 = none), and the version that this code writes.

    `absent` names what would hold them, where not even that is there: `file /srv/shop/purchase.db`.
    """

    found: int
    wanted: int
    absent: str = ""

    @property
    def current(self) -> bool:
        """Nothing to migrate, and nothing newer than this code."""
        return self.found == self.wanted

    @property
    def pending(self) -> str:
        """What has to be migrated, in words."""
        if self.absent:
            return f"there is no {self.absent}"
        what = f"are at version {self.found}" if self.found else "are missing"
        return f"the tables {what}; this code needs {self.wanted}"


class Store(OperatorReads):
    """The application's database, as Purchase uses it.

    Every method may raise StoreUnavailable. Instances are safe for concurrent use in one event loop.
    """

    sole_writer: bool = False
    """Whether no other process can write while this one is open: then what it has cached is exact."""

    of_this_process: bool = False
    """Whether no other process can open what is stored: then none can take a share of the work."""

    # --- writing -----------------------------------------------------------------------------

    @abstractmethod
    async def commit(self, batch: Batch) -> None:
        """Write the batch, all of it or nothing; durable when this returns.

        A batch whose id was committed before is a no-op: our own success is not a conflict.
        Raises InvalidArgument for a batch that cannot be, LaneConflict, KeyConflict or LeaseLost (in each
        case nothing was written), or StoreUnavailable, whose
        `outcome_unknown` says whether the batch may have been written: ask `committed`, or commit again.
        """

    @abstractmethod
    async def commit_all(self, batches: Sequence[Batch]) -> None:
        """Write several batches in order, each on what those before it wrote: all of them or nothing.

        No-op if all of them were committed before. Raises LaneConflict if any of them is refused, for
        whatever reason, or was committed before: then commit each for itself. Else as `commit`.
        """

    @abstractmethod
    async def committed(self, batch_id: str) -> bool:
        """Whether a batch of this id was written."""

    @abstractmethod
    async def claim(
        self, *, now: Instant, lease_until: Instant, limit: int, newest: bool = False
    ) -> Sequence[Delivery]:
        """Take up to `limit` pending inbox rows that are due at `now` and whose lease, if any, ended before.

        Those due for longest, by `available_at`; with `newest`, those that came due last. They are returned
        oldest first. No two live claims hold one row. The fence of each returned row
        has grown by one and `attempts` by one; it is what the settlement must quote.
        """

    @abstractmethod
    async def claim_mailboxes(
        self, subscriber: str, *, now: Instant, lease_until: Instant, limit: int
    ) -> Sequence[Mailbox]:
        """Take up to `limit` waiting mailboxes of a subscriber, due at `now`, whose lease ended before.

        Oldest first by `available_at`, then by lane. As with `claim`, fence and `attempts` have grown by one.
        """

    # --- reading for a decision --------------------------------------------------------------

    @abstractmethod
    async def look(self, question: Question) -> View:
        """Everything the question names, in one round trip."""

    @abstractmethod
    async def lane(self, lane: str) -> Lane:
        """One lane; version 0 if it does not exist. The hot read."""

    @abstractmethod
    async def offers(self, hashes: Sequence[str]) -> Mapping[str, OfferVersion]:
        """Offer versions that were sold, by hash. They never change, so callers may keep them."""

    @abstractmethod
    async def price_for(
        self, connection: str, version: str, currency: str, variant: str = ""
    ) -> PriceReference | None:
        """The price on sale for a variant of an offer version in a currency: the newest not ended."""

    @abstractmethod
    async def prices_of(
        self, connection: str, *, after: tuple[str, str] = ("", ""), limit: int = PAGE_ROWS_MAX
    ) -> Sequence[PriceReference]:
        """Every price of a connection, ended ones too, by ascending (price, currency) behind `after`."""

    @abstractmethod
    async def holders(self, connection: str) -> Sequence[Holders]:
        """How many live agreements there are of each offer version, by ascending (version, currency).

        A subscription is live once it is bound, until it has ended; "" is the version of those unmapped.
        """

    @abstractmethod
    async def references_of(self, lane: str, kind: str) -> Sequence[Reference]:
        """References of one kind (`customer`, `session`, …) that belong to a lane, by ascending object."""

    @abstractmethod
    async def command(self, key: str) -> Command | None:
        """The command of this key."""

    @abstractmethod
    async def command_by_id(self, command_id: str) -> Command | None:
        """The command of this id."""

    @abstractmethod
    async def open_commands(
        self, kinds: Collection[str], *, before: Instant, limit: int
    ) -> Sequence[Command]:
        """Commands of these kinds that are not known to have ended (planned, sending, unknown).

        Those that were last touched before then, oldest first.
        """

    @abstractmethod
    async def movement(self, key: str) -> Movement | None:
        """The movement of this key. The hot read of whoever spends."""

    @abstractmethod
    async def drawn(self, lots: Sequence[str]) -> Mapping[str, int]:
        """What was taken of these lots, by key; of those that are absent, nothing was."""

    @abstractmethod
    async def due(
        self, deadline: Deadline[D], *, after: tuple[Instant, str], until: Instant, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[D]:
        """Rows of a deadline behind `after` and no later than `until`, by ascending (instant, key).

        Only those are read, and no more than `limit` of them, however many there are.
        """

    # --- reading for people and replay -------------------------------------------------------

    @abstractmethod
    async def delivery(self, connection: str, event_id: str) -> Delivery | None:
        """The inbox row of an event."""

    @abstractmethod
    async def known_events(self, connection: str, event_ids: Sequence[str]) -> frozenset[str]:
        """Which of these events of a connection have an inbox row, in one round trip."""

    @abstractmethod
    async def delivery_by_id(self, delivery_id: str) -> Delivery | None:
        """The inbox row of this id."""

    @abstractmethod
    async def facts(
        self, lane: str, *, known_at: Instant | None = None, after: int = 0, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[tuple[int, RecordedFact]]:
        """Facts of a lane in order of recording, each with its position, which counts in this lane only.

        `known_at`: only those recorded by then. `after`: only those behind that position; whoever reads on
        from the last one has missed nothing. Facts of `linked_lanes` are read for themselves.
        """

    @abstractmethod
    async def linked_lanes(self, lane: str) -> Sequence[str]:
        """Lanes that are linked to this one, ascending: what is recorded in them is this one's too."""

    @abstractmethod
    async def facts_about(self, root: str) -> Sequence[RecordedFact]:
        """Facts about the objects of one cluster, by the instant of recording, then lane and position."""

    @abstractmethod
    async def rows(
        self, row_type: type[R], *, lane: str = "", after_key: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[R]:
        """Rows of one table, the ledger's too, by ascending key; of one lane, or of all ("")."""

    @abstractmethod
    async def newest(
        self,
        row_type: type[N],
        lane: str,
        *,
        before: tuple[Instant, str] | None = None,
        limit: int = PAGE_ROWS_MAX,
    ) -> Sequence[N]:
        """Rows of one lane, of a table of NEWEST_BY, the newest first: by descending (instant, key).

        Only those behind `before`, the place of a row, if one is given. No more than `limit` are read,
        however many there are.
        """

    @abstractmethod
    async def open_bills(
        self, lane: str, *, before: tuple[Instant, str] | None = None, limit: int = PAGE_ROWS_MAX
    ) -> Sequence[InvoiceRow]:
        """Bills of one lane that wait for their money, as `newest` has them: by descending (`seen_at`, key).

        Only those are read, however many others there are.
        """

    @abstractmethod
    async def movements(self, lane: str, *, after: int = 0, limit: int = PAGE_ROWS_MAX) -> Sequence[Movement]:
        """The journal of one lane behind a position, in order."""

    @abstractmethod
    async def effects(self, lane: str, *, after: int = -1, limit: int = PAGE_ROWS_MAX) -> Sequence[Effect]:
        """The outbox of one lane, in order; only what is behind the place `after`."""

    @abstractmethod
    async def known_effects(self, keys: Sequence[str]) -> frozenset[str]:
        """Which effects of these keys were written, in one round trip."""

    @abstractmethod
    async def details(self, customer: str) -> Details | None:
        """What is kept of a person; None where nothing is."""

    @abstractmethod
    async def subscribers(self) -> Sequence[str]:
        """Names of the known subscribers, ascending."""

    @abstractmethod
    async def mailbox(self, subscriber: str, lane: str) -> Mailbox | None:
        """How far a subscriber has come in a lane."""

    @abstractmethod
    async def mailboxes(
        self, subscriber: str, *, state: str, after_lane: str = "", limit: int = PAGE_ROWS_MAX
    ) -> Sequence[Mailbox]:
        """Mailboxes of a subscriber in one state (waiting or stuck), by ascending lane."""

    @abstractmethod
    async def lanes(self, *, after: str = "", limit: int = PAGE_ROWS_MAX) -> Sequence[Lane]:
        """Lanes by ascending name, linked ones too."""

    # --- life cycle --------------------------------------------------------------------------

    @abstractmethod
    async def schema(self) -> SchemaState:
        """Which tables are there, and which this code wants. Never raises SchemaError."""

    @abstractmethod
    async def migrate(self) -> SchemaState:
        """Bring the tables up to date. Idempotent; safe when several processes do it at once.

        Raises SchemaError where the tables are newer than this code.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of everything; committing after this raises StoreUnavailable."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()
