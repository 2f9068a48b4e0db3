"""The batch: everything that one decision writes, under the guard of the lanes that it was decided on."""

from __future__ import annotations

from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import InvalidArgument
from purchase_core.facts.cluster import Cluster
from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.rows import Row
from purchase_core.instants import Instant
from purchase_core.records.command import Command
from purchase_core.records.delivery import Delivery, Settlement
from purchase_core.records.details import Details
from purchase_core.records.effect import Effect
from purchase_core.records.lane import LaneStep
from purchase_core.records.ledger_rows import LedgerRow
from purchase_core.records.mailbox import Told
from purchase_core.records.movement import Movement
from purchase_core.records.reference import PriceReference, Reference
from purchase_core.records.run import Run
from purchase_core.values import Value

FACTS_PER_BATCH_MAX = 1 << 20


class Batch(Value, frozen=True):
    """Everything that one decision writes: all of it or nothing.

    | field | on commit |
    |---|---|
    | lanes | each must be at its expected version (0: absent), else LaneConflict; then moves one on |
    | facts | appended, each to a lane of `lanes`; same key and digest: no-op; |
    | | same key, other digest: KeyConflict("fact", key) |
    | clusters, rows | written by key (root), whole |
    | dropped_clusters, dropped_rows | removed; absent is fine |
    | ledger | written by key, whole; nothing ever removes it |
    | movements | appended, each to a lane of `lanes`; a key, or a place in a lane's journal, |
    | | that is taken is KeyConflict("movement", key) |
    | references | written by object; lane and root may move |
    | prices | inserted by (connection, price, currency); known: only `ended_at` may be set; |
    | | one made after that (`created_at`) is on sale again; other version: KeyConflict("price", key) |
    | offers | inserted by hash, or ignored |
    | command | written by key; a key or an id that another holds is KeyConflict("command", key) |
    | deliveries | inserted; a known (connection, event_id) or id is KeyConflict("delivery", key) |
    | settlements | applied to the claimed row; other fence, or a row that is OVER: LeaseLost |
    | dropped_subscribers | removed with their mailboxes; absent is fine |
    | subscribers | inserted by name, or ignored; known from this batch's effects on |
    | effects | inserted by key, or ignored; where inserted, the mailboxes of their lane wait, one for each |
    | | known subscriber (a new one begins with this lane version); a stuck one stays so |
    | told | applied to the claimed mailbox; other fence: LeaseLost |
    | runs | written by id, whole |
    | dropped_details, details | removed (absent is fine), then written by customer, whole |
    | redacted | of deliveries of these ids, body and headers are emptied; absent is fine |

    What it names twice counts as written twice, in order; what it drops and writes is written. Text that the
    database cannot keep as it is raises InvalidText, an integer InvalidArgument: nothing is ever changed.
    """

    id: str
    at: Instant
    lanes: tuple[LaneStep, ...] = ()
    facts: tuple[RecordedFact, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    dropped_clusters: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    dropped_rows: tuple[tuple[type[Row], str], ...] = ()
    ledger: tuple[LedgerRow, ...] = ()
    movements: tuple[Movement, ...] = ()
    references: tuple[Reference, ...] = ()
    prices: tuple[PriceReference, ...] = ()
    offers: tuple[OfferVersion, ...] = ()
    command: Command | None = None
    deliveries: tuple[Delivery, ...] = ()
    settlements: tuple[Settlement, ...] = ()
    effects: tuple[Effect, ...] = ()
    subscribers: tuple[str, ...] = ()
    dropped_subscribers: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()
    runs: tuple[Run, ...] = ()
    details: tuple[Details, ...] = ()
    dropped_details: tuple[str, ...] = ()
    redacted: tuple[str, ...] = ()

    def placed_facts(self) -> list[tuple[int, RecordedFact]]:
        """Each fact with its position in its lane. Raises InvalidArgument where that lane is not stepped.

        A position is made of the version that the lane comes to and of the place among these facts. So in one
        lane positions grow as batches are committed, whichever began first: a reader that has come to a
        position has missed nothing before it. A counter for all lanes cannot promise that.
        """
        if len(self.facts) > FACTS_PER_BATCH_MAX:
            raise InvalidArgument(f"a batch has at most {FACTS_PER_BATCH_MAX} facts")
        begins = {step.lane: (step.expected_version + 1) * FACTS_PER_BATCH_MAX for step in self.lanes}
        try:
            return [(begins[one.lane] + place, one) for place, one in enumerate(self.facts)]
        except KeyError as error:
            raise InvalidArgument(
                f"a fact of lane {error.args[0]!r}, which the batch does not step"
            ) from None

    def placed_movements(self) -> tuple[Movement, ...]:
        """The movements. Raises InvalidArgument where the lane of one is not stepped."""
        stepped = {step.lane for step in self.lanes}
        for one in self.movements:
            if one.lane not in stepped:
                raise InvalidArgument(f"a movement of lane {one.lane!r}, which the batch does not step")
        return self.movements
