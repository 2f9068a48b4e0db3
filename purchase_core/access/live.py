"""The live document: the part of the projection that can still grant something, small and in one piece.

It is a cache for hot reads. It is kept by exchanging the entries of the rows that changed, so it costs
the same whatever the history, and it stands outside the canonical hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import LotRow, PurchaseRow, Row, SubscriptionRow
from purchase_core.instants import Instant
from purchase_core.values import Value

V = TypeVar("V")

EXPIRED_LOTS_KEPT_SECONDS = 30 * 86_400


class LiveSubscription(Value, frozen=True):
    """A subscription that has not ended. `items` are (offer version, quantity), mapped ones only."""

    status: str
    bound: bool
    items: tuple[tuple[str, int], ...]
    period_start: Instant
    period_end: Instant
    trial_end: Instant | None
    cancel_at: Instant | None
    ended_at: Instant | None


class LivePurchase(Value, frozen=True):
    """A one-time purchase of which some money is left. Amounts in minor units of one currency."""

    version: str
    quantity: int
    due: int
    left: int


class LiveLot(Value, frozen=True):
    """Credits that can still be spent, or are still owed."""

    unit: str
    granted: int
    clawed: int
    expires_at: Instant | None


class Live(Value, frozen=True):
    """Everything of one customer that is live, by row key."""

    subscriptions: dict[str, LiveSubscription] = msgspec.field(default_factory=dict)
    purchases: dict[str, LivePurchase] = msgspec.field(default_factory=dict)
    lots: dict[str, LiveLot] = msgspec.field(default_factory=dict)


EMPTY = Live()
_DECODER = msgspec.json.Decoder(Live)


def decode_live(document: bytes) -> Live:
    """The document of a lane; a lane without one has nothing live."""
    return _DECODER.decode(document) if document else EMPTY


def encode_live(live: Live) -> bytes:
    """JSON, as it is kept with the lane."""
    return msgspec.json.encode(live)


def exchange(live: Live, gone: Iterable[tuple[type[Row], str]], rows: Iterable[Row], *, now: Instant) -> Live:
    """The document after the rows `gone` went and `rows` came (or changed)."""
    subscriptions, purchases, lots = dict(live.subscriptions), dict(live.purchases), dict(live.lots)
    for _, key in gone:
        subscriptions.pop(key, None)
        purchases.pop(key, None)
        lots.pop(key, None)
    for row in rows:
        if isinstance(row, SubscriptionRow):
            _put(subscriptions, row.key, _live_subscription(row))
        elif isinstance(row, PurchaseRow):
            _put(purchases, row.key, _live_purchase(row))
        elif isinstance(row, LotRow):
            _put(lots, row.key, _live_lot(row, now))
    return Live(subscriptions, purchases, lots)


def _put(entries: dict[str, V], key: str, value: V | None) -> None:
    if value is None:
        entries.pop(key, None)
    else:
        entries[key] = value


def _live_subscription(row: SubscriptionRow) -> LiveSubscription | None:
    if row.status in ENDED_SUBSCRIPTIONS:
        return None
    items = msgspec.json.decode(row.items, type=list[tuple[str, int, str, int]])
    mapped = tuple((version, quantity) for version, quantity, _, _ in items if version)
    return LiveSubscription(
        row.status,
        row.bound,
        mapped,
        row.period_start,
        row.period_end,
        row.trial_end,
        row.cancel_at,
        row.ended_at,
    )


def _live_purchase(row: PurchaseRow) -> LivePurchase | None:
    left = row.paid - row.refunded - row.lost
    nothing_left = left <= 0 < row.due
    return None if nothing_left else LivePurchase(row.version, row.quantity, row.due, left)


def _live_lot(row: LotRow, now: Instant) -> LiveLot | None:
    if row.expires_at is not None and row.expires_at + EXPIRED_LOTS_KEPT_SECONDS * 1_000_000 < now:
        return None
    return LiveLot(row.unit, row.granted, row.clawed, row.expires_at)
