"""What happened to a customer, in the order in which we learned of it: for people who help them."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from heapq import merge
from itertools import accumulate, islice
from typing import TypeAlias, cast

import attrs
import msgspec

from purchase_core.errors import InvalidArgument
from purchase_core.facts.bodies import (
    AttemptMade,
    Body,
    CaseDecided,
    CreditsGranted,
    DisputeSeen,
    IntentPlaced,
    InvoiceSeen,
    RefundAsked,
    RefundSeen,
    SessionSeen,
    SubscriptionSeen,
)
from purchase_core.facts.fact import RecordedFact
from purchase_core.instants import Instant
from purchase_core.money import money_of
from purchase_core.ports.store import Store
from purchase_core.projection.owner import lane_of
from purchase_core.reads.activity_movements import go_together, is_told, told
from purchase_core.records.lane import customer_of
from purchase_core.records.movement import Movement

HAPPENINGS_MAX = 100

JOURNAL = "journal of "  # in a position: how far the journal of a lane was read

Placed: TypeAlias = tuple[Instant, str, int, RecordedFact | Movement]


@attrs.frozen
class Happening:
    """One thing that happened. `at` is when, by the clock of whoever saw it.

    `cause` is the delivery, command or movement that brought it; `position` says where to read on behind it.
    `about` is the object, or the unit of credits or the quota.
    """

    position: str
    at: Instant
    recorded_at: Instant
    about: str
    text: str
    cause: str


class Activity:
    """Timelines of customers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(
        self, customer: str, *, after: str = "", limit: int = HAPPENINGS_MAX
    ) -> Sequence[Happening]:
        """What happened to a customer, the earliest recorded first; a page of it behind a position.

        It costs what the page costs, however much there is. Much that was spent in a row is one happening, so
        that a page may be shorter than `limit`; the last one is empty. What waited for its owner takes its
        place when it is linked; a page behind a position then begins with it. Raises InvalidArgument for a
        position that is none.
        """
        lane = await lane_of(self._store, customer)
        come_to = _read_position(after)
        lanes = (lane, *await self._store.linked_lanes(lane))
        while placed := await self._placed(lanes, come_to, limit):
            if found := _happenings(placed, come_to):
                return found
        return []

    async def _placed(self, lanes: Sequence[str], come_to: Mapping[str, int], limit: int) -> Sequence[Placed]:
        """So many facts and movements behind what was read, in the order in which they were recorded."""
        pages = [await self._facts(name, come_to.get(name, 0), limit) for name in lanes]
        owned = [name for name in lanes if customer_of(name)]
        pages += [await self._movements(name, come_to.get(JOURNAL + name, 0), limit) for name in owned]
        return list(islice(merge(*pages, key=_when), limit))

    async def _facts(self, lane: str, after: int, limit: int) -> Sequence[Placed]:
        page = await self._store.facts(lane, after=after, limit=limit)
        return [(one.recorded_at, lane, position, one) for position, one in page]

    async def _movements(self, lane: str, after: int, limit: int) -> Sequence[Placed]:
        page = await self._store.movements(lane, after=after, limit=limit)
        # A reservation may have ended long before that was written down: it keeps its place in the journal.
        times = accumulate((one.at for one in page), max)
        return [(at, JOURNAL + lane, one.position, one) for at, one in zip(times, page, strict=True)]


def _happenings(placed: Sequence[Placed], come_to: dict[str, int]) -> list[Happening]:
    """What these amount to. `come_to` goes on behind them."""
    found: list[Happening] = []
    row: list[Movement] = []  # movements that are told as one
    for at, place, position, one in placed:
        come_to[place] = position
        if isinstance(one, RecordedFact):
            if isinstance(one.fact.body, CreditsGranted):
                continue  # its movement tells of it, with the reason
            found.append(_happening(_position(come_to), one))
            row = []
        elif is_told(one):
            row = [*row, one] if row and go_together(row[-1], one) else [one]
            happening = Happening(_position(come_to), one.at, at, one.unit, told(row), one.key)
            found[len(found) - (len(row) > 1) :] = [happening]
    return found


def _when(one: Placed) -> tuple[Instant, str, int]:
    return one[:3]


def _position(come_to: Mapping[str, int]) -> str:
    return urlsafe_b64encode(msgspec.json.encode(come_to, order="sorted")).rstrip(b"=").decode()


def _read_position(text: str) -> dict[str, int]:
    """How far the timeline was read in each lane and journal."""
    if not text:
        return {}
    try:
        packed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(packed, type=dict[str, int])
    except (ValueError, msgspec.DecodeError):
        raise InvalidArgument("that is no position of a timeline") from None


def _happening(position: str, recorded: RecordedFact) -> Happening:
    fact = recorded.fact
    text = _TOLD[type(fact.body)](fact.body)
    return Happening(position, fact.order, recorded.recorded_at, fact.object, text, recorded.cause)


def _intent(body: IntentPlaced) -> str:
    price = money_of(body.unit_amount, body.currency)
    trial = f", after {body.trial_days} days of trial" if body.trial_days else ""
    return f"set out to buy {body.quantity} x {body.offer} at {price}{trial}"


def _attempt(body: AttemptMade) -> str:
    return f"checkout on {body.connection}: {body.status}"


def _session(body: SessionSeen) -> str:
    return f"checkout page is {body.status}, {body.payment}"


def _subscription(body: SubscriptionSeen) -> str:
    items = ", ".join(f"{item.quantity} x {money_of(item.unit_amount, item.currency)}" for item in body.items)
    ending = ", about to end" if body.cancel_at and not body.ended_at else ""
    return f"subscription is {body.status}: {items}{ending}"


def _invoice(body: InvoiceSeen) -> str:
    paid = f"{money_of(body.paid, body.currency)} paid of {money_of(body.total, body.currency)}"
    action = f"; the customer must {body.action}" if body.action else ""
    return f"{body.reason} bill is {body.status}: {paid}{action}"


def _refund_asked(body: RefundAsked) -> str:
    return f"refund of {money_of(body.amount, body.currency)} {body.status}"


def _case_decided(body: CaseDecided) -> str:
    return f"case about {body.about} was {body.status}: {body.detail}"


def _refund(body: RefundSeen) -> str:
    return f"refund of {money_of(body.amount, body.currency)} is {body.status}"


def _dispute(body: DisputeSeen) -> str:
    return f"dispute over {money_of(body.amount, body.currency)} is {body.status}"


_TOLD = cast(
    "Mapping[type[Body], Callable[[Body], str]]",
    {
        IntentPlaced: _intent,
        AttemptMade: _attempt,
        SessionSeen: _session,
        SubscriptionSeen: _subscription,
        InvoiceSeen: _invoice,
        RefundAsked: _refund_asked,
        CaseDecided: _case_decided,
        RefundSeen: _refund,
        DisputeSeen: _dispute,
    },
)
