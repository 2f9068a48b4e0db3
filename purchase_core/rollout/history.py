"""What was rolled out: whole catalogs by their hash, and the head, which says which of them is the last."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from purchase_core.canonical import canonical
from purchase_core.catalog.versions import OfferVersion, decode_offer
from purchase_core.instants import Instant
from purchase_core.values import Value

HISTORY_MAX = 200


class Rolled(Value, frozen=True):
    """A catalog, by its hash, and when it was rolled out."""

    catalog: str
    at: Instant


class Head(Value, frozen=True):
    """`history` is oldest first, the last one is in force; `running` is the seal of the plan under way."""

    history: tuple[Rolled, ...] = ()
    running: str = ""

    @property
    def applied(self) -> str:
        """The hash of the catalog that was rolled out last; "" for none."""
        return self.history[-1].catalog if self.history else ""

    def begun(self, seal: str) -> Head:
        """With a plan under way."""
        return Head(self.history, seal)

    def ended(self, catalog: str, at: Instant) -> Head:
        """With nothing under way, and this catalog in force."""
        history = self.history if self.applied == catalog else (*self.history, Rolled(catalog, at))
        return Head(history[-HISTORY_MAX:])


def encode_offers(offers: Mapping[str, OfferVersion]) -> bytes:
    """A whole catalog, as it is kept: every offer as it is sold."""
    return canonical([offers[offer] for offer in sorted(offers)])


def decode_offers(data: bytes) -> dict[str, OfferVersion]:
    """A catalog that was kept, by offer. Raises msgspec.ValidationError on anything else."""
    versions = [decode_offer(bytes(one)) for one in msgspec.json.decode(data, type=list[msgspec.Raw])]
    return {version.offer: version for version in versions}
