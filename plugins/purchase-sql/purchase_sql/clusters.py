"""Clusters and the text that each is stored as."""

from __future__ import annotations

from purchase_core.facts.cluster import Cluster, decode_cluster, encode_cluster

REMEMBERED_MAX = 512
CHARACTERS_MAX = 16_384  # of one that is remembered


class ClusterTexts:
    """Writes clusters as text and reads them back. Those met last are remembered, and not read again.

    What a provider tells of one sale comes within seconds, so the next event mostly concerns a cluster that
    was just written. The stored text is compared, not trusted to be the same: whoever else may write it,
    what is remembered is never stale.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Cluster]] = {}

    def write(self, cluster: Cluster) -> str:
        """The text to store."""
        text = encode_cluster(cluster).decode()
        self._remember(text, cluster)
        return text

    def read(self, root: str, lane: str, text: str) -> Cluster:
        """The cluster that was stored as this text."""
        known = self._known.get(root)
        if known is not None and known[0] == text and known[1].lane == lane:
            return known[1]
        cluster = decode_cluster(root, lane, text)
        self._remember(text, cluster)
        return cluster

    def _remember(self, text: str, cluster: Cluster) -> None:
        self._known.pop(cluster.root, None)
        if len(text) > CHARACTERS_MAX:
            return
        while len(self._known) >= REMEMBERED_MAX:
            del self._known[next(iter(self._known))]
        self._known[cluster.root] = (text, cluster)
