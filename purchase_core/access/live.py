"""The live document: the part of the projection that can still grant something, small and in one piece.

It is a cache for hot reads, kept by exchanging the rows that changed, and it stands outside the canonical
hash. What can still change by itself has an entry of its own; what only adds up is kept as a sum. So the
document is as long as what a customer has at one time, not as what they have ever bought.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from purchase_core.facts.fact import object_key
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import InvoiceRow, LotRow, PurchaseRow, Row, SubscriptionRow
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.values import Value

EXPIRED_LOTS_KEPT_SECONDS = 30 * 86_400
RETURNED_KEPT_DAYS = 1_200  # no period is longer; what went back of an older one has no say any more


class LiveSubscription(Value, frozen=True):
    """A subscription that has not ended. `items` are (offer version, quantity), mapped ones only.

    `replaces` is the key of the one whose place it takes.
    """

    status: str
    bound: bool
    items: tuple[tuple[str, int], ...]
    period_start: Instant
    period_end: Instant
    trial_end: Instant | None
    cancel_at: Instant | None
    ended_at: Instant | None
    collecting: bool = True
    replaces: str = ""


class OpenBill(Value, frozen=True):
    """A bill that waits for its money. `since` is when it was first asked for, where the provider tells."""

    subscription: str
    since: Instant | None


class Owned(Value, frozen=True):
    """One-time purchases of one offer version of which all money is left: how many, and their quantities."""

    purchases: int
    quantity: int


class PartlyRefunded(Value, frozen=True):
    """A one-time purchase of which less is left than was due: how much, and how much was lost to banks."""

    version: str
    quantity: int
    due: int
    left: int
    lost: int


class Returned(Value, frozen=True):
    """A regular payment of a subscription that went back, wholly or in part."""

    subscription: str
    paid_at: Instant
    whole: bool


class LiveLot(Value, frozen=True):
    """Credits that expire."""

    unit: str
    credits: int
    expires_at: Instant


class Live(Value, frozen=True):
    """Everything of one customer that is live.

    `subscriptions`, `partly_refunded`, `lots`, `bills` and `returned` are by row key, `owned` by offer
    version; `credits`, by unit, are those that never expire, less what refunds ask back.
    """

    subscriptions: dict[str, LiveSubscription] = msgspec.field(default_factory=dict)
    owned: dict[str, Owned] = msgspec.field(default_factory=dict)
    partly_refunded: dict[str, PartlyRefunded] = msgspec.field(default_factory=dict)
    lots: dict[str, LiveLot] = msgspec.field(default_factory=dict)
    credits: dict[str, int] = msgspec.field(default_factory=dict)
    bills: dict[str, OpenBill] = msgspec.field(default_factory=dict)
    returned: dict[str, Returned] = msgspec.field(default_factory=dict)


EMPTY = Live()
_DECODER = msgspec.json.Decoder(Live)
_encode = msgspec.json.Encoder(order="deterministic").encode


def decode_live(document: bytes) -> Live:
    """The document of a lane; a lane without one has nothing live."""
    return _DECODER.decode(document) if document else EMPTY


def encode_live(live: Live) -> bytes:
    """JSON, as it is kept with the lane: the same bytes, whatever the order in which rows came."""
    return _encode(live)


def exchange(live: Live, gone: Iterable[Row], came: Iterable[Row], *, now: Instant) -> Live:
    """The document without the rows `gone` and with the rows `came`; a row that changed is in both."""
    after = Live(
        dict(live.subscriptions),
        dict(live.owned),
        dict(live.partly_refunded),
        {key: lot for key, lot in live.lots.items() if not _long_expired(lot.expires_at, now)},
        dict(live.credits),
        dict(live.bills),
        {key: one for key, one in live.returned.items() if not _long_ago(one.paid_at, now)},
    )
    for row in gone:
        _take_out(after, row)
    for row in came:
        _put_in(after, row, now)
    return after


def _take_out(live: Live, row: Row) -> None:
    match row:
        case SubscriptionRow():
            live.subscriptions.pop(row.key, None)
        case PurchaseRow():
            if _is_whole(row):
                _count(live, row, -1)
            live.partly_refunded.pop(row.key, None)
        case LotRow():
            if row.expires_at is None:
                _add(live, row.unit, row.clawed - row.granted)
            live.lots.pop(row.key, None)
        case InvoiceRow():
            live.bills.pop(row.key, None)
            live.returned.pop(row.key, None)
        case _:
            pass


def _put_in(live: Live, row: Row, now: Instant) -> None:
    match row:
        case SubscriptionRow():
            if row.status not in ENDED_SUBSCRIPTIONS:
                live.subscriptions[row.key] = _live_subscription(row)
        case PurchaseRow():
            if _is_whole(row):
                _count(live, row, 1)
            elif _left(row) > 0 or row.lost:
                live.partly_refunded[row.key] = PartlyRefunded(
                    row.version, row.quantity, row.due, _left(row), row.lost
                )
        case LotRow():
            if row.expires_at is None:
                _add(live, row.unit, row.granted - row.clawed)
            elif not _long_expired(row.expires_at, now):
                live.lots[row.key] = LiveLot(row.unit, row.granted - row.clawed, row.expires_at)
        case InvoiceRow() if row.subscription:
            _put_bill(live, row, now)
        case _:
            pass


def _put_bill(live: Live, row: InvoiceRow, now: Instant) -> None:
    subscription = object_key("subscription", row.connection, row.subscription)
    if row.status == "open":
        live.bills[row.key] = OpenBill(subscription, row.due_at)
    regular = row.reason in ("first", "renewal")
    if regular and row.refunded and row.paid_at is not None and not _long_ago(row.paid_at, now):
        live.returned[row.key] = Returned(subscription, row.paid_at, row.refunded >= row.paid)


def _count(live: Live, row: PurchaseRow, sign: int) -> None:
    known = live.owned.get(row.version, Owned(0, 0))
    left = Owned(known.purchases + sign, known.quantity + sign * row.quantity)
    if left.purchases:
        live.owned[row.version] = left
    else:
        live.owned.pop(row.version, None)


def _add(live: Live, unit: str, amount: int) -> None:
    left = live.credits.get(unit, 0) + amount
    if left:
        live.credits[unit] = left
    else:
        live.credits.pop(unit, None)


def _left(row: PurchaseRow) -> int:
    return row.paid - row.refunded - row.lost


def _is_whole(row: PurchaseRow) -> bool:
    # Of what cost nothing, nothing can be missing.
    return _left(row) >= row.due


def _long_expired(expires_at: Instant, now: Instant) -> bool:
    # A clock that is set back a little must still find what has just expired.
    return expires_at + EXPIRED_LOTS_KEPT_SECONDS * SECOND < now


def _long_ago(paid_at: Instant, now: Instant) -> bool:
    return paid_at + RETURNED_KEPT_DAYS * DAY < now


def _live_subscription(row: SubscriptionRow) -> LiveSubscription:
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
        row.collecting,
        row.replaces,
    )
