"""The shadow: what the facts of a lane amount to, beside what is stored of it. Pure.

Both are compared row by row, cluster by cluster, reference by reference; `exchanging` is the batch that puts
the one in the place of the other. Nothing is told to anybody: what was told once was told when it happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import TypeAlias

from msgspec.structs import replace

from purchase_core.access.live import (
    EMPTY,
    EMPTY_DOCUMENT,
    Live,
    decode_live,
    encode_live,
    exchange,
    left_behind,
    of_rows,
)
from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.cluster import Cluster, StoredCluster, encode_cluster
from purchase_core.facts.derive import derive, versions_named
from purchase_core.facts.fact import Fact, RecordedFact
from purchase_core.facts.fold import REDUCER_VERSION, Folded, canonical_hash, fold
from purchase_core.facts.rows import LotRow, Row
from purchase_core.instants import Instant
from purchase_core.ledger.restoring import comparable, corrected, restored
from purchase_core.ports.batch import Batch
from purchase_core.ports.operator_reads import Holdings
from purchase_core.records.lane import Lane, LaneStep, customer_of
from purchase_core.records.movement import Movement
from purchase_core.records.reference import Reference
from purchase_core.values import Value

RowKey: TypeAlias = tuple[type[Row], str]

MISSING, EXTRA, DIFFERS = "missing", "extra", "differs"


class Difference(Value, frozen=True):
    """Something stored that is not as the facts say. `what`: missing | extra | differs.

    `table` is the projection's, or `clusters`, `references`, `documents`; `columns` are those that differ.
    """

    what: str
    table: str
    key: str
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        columns = f" ({', '.join(self.columns)})" if self.columns else ""
        return f"{self.what} {self.table} {self.key}{columns}"


class Share(Value, frozen=True):
    """What one lane and those linked to it hold of some holdings."""

    lane: Lane
    linked: tuple[Lane, ...]
    recorded: tuple[tuple[int, RecordedFact], ...]
    clusters: Mapping[str, StoredCluster]
    references: Mapping[str, Reference]
    rows: Mapping[RowKey, Row]
    movements: Sequence[Movement]

    @property
    def facts(self) -> Iterator[Fact]:
        """What was recorded, by lane and position."""
        return (recorded.fact for _, recorded in self.recorded)


def shares(held: Holdings) -> list[Share]:
    """The holdings by lane, those by ascending name that are linked to no other."""
    owners = {name: one.linked_to or name for name, one in held.lanes.items()}
    facts: dict[str, list[tuple[int, RecordedFact]]] = {}
    for placed in held.facts:
        facts.setdefault(placed[1].lane, []).append(placed)
    for log in facts.values():
        log.sort(key=itemgetter(0))  # by position, as most databases told them: then that is one look at each
    clusters: dict[str, dict[str, StoredCluster]] = {}
    for cluster in held.clusters:
        clusters.setdefault(owners[cluster.lane], {})[cluster.root] = cluster
    references: dict[str, dict[str, Reference]] = {}
    for reference in held.references:
        references.setdefault(owners[reference.lane], {})[reference.object] = reference
    rows: dict[str, dict[RowKey, Row]] = {}
    for row in held.rows:
        rows.setdefault(owners[row.lane], {})[type(row), row.key] = row
    movements: dict[str, list[Movement]] = {}  # a journal is that of its own lane, whatever that is linked to
    for movement in held.movements:
        movements.setdefault(movement.lane, []).append(movement)
    for journal in movements.values():
        journal.sort(key=attrgetter("position"))
    together: dict[str, list[str]] = {}
    for name in sorted(held.lanes):
        together.setdefault(owners[name], []).append(name)
    return [
        Share(
            held.lanes[name],
            tuple([held.lanes[one] for one in together[name] if one != name]),
            tuple([placed for one in together[name] for placed in facts.get(one, ())]),
            clusters.get(name, {}),
            references.get(name, {}),
            rows.get(name, {}),
            movements.get(name, ()),
        )
        for name in sorted(together)
    ]


class Shadow:
    """One lane rebuilt. `elsewhere`: references of other lanes to what is only named here.

    `rows` and `elsewhere` are filled in by who can look things up: what is pure stays so. What was decided to
    be spent is no fact's: the lane's journal says it.
    """

    def __init__(self, share: Share) -> None:
        self.share = share
        self.folded: Folded = fold(share.lane.lane, share.facts)
        # Offer versions that `derive` wants to know.
        self.versions = frozenset().union(*map(versions_named, self.folded.clusters.values()))
        self.rows: Mapping[RowKey, Row] = {}
        self._same_rows = False
        self.elsewhere: Mapping[str, Reference] = {}

    @property
    def newer(self) -> bool:
        """Whether newer code than this wrote to it: then this code's shadow says nothing about it."""
        return self.share.lane.reducer > REDUCER_VERSION

    @property
    def outdated(self) -> bool:
        """Whether older code than this wrote to it."""
        return self.share.lane.reducer < REDUCER_VERSION

    def derive(self, offers: Mapping[str, OfferVersion]) -> None:
        """Work out the rows."""
        rows: dict[RowKey, Row] = {}
        for cluster in self.folded.clusters.values():
            rows.update(derive(cluster, offers))
        self.rows, self._same_rows = rows, rows == self.share.rows

    def strangers(self) -> list[str]:
        """Objects that are named here, and of which this lane has no reference."""
        return [key for key in self.folded.roots if key not in self.share.references]

    def hashes(self) -> tuple[str, str]:
        """The canonical hash of what is stored, and of what was rebuilt; "" where there is nothing."""
        stored, rebuilt = self.share.rows.values(), self.rows.values()
        if self._same_rows:
            known = canonical_hash(rebuilt) if rebuilt else ""
            return known, known
        return canonical_hash(stored) if stored else "", canonical_hash(rebuilt) if rebuilt else ""

    # --- compared ----------------------------------------------------------------------------

    def differences(self, now: Instant) -> list[Difference]:
        """Everything that is stored otherwise than it should be."""
        found = [*self._row_differences(), *self._cluster_differences(), *self._reference_differences()]
        if self._document_differs(now):
            found.append(Difference(DIFFERS, "documents", self.share.lane.lane))
        found += [
            Difference(EXTRA, "documents", one.lane)
            for one in self.share.linked
            if one.document != left_behind(one.document)
        ]
        return found

    def _document_differs(self, now: Instant) -> bool:
        document, anew = self.share.lane.document, self._live(now)
        if (EMPTY_DOCUMENT if anew is EMPTY else encode_live(anew)) == (document or EMPTY_DOCUMENT):
            return False
        # It may name other lots, or what has expired since it was written, and still say the same.
        return comparable(_at(decode_live(document), now), now) != comparable(anew, now)

    def _row_differences(self) -> list[Difference]:
        if self._same_rows:
            return []
        stored, rebuilt = self.share.rows, self.rows
        found = [Difference(MISSING, kind.TABLE, key) for kind, key in rebuilt if (kind, key) not in stored]
        found += [Difference(EXTRA, kind.TABLE, key) for kind, key in stored if (kind, key) not in rebuilt]
        for identity, row in rebuilt.items():
            known = stored.get(identity, row)
            if known != row:
                columns = [one for one in row.__struct_fields__ if getattr(row, one) != getattr(known, one)]
                found.append(Difference(DIFFERS, row.TABLE, row.key, tuple(columns)))
        return found

    def _cluster_differences(self) -> list[Difference]:
        stored = self.share.clusters
        found = [
            Difference(DIFFERS if root in stored else MISSING, "clusters", root)
            for root, one in self.folded.clusters.items()
            if not _is(stored.get(root), one)
        ]
        gone = [root for root in stored if root not in self.folded.clusters]
        return [*found, *(Difference(EXTRA, "clusters", root) for root in gone)]

    def _reference_differences(self) -> list[Difference]:
        stored = self.share.references
        return [
            Difference(
                (DIFFERS if one.root else EXTRA) if one.object in stored else MISSING,
                "references",
                one.object,
            )
            for one in self._references()
        ]

    def _references(self) -> list[Reference]:
        """References that should be written otherwise. What no cluster knows any more keeps its lane only."""
        lane, stored = self.share.lane.lane, self.share.references
        registered = {key for one in self.folded.clusters.values() for key in one.registers}
        wanted = {
            key: Reference(key, lane, root)
            for key, root in self.folded.roots.items()
            # What is only named here may be somebody else's.
            if key in registered or key in stored or key not in self.elsewhere
        }
        strays = [one for key, one in stored.items() if one.root and key not in wanted]
        return [
            *(one for key, one in wanted.items() if stored.get(key) != one),
            *(replace(one, lane=lane, root="") for one in strays),
        ]

    def _live(self, now: Instant) -> Live:
        lane, rows = self.share.lane.lane, self.rows.values()
        if not rows and not self.share.movements:
            return EMPTY
        if not customer_of(lane):
            return exchange(EMPTY, (), rows, now=now)
        return restored(of_rows(rows, now), lane, _lots(self.rows), self.share.movements, now)

    # --- exchanged ---------------------------------------------------------------------------

    def exchanging(self, batch_id: str, now: Instant, *, keep: frozenset[RowKey]) -> Batch:
        """The batch that puts the shadow in the place of what is stored, if the lane has not moved.

        `keep`: rows that other lanes have under the same key, and that must not be dropped here.
        """
        lane, stored = self.share.lane, self.share
        live, movements = corrected(
            self._live(now),
            lane.lane,
            _lots(self.rows),
            self.share.movements,
            cause=batch_id,
            now=now,
        )
        steps = [LaneStep(lane.lane, lane.version, encode_live(live), "", REDUCER_VERSION)]
        steps += [
            LaneStep(one.lane, one.version, left_behind(one.document), one.linked_to, one.reducer)
            for one in stored.linked
            if one.document != left_behind(one.document)
        ]
        return Batch(
            batch_id,
            now,
            lanes=tuple(steps),
            clusters=tuple(
                one for root, one in self.folded.clusters.items() if not _is(stored.clusters.get(root), one)
            ),
            dropped_clusters=tuple(root for root in stored.clusters if root not in self.folded.clusters),
            rows=tuple(row for key, row in self.rows.items() if stored.rows.get(key) != row),
            dropped_rows=tuple(key for key in stored.rows if key not in self.rows and key not in keep),
            references=tuple(self._references()),
            movements=movements,
        )


def _lots(rows: Mapping[RowKey, Row]) -> list[LotRow]:
    return [row for row in rows.values() if isinstance(row, LotRow)]


def _is(stored: StoredCluster | None, cluster: Cluster) -> bool:
    """Whether it is stored as it is."""
    if stored is None or stored.lane != cluster.lane:
        return False
    return stored.registers.encode() == encode_cluster(cluster)


def _at(live: Live, now: Instant) -> Live:
    """The document without what has long expired, as a rebuild would leave it out."""
    return exchange(live, (), (), now=now)


def rows_kept(shadows: Sequence[Shadow]) -> frozenset[RowKey]:
    """Every row that one of these lanes has."""
    return frozenset(key for one in shadows for key in one.rows)
