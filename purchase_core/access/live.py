"""The live document: the part of the projection that can still grant something, small and in one piece.

It is a cache for hot reads, kept by exchanging the rows that changed, and it stands outside the canonical
hash. What can still change by itself has an entry of its own; what only adds up is kept as a sum. So the
document is as long as what a customer has at one time, not as what they have ever bought.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from purchase_core.access.purse import NONE_DRAWN, Purse, exchange_lots
from purchase_core.facts.fact import object_key
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import InvoiceRow, LotRow, PurchaseRow, Row, SubscriptionRow
from purchase_core.instants import DAY, Instant
from purchase_core.records.movement import START, Head, Leg
from purchase_core.values import Value

RETURNED_KEPT_DAYS = 1_200  # no period is longer; what went back of an older one has no say any more


class LiveSubscription(Value, frozen=True):
    """A subscription that has not ended. `items` are (offer version, quantity), mapped ones only.

    `replaces` is the key of the one whose place it takes.
    Quotas that it grants are counted in windows from `started_at`, its original anchor.
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
    started_at: Instant = Instant(0)


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


class Counter(Value, frozen=True):
    """How much of a quota was used in the window that was met last. `end` None: it is never reset."""

    start: Instant
    end: Instant | None
    used: int


class Live(Value, frozen=True):
    """Everything of one customer that is live.

    `subscriptions`, `partly_refunded`, `bills` and `returned` are by row key, `owned` by offer version. The
    `purse` holds the credits, `counters` what was used of quotas, by `counter_key`. `journal` is the head of
    the lane's journal: it alone depends on the order in which things came.
    """

    subscriptions: dict[str, LiveSubscription] = msgspec.field(default_factory=dict)
    owned: dict[str, Owned] = msgspec.field(default_factory=dict)
    partly_refunded: dict[str, PartlyRefunded] = msgspec.field(default_factory=dict)
    bills: dict[str, OpenBill] = msgspec.field(default_factory=dict)
    returned: dict[str, Returned] = msgspec.field(default_factory=dict)
    purse: Purse = msgspec.field(default_factory=Purse)
    counters: dict[str, Counter] = msgspec.field(default_factory=dict)
    journal: Head = START


EMPTY = Live()
COUNTERS_KEPT = 30 * DAY  # a clock that is set back must find what it has counted
_DECODER = msgspec.json.Decoder(Live)
_ITEMS = msgspec.json.Decoder(list[tuple[str, int, str, int]])
_encode = msgspec.json.Encoder(order="deterministic").encode
EMPTY_DOCUMENT = _encode(EMPTY)


def decode_live(document: bytes) -> Live:
    """The document of a lane; a lane without one has nothing live."""
    return _DECODER.decode(document) if document else EMPTY


def encode_live(live: Live) -> bytes:
    """JSON, as it is kept with the lane: the same bytes, whatever the order in which rows came."""
    return _encode(live)


def exchange(
    live: Live,
    gone: Iterable[Row],
    came: Iterable[Row],
    *,
    now: Instant,
    drawn: Mapping[str, int] = NONE_DRAWN,
) -> Live:
    """The document without the rows `gone` and with the rows `came`; a row that changed is in both.

    `drawn` is what was taken of lots, where the document does not know.
    """
    after = changing(live, now)
    exchange_rows(after, gone, came, now=now, drawn=drawn)
    return after


def exchange_rows(
    live: Live,
    gone: Iterable[Row],
    came: Iterable[Row],
    *,
    now: Instant,
    drawn: Mapping[str, int] = NONE_DRAWN,
) -> Mapping[str, tuple[Leg, ...]]:
    """As `exchange`, in a document that is being changed; the legs of what that moves, by unit."""
    gone, came = tuple(gone), tuple(came)
    for row in gone:
        _take_out(live, row)
    for row in came:
        _put_in(live, row, now)
    legs: dict[str, list[Leg]] = {}  # of the past, a customer's rows of all years come at once
    lots = ([row for row in rows if isinstance(row, LotRow)] for rows in (gone, came))
    for unit, leg in exchange_lots(live.purse, *lots, drawn=drawn, now=now):
        legs.setdefault(unit, []).append(leg)
    return {unit: tuple(moved) for unit, moved in legs.items()}


def of_rows(rows: Iterable[Row], now: Instant) -> Live:
    """The document that rows make by themselves; its purse is empty: that depends on what was spent."""
    live = Live()
    for row in rows:
        _put_in(live, row, now)
    return live


def changing(live: Live, now: Instant) -> Live:
    """A document of its own, to be changed."""
    return Live(
        dict(live.subscriptions),
        dict(live.owned),
        dict(live.partly_refunded),
        dict(live.bills),
        {key: one for key, one in live.returned.items() if not _long_ago(one.paid_at, now)},
        live.purse.copy(now),
        counters_kept(live.counters, now),
        live.journal,
    )


def counters_kept(counters: Mapping[str, Counter], now: Instant) -> dict[str, Counter]:
    """Those that still count something, or have not long ceased to."""
    return {key: one for key, one in counters.items() if one.end is None or one.end + COUNTERS_KEPT > now}


def left_behind(document: bytes) -> bytes:
    """The document of a lane that was linked to another: its journal ends there, and nothing else is left."""
    live = decode_live(document)
    return document if live == EMPTY else encode_live(replace(EMPTY, journal=live.journal))


def counter_key(quota: str, reset: str, anchor: Instant, zone: str = "UTC") -> str:
    """The key of the counter of a quota that is reset so, counted from there by the clocks of a zone."""
    return f"{quota}|{reset}|{anchor}" + ("" if zone == "UTC" else f"|{zone}")


def quota_of(counter: str) -> str:
    """The quota that a counter counts."""
    return counter.split("|", 1)[0]


def _take_out(live: Live, row: Row) -> None:
    match row:
        case SubscriptionRow():
            live.subscriptions.pop(row.key, None)
        case PurchaseRow():
            if _is_whole(row):
                _count(live, row, -1)
            live.partly_refunded.pop(row.key, None)
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


def _left(row: PurchaseRow) -> int:
    return row.paid - row.refunded - row.lost


def _is_whole(row: PurchaseRow) -> bool:
    # Of what cost nothing, nothing can be missing.
    return _left(row) >= row.due


def _long_ago(paid_at: Instant, now: Instant) -> bool:
    return paid_at + RETURNED_KEPT_DAYS * DAY < now


def _live_subscription(row: SubscriptionRow) -> LiveSubscription:
    mapped = tuple((version, quantity) for version, quantity, _, _ in _ITEMS.decode(row.items) if version)
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
        row.started_at,
    )
