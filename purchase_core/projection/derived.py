"""Rows of the clusters met last, so that a change rarely derives what there was before it."""

from __future__ import annotations

from collections.abc import Mapping

from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.cluster import Cluster
from purchase_core.facts.derive import derive, versions_named
from purchase_core.facts.effects import RowsByKey

CLUSTERS_MAX = 512


class DerivedRows:
    """`derive`, remembering. Clusters and offer versions never change, so what is remembered stays true."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Cluster, RowsByKey]] = {}

    def knows(self, cluster: Cluster) -> bool:
        """Whether `of` remembers its rows, and will want no offers."""
        known = self._known.get(cluster.root)
        return known is not None and known[0] is cluster

    def of(self, cluster: Cluster, offers: Mapping[str, OfferVersion]) -> RowsByKey:
        """The rows of one cluster, by (table, key)."""
        known = self._known.get(cluster.root)
        if known is not None and known[0] is cluster:
            return known[1]
        rows = derive(cluster, offers)
        if versions_named(cluster) <= offers.keys():  # a version that is missing may be learned later
            self._known.pop(cluster.root, None)
            while len(self._known) >= CLUSTERS_MAX:
                del self._known[next(iter(self._known))]
            self._known[cluster.root] = (cluster, rows)
        return rows
