"""A recorder over the reference store, and the check that nothing in it contradicts itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count

from msgspec.structs import replace

from purchase_core.access.live import EMPTY, decode_live, exchange
from purchase_core.access.policy import AccessPolicy
from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.fact import Fact
from purchase_core.facts.fold import canonical_hash, fold, rows_of
from purchase_core.facts.rows import LotRow, Row
from purchase_core.identifiers import SeededIds
from purchase_core.instants import Instant
from purchase_core.ledger.checking import Check
from purchase_core.operations.rebuild import Rebuild
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import CustomerClaim
from purchase_core.ports.store import View
from purchase_core.projection.change import map_prices
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Recorded, Work
from purchase_core.reads.wallets import Wallets
from purchase_core.records.lane import Lane, customer_lane, customer_of
from purchase_core.records.movement import START
from purchase_core.records.reference import Reference
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore
from purchase_core.testing.sales import CATALOG, T0, VERSIONS, later, price_references
from purchase_core.workflows.credits import Credits
from purchase_core.workflows.customers import ManagedCustomers
from purchase_core.workflows.requests import Requests
from purchase_core.workflows.usage import Usage

_seeds = count(1)


class Bench:
    """Records facts as the pipeline does, with the provider's answers to look-ups at hand.

    Two benches over one database are two processes. `world` is what the provider would answer with.
    """

    def __init__(
        self,
        database: MemoryDatabase | None = None,
        *,
        world: Sequence[Fact] = (),
        offers: Iterable[OfferVersion] = VERSIONS.values(),
    ) -> None:
        self.store = MemoryStore(database)
        self.database = self.store.database
        self.batches: list[Batch] = []
        self.clock = ManualClock(later(days=40))
        self._world = tuple(world)
        self._ids = SeededIds(next(_seeds))
        shelf = OfferShelf(self.store, offers)
        self.recorder = Recorder(self.store, shelf, self.clock, self._ids, self.batches.append)
        requests = Requests(self.store, self.recorder)
        self.credits = Credits(Wallets(self.store, shelf, self.clock), requests, self.clock, self._ids)
        self.customers = ManagedCustomers(
            self.store,
            self.recorder,
            shelf,
            CATALOG,
            AccessPolicy(),
            self.clock,
            self._ids,
            max_stale_seconds=0,
        )
        self.rebuild = Rebuild(self.store, shelf, self.clock, self._ids, self.batches.append, code="bench")
        self.usage = Usage(self.store, requests, shelf, AccessPolicy(), CATALOG.defaults, self.clock)

    async def open(self) -> Bench:
        """With every offer sold before, and every price made."""
        batch = Batch(self._ids.new("batch"), T0, prices=price_references(), offers=tuple(VERSIONS.values()))
        await self.store.commit(batch)
        return self

    async def record(self, *facts: Fact, claims: Sequence[CustomerClaim] = ()) -> Recorded:
        """Record these facts as one piece of work, with a look-up where one is needed."""
        recorded = await self.recorder.record(Work(facts, tuple(claims)), cause="event", addition=_as_it_is)
        if recorded.needs:
            wanted = {one.id for one in recorded.needs}
            found = [fact for fact in self._world if fact.kind == "invoice" and fact.body.id in wanted]
            newest = max(found, key=lambda fact: (fact.final, fact.order))
            return await self.record(newest, *facts, claims=claims)
        return recorded

    async def link(self, reference: Reference) -> None:
        """Tie a provider's customer to one of ours."""
        await self.recorder.link(reference, cause="link")

    def rows(self, customer: str = "") -> list[Row]:
        """Every row, or those of one customer."""
        wanted = customer_lane(customer)
        return [row for row in self.database.rows.values() if not customer or row.lane == wanted]

    def hash(self, customer: str = "") -> str:
        """The canonical hash of these rows."""
        return canonical_hash(self.rows(customer))


def mapped(facts: Iterable[Fact]) -> list[Fact]:
    """The facts as they are recorded: with the offer version that each price stands for."""
    view = View({}, {(one.connection, one.price): one for one in price_references()}, {}, {})
    return [map_prices(fact, view) for fact in facts]


def problems(database: MemoryDatabase, *, now: Instant) -> Iterator[str]:
    """What in a database contradicts itself: each lane against the fold of its facts, and all references."""
    yield from _lanes(database, now)
    yield from _clusters(database)
    yield from _references(database)
    yield from _effects(database)


