"""Bugs in credits and quotas, and in telling those who must be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from msgspec.structs import replace

from purchase_core.access import live, purse
from purchase_core.access.live import Counter, counter_key
from purchase_core.access.purse import Purse
from purchase_core.access.rights import CALENDAR
from purchase_core.facts import lots
from purchase_core.instants import SECOND, Instant
from purchase_core.ledger import spending, using
from purchase_core.ledger.decision import decode_answer
from purchase_core.ledger.spending import Book, End, Take
from purchase_core.outbox import subscribers
from purchase_core.outbox.subscribers import Subscribers
from purchase_core.reads import wallets
from purchase_core.records.mailbox import IDLE, WAITING
from purchase_core.records.movement import NOTHING
from purchase_core.workflows.requests import Requests

from .planting import Planter, bug


def _parts(to: Planter, minded: Callable[[Take], bool]) -> None:
    """Takings of a kind take what is missing of the last lot."""

    def decided(self: Take, *rest: Any) -> Any:
        if not minded(self):
            return decide(self, *rest)
        spending.parts_of, before = beyond, spending.parts_of
        try:
            return decide(self, *rest)
        finally:
            spending.parts_of = before

    def beyond(purse: Purse, unit: str, amount: int, at: Any) -> Any:
        there = purse.spendable(unit, at)
        if amount <= there or not there:
            return parts_of(purse, unit, amount, at)
        *others, (lot, part) = parts_of(purse, unit, there, at)
        return (*others, (lot, part + amount - there))

    decide, parts_of = Take.decide, spending.parts_of
    to.put(Take, "decide", decided)


@bug
def spends_what_is_not_there(to: Planter) -> None:
    """What is missing for a purchase is taken of the last lot."""
    _parts(to, lambda take: take.hold_seconds is None)


@bug
def reserves_what_is_not_there(to: Planter) -> None:
    """What is missing for a reservation is taken of the last lot."""
    _parts(to, lambda take: take.hold_seconds is not None)


@bug
def spends_the_last_to_expire_first(to: Planter) -> None:
    """What never expires is spent before what does."""

    def reversed_(one: Any) -> Any:
        never, ends, granted_at, key = precedence(one)
        return not never, -ends, granted_at, key

    precedence = spending._precedence
    to.put(spending, "_precedence", reversed_)


@bug
def spends_what_has_just_expired(to: Planter) -> None:
    """Whoever spends takes what has expired within the hour, beside what has not."""
    to.put(spending, "is_live", lambda lot, at: is_live(lot, Instant(at - 3_600 * SECOND)))


is_live = purse.is_live


@bug
def forgets_debts(to: Planter) -> None:
    """What refunds ask back of what was spent is owed by nobody."""
    to.put(Purse, "debt", lambda self, unit, at: 0)


@bug
def forgets_what_was_spent_of_what_is_gone(to: Planter) -> None:
    """Where a payment turns out to grant nothing, what was spent of it is owed by nobody."""

    def exchanged(self: Purse, row: Any, before: Any, after: Any, **how: Any) -> Any:
        was, now = exchange(self, row, before, after, **how)
        if after is not None:
            return was, now
        if self.lots.pop(row.key, None) is None:
            self.debts.pop(row.unit, None)
        self.orphans.pop(row.key, None)
        return was, NOTHING

    exchange = Purse.exchange
    to.put(Purse, "exchange", exchanged)


@bug
def shows_nothing_as_held(to: Planter) -> None:
    """A wallet does not say what is reserved."""
    to.put(wallets, "wallet_of", lambda *wallet: attrs.evolve(original_wallet(*wallet), held=0))


original_wallet = wallets.wallet_of


@bug
def holds_for_ever(to: Planter) -> None:
    """A reservation that nobody ends holds its credits for ever."""
    to.put(Purse, "given_back", lambda self, at: {})
    to.put(Book, "lapse", lambda self: iter(()))


@bug
def spends_reservations_that_are_over(to: Planter) -> None:
    """A reservation whose time is over can still be settled."""
    to.put(Book, "lapse", lambda self: iter(()))


@bug
def settles_all_of_it(to: Planter) -> None:
    """A reservation that is settled in part is spent whole."""
    decide = End.decide

    def whole(self: End, *rest: Any) -> Any:
        return decide(attrs.evolve(self, spent=None) if self.spent else self, *rest)

    to.put(End, "decide", whole)


@bug
def keeps_what_is_released(to: Planter) -> None:
    """A reservation that is let go is spent."""
    decide = End.decide

    def whole(self: End, *rest: Any) -> Any:
        return decide(attrs.evolve(self, spent=None) if self.spent == 0 else self, *rest)

    to.put(End, "decide", whole)


@bug
def adjusts_one_less(to: Planter) -> None:
    """An operator takes one credit less than they said."""

    def less(self: Take, *rest: Any) -> Any:
        request = self.request
        if request.kind == "adjust" and request.amount > 1:
            self = attrs.evolve(self, request=replace(request, amount=request.amount - 1))
        return decide(self, *rest)

    decide = Take.decide
    to.put(Take, "decide", less)


@bug
def refuses_what_another_process_has_done(to: Planter) -> None:
    """Where two processes are asked under one key, the slower one is told that nothing is left."""

    async def alone(self: Requests, request: Any, work: Any) -> Any:
        async def decided(what: Any) -> Any:
            recorded: Any = await self._recorder.record(what, cause=request.key, addition=lambda batch: batch)
            return next(one for one in recorded.batch.movements if one.key == request.key)

        async with self._keys.hold([request.key]):
            known = await self._store.movement(request.key)
            return decode_answer(known or await decided(work()))

    to.put(Requests, "run", alone)


@bug
def forgets_requests_about_credits(to: Planter) -> None:
    """A request that is made again is made anew, under a key of its own."""
    again = iter(range(1_000_000))

    async def anew(self: Requests, request: Any, work: Any) -> Any:
        made = work()
        key = f"{request.key}.{next(again)}"
        renamed = attrs.evolve(made.decision, request=attrs.evolve(made.decision.request, key=key))
        recorded: Any = await self._recorder.record(
            replace(made, decision=renamed), cause=key, addition=lambda batch: batch
        )
        return decode_answer(next(one for one in recorded.batch.movements if one.key == key))

    to.put(Requests, "run", anew)


@bug
def grants_without_an_end(to: Planter) -> None:
    """Credits that are given for a while are there for ever."""
    given = lots._given
    to.put(lots, "_given", lambda *what: replace(given(*what), expires_at=None))


@bug
def uses_beyond_the_limit(to: Planter) -> None:
    """What a quota does not allow any more is counted as the last of it."""

    def window(document: Any, name: str, quota: Any, at: Any) -> Counter:
        found = window_of(document, name, quota, at)
        return replace(found, used=min(found.used, max(0, quota.limit - 1)))

    window_of = using.window_of
    to.put(using, "window_of", window)


@bug
def counts_windows_by_the_calendar(to: Planter) -> None:
    """Windows begin with the first of a month, whenever somebody has subscribed."""

    def window(document: Any, name: str, quota: Any, at: Any) -> Counter:
        return window_of(document, name, attrs.evolve(quota, anchor=CALENDAR), at)

    window_of = using.window_of
    to.everywhere(window_of, window)


@bug
def never_resets_quotas(to: Planter) -> None:
    """What was used counts in the next window too."""

    def window(document: Any, name: str, quota: Any, at: Any) -> Counter:
        found = window_of(document, name, quota, at)
        known = document.counters.get(counter_key(name, quota.reset, quota.anchor))
        return replace(found, used=known.used) if known and not found.used else found

    window_of = using.window_of
    to.everywhere(window_of, window)


@bug
def forgets_uses_with_each_change(to: Planter) -> None:
    """Whoever buys something begins to count anew."""

    def exchanged(document: Any, gone: Any, came: Any, **how: Any) -> Any:
        if came:
            document.counters.clear()
        return exchange(document, gone, came, **how)

    exchange = live.exchange_rows
    to.everywhere(exchange, exchanged)


@bug
def takes_windows_back(to: Planter) -> None:
    """A clock that is set back begins the last window anew."""

    def window(document: Any, name: str, quota: Any, at: Any) -> Counter:
        found = window_of(document, name, quota, at)
        if found.start <= at:
            return found
        return window_of(replace(document, counters={}), name, quota, at)

    window_of = using.window_of
    to.everywhere(window_of, window)


@bug
def takes_failing_for_hearing(to: Planter) -> None:
    """Whoever fails when they are told is taken to have heard."""
    told = subscribers._told

    async def heard(subscriber: Any, effect: Any) -> None:
        await told(subscriber, effect)

    to.put(subscribers, "_told", heard)


@bug
def tells_the_newest_first(to: Planter) -> None:
    """Whoever must be told hears the last thing first."""

    async def last(self: Subscribers, subscriber: Any, mailbox: Any) -> Any:
        effects = list(await self._store.effects(mailbox.lane, after=mailbox.told))
        if not effects:
            return None, mailbox.newest
        first = effects[0]
        return replace(effects[-1], lane_version=first.lane_version, position=first.position), mailbox.told

    to.put(Subscribers, "_next", last)


@bug
def gives_up_on_the_deaf(to: Planter) -> None:
    """Whoever has failed too often is told of what comes next, and never of that."""
    settle = Subscribers._settle

    async def on(self: Subscribers, mailbox: Any, told: int, state: str, *rest: Any) -> None:
        if state not in (IDLE, WAITING):
            told, state = mailbox.newest, IDLE
        await settle(self, mailbox, told, state, *rest)

    to.put(Subscribers, "_settle", on)
