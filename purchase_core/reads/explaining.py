"""What an explanation is made of, for the present: rows where there are few, and sums where there are many.

So that it costs the same for a customer of ten years as for one of ten days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

import attrs

from purchase_core.access.explain import Reason, has
from purchase_core.access.live import Live
from purchase_core.access.rights import Rights
from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.rows import IntentRow, LotRow, PurchaseRow, Row, SubscriptionRow
from purchase_core.ports.store import Store

R = TypeVar("R", bound=Row)

ROWS_TOLD_MAX = 200  # of one table; of more, only sums are told


@attrs.frozen
class Known:
    """Rows of the tables that have few, and whether purchases and lots are too many to be told one by one."""

    rows: tuple[Row, ...]
    many_purchases: bool
    many_lots: bool


async def known_rows(store: Store, lane: str) -> Known:
    """What there is of a lane that can grant something, or could."""
    purchases = await _few(store, PurchaseRow, lane)
    lots = await _few(store, LotRow, lane)
    intents = await _few(store, IntentRow, lane)
    subscriptions = await _few(store, SubscriptionRow, lane)
    rows = [*(subscriptions or ()), *(purchases or ()), *(lots or ()), *(intents or ())]
    return Known(tuple(rows), purchases is None, lots is None)


async def _few(store: Store, table: type[R], lane: str) -> list[R] | None:
    found = await store.rows(table, lane=lane, limit=ROWS_TOLD_MAX + 1)
    return list(found) if len(found) <= ROWS_TOLD_MAX else None


def sums(
    feature: str, known: Known, live: Live, rights: Rights, offers: Mapping[str, OfferVersion]
) -> Iterator[Reason]:
    """What is told of purchases and credits that are too many."""
    if known.many_purchases:
        for version, owned in live.owned.items():
            offer = offers.get(version)
            if offer is not None and has(offer, feature):
                why = f"bought and paid, {owned.purchases} times"
                yield Reason(grants=True, offer=offer.offer, version=version, why=why)
    if known.many_lots and feature in rights.credits:
        left = rights.balance(feature)
        why = f"{left} credits are left of more than {ROWS_TOLD_MAX} grants"
        yield Reason(grants=left > 0, offer="", version="", why=why)