def _lanes(database: MemoryDatabase, now: Instant) -> Iterator[str]:
    for lane in database.lanes.values():
        mine = [row for row in database.rows.values() if row.lane == lane.lane]
        if lane.linked_to:
            owner = database.lanes.get(lane.linked_to)
            if owner is None or owner.linked_to:
                yield f"{lane.lane} is linked to {lane.linked_to}, which is linked on"
            # Its journal is what happened in it, and ends where it was linked.
            if mine or replace(decode_live(lane.document), journal=EMPTY.journal) != EMPTY:
                yield f"{lane.lane} is linked and still holds something"
            continue
        sources = {lane.lane, *(one.lane for one in database.lanes.values() if one.linked_to == lane.lane)}
        facts = [one.fact for one in database.facts.values() if one.lane in sources]
        rebuilt = rows_of(fold(lane.lane, facts), database.offers)
        if sorted(mine, key=_identity) != sorted(rebuilt, key=_identity):
            wrong = set(mine) ^ set(rebuilt)
            yield f"{lane.lane} is not the fold of its facts: {sorted(map(_identity, wrong))}"
        yield from _document(database, lane, rebuilt, now)


def _document(database: MemoryDatabase, lane: Lane, rebuilt: list[Row], now: Instant) -> Iterator[str]:
    """What in a lane's document does not follow from its rows, its ledger and its journal."""
    # What has expired long ago is left out when something else changes, and not before.
    live = exchange(decode_live(lane.document), (), (), now=now)
    anew = exchange(EMPTY, (), rebuilt, now=now)
    merged = [
        one.lane for one in database.lanes.values() if one.linked_to == lane.lane and customer_of(one.lane)
    ]
    lanes = {one: index for index, one in enumerate((*merged, lane.lane))}
    ledger = [row for row in database.ledger.values() if row.lane in lanes]
    if replace(live, journal=START, purse=anew.purse, counters={}) != anew:
        yield f"{lane.lane} has another live document than its rows"
    if not ledger and live.purse != anew.purse:
        yield f"{lane.lane} has another purse than its lots"
    if customer_of(lane.lane):
        check = Check(lane.lane)
        mine = [one for one in database.movements.values() if one.lane in lanes]
        for one in sorted(mine, key=lambda one: (lanes[one.lane], one.position)):
            check.read(one)
        lives = {one: decode_live(database.lanes[one].document) for one in merged} | {lane.lane: live}
        check.close(lives, (row for row in rebuilt if isinstance(row, LotRow)), ledger, now)
        yield from check.problems


def _clusters(database: MemoryDatabase) -> Iterator[str]:
    homes: dict[str, str] = {}
    for root, cluster in database.clusters.items():
        if root != cluster.root or root not in cluster.registers:
            yield f"cluster {root} is kept under another root"
        for key in cluster.registers:
            if homes.setdefault(key, root) != root:
                yield f"{key} is in two clusters"
            if database.references.get(key) != Reference(key, cluster.lane, root):
                yield f"the reference of {key} points elsewhere"
    recorded = {one.fact.object for one in database.facts.values()}
    if recorded != set(homes):
        yield f"facts and clusters know other objects: {sorted(recorded ^ set(homes))}"


def _references(database: MemoryDatabase) -> Iterator[str]:
    for reference in database.references.values():
        known = database.clusters.get(reference.root)
        if reference.root and (known is None or reference.object not in known.members()):
            yield f"the reference of {reference.object} points to {reference.root}, which does not know it"
    for row in database.rows.values():
        if row.root not in database.clusters:
            yield f"{row.key} comes of cluster {row.root}, which is gone"


def _effects(database: MemoryDatabase) -> Iterator[str]:
    places: set[tuple[str, int, int]] = set()
    for effect in database.effects.values():
        place = effect.lane, effect.lane_version, effect.position
        if place in places:
            yield f"two effects are at {place}"
        places.add(place)
        if not customer_of(effect.lane) and not effect.name.startswith("case."):
            yield f"{effect.key} tells of something that nobody owns"


def _identity(row: Row) -> tuple[str, str]:
    return row.TABLE, row.key


def _as_it_is(batch: Batch) -> Batch:
    return batch
