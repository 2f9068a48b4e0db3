"""The change: what some facts do to the lanes they belong to, worked out from one view. Pure.

Nothing here decides whether a fact may be: observations are never refused. Facts are placed, mapped to the
offers that their prices stand for, absorbed into their clusters, and the rows that differ are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from purchase_core.access.live import Live, changing, decode_live, encode_live, exchange_rows, left_behind
from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.bodies import InvoiceSeen, SubscriptionSeen
from purchase_core.facts.cluster import Cluster, absorb
from purchase_core.facts.derive import versions_named
from purchase_core.facts.effects import RowsByKey, effects_of
from purchase_core.facts.fact import Fact, RecordedFact, names
from purchase_core.facts.fold import REDUCER_VERSION
from purchase_core.facts.rows import LotRow, Row
from purchase_core.instants import Instant
from purchase_core.ledger.decision import Decision
from purchase_core.ledger.merging import Merge
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import CustomerClaim
from purchase_core.ports.store import View
from purchase_core.projection.derived import DerivedRows
from purchase_core.projection.placing import (
    Places,
    follows_agreement,
    place,
    provider_customer,
    waiting_key,
)
from purchase_core.records.effect import Effect
from purchase_core.records.lane import Lane, LaneStep, customer_of, is_guests, object_lane
from purchase_core.records.ledger_rows import LedgerRow
from purchase_core.records.movement import FACTS, Head, Leg, Movement, append
from purchase_core.records.reference import Reference


def map_prices(fact: Fact, view: View) -> Fact:
    """The fact with each price's offer version filled in, where we know the price."""

    def version(price: str) -> str:
        known = view.prices.get((fact.connection, price))
        return known.version if known else ""

    body = fact.body
    if isinstance(body, SubscriptionSeen):
        items, planned = (
            tuple(replace(item, version=version(item.price)) for item in some)
            for some in (body.items, body.next_items)
        )
        return replace(fact, body=replace(body, items=items, next_items=planned))
    if isinstance(body, InvoiceSeen):
        lines = tuple(replace(line, version=version(line.price)) for line in body.lines)
        return replace(fact, body=replace(body, lines=lines))
    return fact


