"""The change: what some facts do to the lanes they belong to, worked out from one view. Pure.

Nothing here decides whether a fact may be: observations are never refused. Facts are placed, mapped to the
offers that their prices stand for, absorbed into their clusters, and the rows that differ are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from purchase_core.access.live import decode_live, encode_live, exchange
from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.bodies import InvoiceSeen, SubscriptionSeen
from purchase_core.facts.cluster import Cluster, absorb
from purchase_core.facts.derive import versions_named
from purchase_core.facts.effects import RowsByKey, effects_of
from purchase_core.facts.fact import Fact, RecordedFact, names
from purchase_core.facts.fold import REDUCER_VERSION
from purchase_core.facts.rows import Row
from purchase_core.instants import Instant
from purchase_core.ports.provider import CustomerClaim
from purchase_core.ports.store import Batch, View
from purchase_core.projection.derived import DerivedRows
from purchase_core.projection.placing import Places, place, provider_customer, waiting_key
from purchase_core.records.effect import Effect
from purchase_core.records.lane import Lane, LaneStep, customer_of, is_guests, object_lane
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
    """Facts being applied to a view, one by one; `batch_parts` is what they amount to.

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
        self._now = now
        self._cause = cause
        self._before: dict[str, Cluster] = dict(view.clusters)
        self._clusters: dict[str, Cluster] = dict(view.clusters)
        self._roots = {key: one.root for key, one in view.references.items() if one.root}
        self.places = Places(view)
        self._lanes: dict[str, None] = {}
        self._touched: dict[str, None] = {}
        self._recorded: list[RecordedFact] = []

    def step(self, lane: str) -> None:
        """Move this lane on, whether or not a fact belongs to it: something is being decided about it."""
        self._lanes[lane] = None

    def apply(self, fact: Fact) -> None:
        """Place the fact and absorb it into its cluster."""
        fact = map_prices(fact, self._view)
        placement = place(fact, self.places, self._claims)
        for lane in placement.joined:
            self.link(lane, placement.lane)
        self._recorded.append(RecordedFact(fact, placement.lane, self._now, self._cause))
        self._lanes[placement.lane] = None
        roots = {self._roots[key] for key in (fact.object, *names(fact)) if key in self._roots}
        mine = [root for root in sorted(roots) if self._in_lane(root, placement.lane)]
        cluster = absorb([self._clusters.pop(root) for root in mine], fact, placement.lane)
        self._touched.update(dict.fromkeys([*mine, cluster.root]))
        self._clusters[cluster.root] = cluster
        self.places.objects[fact.object] = cluster.lane
        for member in cluster.members():
            self._place_member(member, cluster)
        customer = provider_customer(fact)
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
        shared = self.places.of(customer.object) not in ("", customer.lane)
        self.places.objects[customer.object] = object_lane(customer.object) if shared else customer.lane
        self.step(customer.lane)
        self.step(object_lane(customer.object))
        return not shared

    def link(self, lane: str, owner: str) -> None:
        """Tie an unowned lane to its owner: its clusters move over, its facts stay where they are.

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
        """Offer versions that `parts` wants to know."""
        named = [versions_named(one) for root in self._touched for one in self._both(root)]
        return frozenset().union(*named)

    def parts(self, batch_id: str, offers: Mapping[str, OfferVersion]) -> Batch:
        """The batch: guards, facts, and of clusters, rows and references those that changed."""
        before, after = self._rows(self._before, offers), self._rows(self._clusters, offers)
        changed = [row for identity, row in after.items() if before.get(identity) != row]
        outdated = [row for identity, row in before.items() if after.get(identity) != row]
        return Batch(
            id=batch_id,
            at=self._now,
            lanes=self._steps(outdated, changed),
            facts=tuple(self._recorded),
            clusters=tuple(
                self._clusters[root]
                for root in self._touched
                if root in self._clusters and self._clusters[root] != self._before.get(root)
            ),
            dropped_clusters=tuple(root for root in self._touched if root not in self._clusters),
            rows=tuple(changed),
            dropped_rows=tuple(identity for identity in before if identity not in after),
            references=self._references(),
            effects=tuple(self._effects(before, after)),
        )

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

    def _rows(
        self, clusters: Mapping[str, Cluster], offers: Mapping[str, OfferVersion]
    ) -> dict[tuple[type[Row], str], Row]:
        found: dict[tuple[type[Row], str], Row] = {}
        for root in self._touched:
            if root in clusters:
                found.update(self._derived.of(clusters[root], offers))
        return found

    def _steps(self, outdated: Sequence[Row], changed: Sequence[Row]) -> tuple[LaneStep, ...]:
        steps = []
        for name in sorted(self._lanes):
            lane = self._view.lanes.get(name, Lane(name))
            gone = [row for row in outdated if row.lane == name]
            came = [row for row in changed if row.lane == name]
            document = lane.document
            if gone or came:
                document = encode_live(exchange(decode_live(document), gone, came, now=self._now))
            linked_to = self.places.links.get(name, lane.linked_to)
            # Older code may still run beside newer: what it writes to is to be rebuilt once more.
            reducer = min(lane.reducer, REDUCER_VERSION) if lane.version else REDUCER_VERSION
            steps.append(LaneStep(name, lane.version, document, linked_to, reducer))
        return tuple(steps)

    def _references(self) -> tuple[Reference, ...]:
        wanted = (Reference(key, lane, self._roots.get(key, "")) for key, lane in self.places.objects.items())
        return tuple(one for one in wanted if self._view.references.get(one.object) != one)

    def _effects(self, before: RowsByKey, after: RowsByKey) -> list[Effect]:
        found = []
        positions: dict[str, int] = {}
        for key, name, about in effects_of(before, after):
            lane = next(row.lane for row in after.values() if row.key == about)
            position = positions[lane] = positions.get(lane, -1) + 1
            version = self._view.lanes.get(lane, Lane(lane)).version + 1
            found.append(Effect(key, name, lane, version, position, about, self._now))
        return found
