"""Offer versions that were sold: immutable, so what was read once is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from purchase_core.catalog.versions import OfferVersion
from purchase_core.ports.store import Store


class OfferShelf:
    """Offer versions by hash: the catalog's own at once, older ones from the store when first asked for."""

    def __init__(self, store: Store, current: Iterable[OfferVersion]) -> None:
        self._store = store
        self._known = {offer.hash: offer for offer in current}

    @property
    def known(self) -> Mapping[str, OfferVersion]:
        """What has been read so far."""
        return self._known

    async def learn(self, hashes: Iterable[str]) -> Mapping[str, OfferVersion]:
        """Make sure that these are known, as far as the store has them, and return all that are."""
        missing = [one for one in hashes if one not in self._known]
        if missing:
            self._known.update(await self._store.offers(missing))
        return self._known