class Change:
    """Facts being applied to a view, one by one, and perhaps a decision; `parts` is what they amount to.

    After the facts come `derive`, `exchange`, and `take` where something is decided, in this order.

    Lanes of unowned objects must be wholly in the view, since a fact may tie them to a customer.
    """

    def __init__(
        self,
        view: View,
        claims: Sequence[CustomerClaim],
        derived: DerivedRows,
        *,
        now: Instant,
        cause: str,
    ) -> None:
        self._view = view
        self._derived = derived
        self._claims = claims
        self.now = now
        self._cause = cause
        self._before: dict[str, Cluster] = dict(view.clusters)
        self._clusters: dict[str, Cluster] = dict(view.clusters)
        self._roots = {key: one.root for key, one in view.references.items() if one.root}
        self.places = Places(view)
        self._lanes: dict[str, None] = {}
        self._touched: dict[str, None] = {}
        self._recorded: list[RecordedFact] = []
        self._rows_before: RowsByKey = {}
        self._rows_after: RowsByKey = {}
        self._lives: dict[str, Live] = {}
        self._moved: dict[str, tuple[Movement, ...]] = {}
        self._ledger: tuple[LedgerRow, ...] = ()
        self._merged: tuple[str, str] | None = None
        self.heads: Mapping[str, Head] = {}

    def step(self, lane: str) -> None:
        """Move this lane on, whether or not a fact belongs to it: something is being decided about it."""
        self._lanes[lane] = None

    def apply(self, fact: Fact) -> None:
        """Place the fact and absorb it into its cluster."""
        fact = map_prices(fact, self._view)
        placement = place(fact, self.places, self._claims)
        for lane in placement.joined:
            self.link(lane, placement.lane)
        self._recorded.append(RecordedFact(fact, placement.lane, self.now, self._cause))
        self._lanes[placement.lane] = None
        roots = {self._roots[key] for key in (fact.object, *names(fact)) if key in self._roots}
        mine = [root for root in sorted(roots) if self._in_lane(root, placement.lane)]
        cluster = absorb([self._clusters.pop(root) for root in mine], fact, placement.lane)
        self._touched.update(dict.fromkeys([*mine, cluster.root]))
        self._clusters[cluster.root] = cluster
        self.places.objects[fact.object] = cluster.lane
        for member in cluster.members():
            self._place_member(member, cluster)
        customer = "" if follows_agreement(fact) else provider_customer(fact)
        if customer and not customer_of(cluster.lane) and not is_guests(cluster.lane):
            # A link of this customer must find what waits, even if it arrives at the same time.
            guard = object_lane(customer)
            self.step(guard)
            self.places.objects[waiting_key(fact.connection, cluster.lane)] = guard

    def own(self, customer: Reference) -> bool:
        """Tie a provider's customer to a lane of ours; False where another has it already.

        Some providers give two of our customers one of theirs. Whose its objects are must then be told by
        other references, so the shared one owns nothing any more.
        """
        lane = self.places.owner(customer.lane)
        shared = self.places.of(customer.object) not in ("", lane)
        self.places.objects[customer.object] = object_lane(customer.object) if shared else lane
        self.step(lane)
        self.step(object_lane(customer.object))
        return not shared

    def merge(self, lane: str, owner: str, references: Sequence[str]) -> None:
        """Tie a customer's lane to another's. `references` are keys of what else is theirs at providers."""
        self._merged = (lane, owner)
        self.link(lane, owner)
        self.places.objects.update(dict.fromkeys(references, owner))

    def link(self, lane: str, owner: str) -> None:
        """Tie a lane to its owner: its clusters move over, its facts stay where they are.

        What was linked to it is linked to the owner from now on, so that links are never chained.
        """
        if self.places.owner(lane) != lane:
            return  # it has found its owner since it was asked for
        linked = [one.lane for one in self._view.lanes.values() if one.linked_to == lane]
        linked += [one for one, known in self.places.links.items() if known == lane]
        self.places.links.update(dict.fromkeys([lane, *linked], owner))
        self._lanes.update(dict.fromkeys([lane, *linked, owner]))
        for root, cluster in list(self._clusters.items()):
            if cluster.lane == lane:
                self._clusters[root] = moved = replace(cluster, lane=owner)
                self._touched[root] = None
                for member in moved.members():
                    self._place_member(member, moved)

    def versions(self) -> frozenset[str]:
        """Offer versions that `derive` wants to know."""
        clusters = [one for root in self._touched for one in self._both(root)]
        return frozenset().union(*(versions_named(one) for one in clusters if not self._derived.knows(one)))

    def derive(self, offers: Mapping[str, OfferVersion]) -> None:
        """Work out the rows before and after. `offers` holds `versions()`."""
        self._rows_before = self._rows(self._before, offers)
        self._rows_after = self._rows(self._clusters, offers)

    def lots_unknown(self) -> list[str]:
        """Lots that have changed, and of which the documents do not say what was taken.

        They are asked as they are being changed: what has long expired they have forgotten by then.
        """
        return [
            key
            for (table, key), row in self._rows_before.items()
            if table is LotRow and self._rows_after.get((table, key)) != row and customer_of(row.lane)
            if key not in self.live(row.lane).purse.lots
        ]

    def exchange(self, drawn: Mapping[str, int]) -> None:
        """Bring the documents up to date, and the journals of customers. `drawn` is of `lots_unknown()`."""
        before, after = self._rows_before, self._rows_after
        if before == after and self._merged is None:
            return
        gone: list[Row] = [row for identity, row in before.items() if after.get(identity) != row]
        came: list[Row] = [row for identity, row in after.items() if before.get(identity) != row]
        lots = [row for row in came if isinstance(row, LotRow)]
        if self._merged is not None:  # wallets are merged whole, with what was spent of them
            gone = [row for row in gone if not isinstance(row, LotRow)]
            came = [row for row in came if not isinstance(row, LotRow)]
        for name in self._lanes:
            left = [row for row in gone if row.lane == name]
            joined = [row for row in came if row.lane == name]
            if left or joined:
                legs = exchange_rows(self.live(name), left, joined, now=self.now, drawn=drawn)
                if customer_of(name):
                    self._moved[name] = tuple(self._movement(name, unit, legs[unit]) for unit in sorted(legs))
        if self._merged is not None:
            self._merge_wallets(*self._merged, lots, drawn)

    def _merge_wallets(self, lane: str, into: str, lots: Sequence[LotRow], drawn: Mapping[str, int]) -> None:
        merge = Merge(self.live(lane), self.live(into), lane=lane, into=into, cause=self._cause, now=self.now)
        moved = merge.move(lots, drawn)
        self._moved |= {lane: moved.out, into: moved.into}
        self._ledger = moved.usage

    def live(self, lane: str) -> Live:
        """The document of a lane as it is now; it may be changed."""
        if lane not in self._lives:
            self._lives[lane] = changing(decode_live(self._lane(lane).document), self.now)
        return self._lives[lane]

    def take(self, decision: Decision, offers: Mapping[str, OfferVersion]) -> None:
        """Take a decision about its lane. Raises what it raises."""
        lane = decision.request.lane
        decided = decision.decide(self.live(lane), offers, self._moved.get(lane, ()), self.now)
        self._lives[lane] = decided.live
        self._moved[lane] = decided.movements
        self._ledger = decided.rows

    def parts(self, batch_id: str) -> Batch:
        """The batch: guards, facts, and of clusters, rows and references those that changed."""
        movements = self._journal(batch_id)
        if not self._touched:  # no fact: a decision, or a step alone
            return Batch(
                batch_id,
                self.now,
                self._steps(),
                ledger=self._ledger,
                movements=movements,
                references=self._references(),
            )
        before, after = self._rows_before, self._rows_after
        return Batch(
            id=batch_id,
            at=self.now,
            lanes=self._steps(),
            facts=tuple(self._recorded),
            clusters=tuple(
                self._clusters[root]
                for root in self._touched
                if root in self._clusters and self._clusters[root] != self._before.get(root)
            ),
            dropped_clusters=tuple(root for root in self._touched if root not in self._clusters),
            rows=tuple(row for identity, row in after.items() if before.get(identity) != row),
            dropped_rows=tuple(identity for identity in before if identity not in after),
            ledger=self._ledger,
            movements=movements,
            references=self._references(),
            effects=tuple(self._effects(before, after)),
        )

    def _lane(self, name: str) -> Lane:
        return self._view.lanes.get(name, Lane(name))

    def _movement(self, lane: str, unit: str, legs: tuple[Leg, ...]) -> Movement:
        return Movement("", lane, FACTS, unit, self.now, legs, self._cause)

    def _journal(self, batch_id: str) -> tuple[Movement, ...]:
        """The movements in their places, and the heads of their journals in the documents."""
        placed: list[Movement] = []
        for lane, movements in self._moved.items():
            head = self.heads.get(lane, self._lives[lane].journal)
            for one in movements:
                keyed = one if one.key else replace(one, key=f"{one.kind}:{batch_id}:{len(placed)}")
                head, movement = append(head, keyed)
                placed.append(movement)
            self._lives[lane] = replace(self._lives[lane], journal=head)
        return tuple(placed)

    def _in_lane(self, root: str, lane: str) -> bool:
        return root in self._clusters and self._clusters[root].lane == lane

    def _both(self, root: str) -> list[Cluster]:
        return [one[root] for one in (self._before, self._clusters) if root in one]

    def _place_member(self, member: str, cluster: Cluster) -> None:
        known = self.places.of(member)
        if known != cluster.lane and customer_of(known):
            return  # it is another customer's, whatever this fact says
        self._roots[member] = cluster.root
        self.places.objects[member] = cluster.lane

    def _rows(self, clusters: Mapping[str, Cluster], offers: Mapping[str, OfferVersion]) -> RowsByKey:
        found: dict[tuple[type[Row], str], Row] = {}
        for root in self._touched:
            if root in clusters:
                found.update(self._derived.of(clusters[root], offers))
        return found

    def _steps(self) -> tuple[LaneStep, ...]:
        steps = []
        for name in sorted(self._lanes):
            lane = self._lane(name)
            live = self._lives.get(name)
            document = lane.document if live is None else encode_live(live)
            linked_to = self.places.links.get(name, lane.linked_to)
            document = left_behind(document) if linked_to else document
            # Older code may still run beside newer: what it writes to is to be rebuilt once more.
            reducer = min(lane.reducer, REDUCER_VERSION) if lane.version else REDUCER_VERSION
            steps.append(LaneStep(name, lane.version, document, linked_to, reducer, lane.erased))
        return tuple(steps)

    def _references(self) -> tuple[Reference, ...]:
        known = self._view.references
        wanted = [Reference(key, lane, self._roots.get(key, "")) for key, lane in self.places.objects.items()]
        return tuple([one for one in wanted if known.get(one.object) != one])

    def _effects(self, before: RowsByKey, after: RowsByKey) -> list[Effect]:
        found = []
        positions: dict[str, int] = {}
        for key, name, about in effects_of(before, after):
            lane = next(row.lane for row in after.values() if row.key == about)
            position = positions[lane] = positions.get(lane, -1) + 1
            version = self._view.lanes.get(lane, Lane(lane)).version + 1
            found.append(Effect(key, name, lane, version, position, about, self.now))
        return found
