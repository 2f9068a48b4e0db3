"""The fold: from a set of facts to clusters and rows. Order, duplicates and batches make no difference.

`fold` reads a whole history; `apply` goes one fact further and touches the clusters that the fact names,
no others. Both give the same state, and a property test says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import attrs

from purchase_core.canonical import content_hash
from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.cluster import Cluster, absorb, clustered
from purchase_core.facts.derive import derive
from purchase_core.facts.fact import Fact, names
from purchase_core.facts.register import registered
from purchase_core.facts.rows import Row
from purchase_core.records.ledger_rows import LedgerRow

V = TypeVar("V")

REDUCER_VERSION = 1  # hashes are compared under one version of the fold


@attrs.frozen
class Folded:
    """A lane's clusters by root, and where each object is."""

    lane: str
    clusters: Mapping[str, Cluster]
    roots: Mapping[str, str]


def fold(lane: str, facts: Iterable[Fact]) -> Folded:
    """The state after all these facts, in whatever order they come."""
    seen: dict[str, list[Fact]] = {}
    for fact in facts:
        seen.setdefault(fact.object, []).append(fact)
    registers = {key: registered(told) for key, told in seen.items()}
    clusters = {one.root: one for one in clustered(lane, registers)}
    roots: dict[str, str] = {}
    for root, cluster in clusters.items():
        for key, one in cluster.registers.items():
            roots[key] = root
            for name in one.names:
                roots[name] = root
    return Folded(lane, clusters, roots)


def apply(state: Folded, fact: Fact) -> Folded:
    """The state after one more fact. Costs what the fact's cluster costs, whatever the history.

    The mappings of `state` are taken over and changed: keep the returned state, not the old one.
    """
    clusters, roots = _dict_of(state.clusters), _dict_of(state.roots)
    touched = {roots[key] for key in (fact.object, *names(fact)) if key in roots}
    cluster = absorb([clusters.pop(root) for root in sorted(touched)], fact, state.lane)
    clusters[cluster.root] = cluster
    for member in cluster.members():
        roots[member] = cluster.root
    return Folded(state.lane, clusters, roots)


def _dict_of(mapping: Mapping[str, V]) -> dict[str, V]:
    """The mapping itself where it can be changed, else a copy."""
    return mapping if isinstance(mapping, dict) else dict(mapping)


def rows_of(state: Folded, offers: Mapping[str, OfferVersion]) -> list[Row]:
    """Every row of a state, by table and key."""
    found = [row for cluster in state.clusters.values() for row in derive(cluster, offers).values()]
    return sorted(found, key=lambda row: (row.TABLE, row.key))


def canonical_hash(rows: Iterable[Row | LedgerRow]) -> str:
    """Identifies a projection, or a ledger: the same rows, the same hash, on every database, in any order."""
    ordered = sorted(rows, key=lambda row: (row.TABLE, row.key))
    return content_hash([REDUCER_VERSION, [[row.TABLE, row] for row in ordered]])
