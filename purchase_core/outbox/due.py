"""What has fallen due: what time alone has made true of rows, found by their deadlines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TypeAlias

import attrs

from purchase_core.access.evaluate import granted_until, unpaid_since, versions_of
from purchase_core.access.live import Live, decode_live
from purchase_core.access.policy import AccessPolicy
from purchase_core.facts.fact import object_key
from purchase_core.facts.rows import InvoiceRow, LotRow, SubscriptionRow
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.ports.deadlines import BILL_ASKED, LOT_EXPIRES, PERIOD_ENDS, TRIAL_ENDS, UNPAID_FROM
from purchase_core.ports.paging import due_pages
from purchase_core.ports.store import Question, Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.records.lane import customer_of

LOOK_BACK_DAYS = 30  # what came to an end before that is nobody's news any more

Held: TypeAlias = tuple[str, str]
"""A lane, and the key of a subscription that lies in it."""


@attrs.frozen
class Due:
    """Something that time has made true of a row. `key` is that of its effect."""

    key: str
    name: str
    lane: str
    about: str


class FallenDue:
    """Finds what has fallen due. Reads that, and nothing of whom nothing has."""

    def __init__(
        self, store: Store, offers: OfferShelf, policy: AccessPolicy, *, trial_ending_days: int
    ) -> None:
        self._store = store
        self._offers = offers
        self._policy = policy
        self._soon = trial_ending_days * DAY

    async def between(self, since: Instant, now: Instant) -> AsyncIterator[Sequence[Due]]:
        """What has fallen due from `since` to now, in pages; a little of what did before may be among it."""
        async for lots in due_pages(self._store, LOT_EXPIRES, since=since, until=now):
            yield [_expired(one) for one in lots if customer_of(one.lane) and _is_news(one.expires_at, now)]
        # All that end soon, whenever somebody looked: a trial can be shorter than the time it is told ahead.
        begin, soon = Instant(now + 1), Instant(now + self._soon)
        async for trials in due_pages(self._store, TRIAL_ENDS, since=begin, until=soon):
            yield [_trial_ending(one) for one in trials if one.bound and customer_of(one.lane)]
        async for held in self._silent(since, now):
            yield [one async for one in self._lapsed(held, now)]

    async def _silent(self, since: Instant, now: Instant) -> AsyncIterator[Sequence[Held]]:
        """Subscriptions of which something would have been heard by now if they were paid."""
        rules = (self._policy, *self._policy.products.values())
        slack = max(one.renewal_slack_seconds for one in rules) * SECOND
        graces = [one.past_due_grace_seconds * SECOND for one in rules]
        # A cancellation ends one with its period, whatever the slack.
        async for rows in due_pages(self._store, PERIOD_ENDS, since=Instant(since - slack), until=now):
            yield [(row.lane, row.key) for row in rows]
        asked, until = Instant(since - max(graces)), Instant(now - min(graces))
        async for rows in due_pages(self._store, UNPAID_FROM, since=asked, until=until):
            yield [(row.lane, row.key) for row in rows]
        async for bills in due_pages(self._store, BILL_ASKED, since=asked, until=until):
            yield [(bill.lane, _subscription_of(bill)) for bill in bills if bill.subscription]

    async def _lapsed(self, held: Iterable[Held], now: Instant) -> AsyncIterator[Due]:
        mine = sorted({(lane, key) for lane, key in held if customer_of(lane)})
        view = await self._store.look(Question(lanes=tuple(sorted({lane for lane, _ in mine}))))
        documents = {name: decode_live(lane.document) for name, lane in view.lanes.items()}
        await self._offers.learn(frozenset().union(*(versions_of(one) for one in documents.values())))
        for lane, key in mine:
            end = self._end(documents[lane], key) if lane in documents else None
            if _is_news(end, now):
                yield Due(f"{key}:subscription.lapsed:{end}", "subscription.lapsed", lane, key)

    def _end(self, live: Live, key: str) -> Instant | None:
        """When the last that a subscription grants ends by itself; None: it grants nothing."""
        held = live.subscriptions.get(key)
        if held is None:
            return None
        offers = [self._offers.known.get(version) for version, _ in held.items]
        products = {offer.product_id if offer else "" for offer in offers} or {""}
        since = unpaid_since(live, key)
        ends = [granted_until(held, self._policy.of(product), since) for product in products]
        return max((one for one in ends if one is not None), default=None)


def _expired(lot: LotRow) -> Due:
    return Due(f"{lot.key}:credits.expired", "credits.expired", lot.lane, lot.key)


def _trial_ending(row: SubscriptionRow) -> Due:
    name = "subscription.trial_ending"
    return Due(f"{row.key}:{name}:{row.trial_end}", name, row.lane, row.key)


def _subscription_of(bill: InvoiceRow) -> str:
    return object_key("subscription", bill.connection, bill.subscription)


def _is_news(end: Instant | None, now: Instant) -> bool:
    return end is not None and now - LOOK_BACK_DAYS * DAY < end <= now
