"""Processing one event: normalise, look up what it needs, record, and settle its inbox row in one batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import TypeAlias

from msgspec.structs import replace

from purchase_core.errors import LeaseLost, MalformedBody, ProviderUnavailable, PurchaseError
from purchase_core.facts.fact import Fact, object_key
from purchase_core.identifiers import IdSource
from purchase_core.inbox.sealing import given_up, sealed, without_bodies
from purchase_core.instants import Clock
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import CustomerClaim, Event, Fetched, Need, Normalised, Provider
from purchase_core.ports.store import Question, Store
from purchase_core.projection.forgetting import with_deliveries_noted
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Recorded, Work
from purchase_core.records.delivery import DONE, FETCH, IGNORED, LOOKUP, PENDING, Delivery
from purchase_core.records.lane import Lane
from purchase_core.values import Value

REASON_CHARACTERS_MAX = 1_000
FOREIGN = "foreign: not of this application"

Settle: TypeAlias = Callable[[Batch, str, str], Batch]
"""Adds the inbox row, or its settlement, to a batch: (batch, state, reason)."""


class Processed(Value, frozen=True):
    """How an event ended: its state and reason, the facts it led to, or what must be looked up first."""

    state: str
    reason: str = ""
    facts: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()


class Processor:
    """Turns events into facts. The same code for inline and drained events, and for replay."""

    def __init__(
        self, store: Store, recorder: Recorder, clock: Clock, ids: IdSource, *, lookups_max: int
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._ids = ids
        self._lookups_max = lookups_max

    def event_of(self, provider: Provider, delivery: Delivery) -> Event:
        """The event of an inbox row. A fetched answer is read as one; a look-up carries only its object."""
        if delivery.source == LOOKUP:
            connection = provider.connection
            return Event(
                delivery.event_id,
                LOOKUP,
                delivery.object,
                delivery.occurred_at,
                provider.account,
                connection.mode,
                "",
                None,
            )
        if delivery.source == FETCH:
            kind, _, identifier = delivery.object.split(":", 2)
            return provider.parse_fetched(Fetched(kind, identifier, delivery.occurred_at, delivery.body))
        return provider.parse(delivery.body)

    async def process(
        self, provider: Provider, event: Event, cause: str, settle: Settle, *, may_fetch: bool
    ) -> Processed:
        """Bring one event to its end. Without `may_fetch`, an event that needs a look-up is left alone."""
        meaning = _meaning(provider, event)
        if meaning.ignored:
            empty = Batch(self._ids.new("batch"), self._clock.now())
            await self._ignore(event, settle(empty, IGNORED, meaning.ignored), cause)
            return Processed(IGNORED, meaning.ignored)
        facts, claims, needs = meaning.facts, meaning.claims, meaning.needs
        fetched: list[Delivery] = []
        while True:
            if not needs:
                recorded = await self._record(Work(facts, claims), cause, event.object, settle, fetched)
                if recorded.batch is not None:
                    return _ended(recorded.batch)
                needs = recorded.needs
            if not may_fetch:
                return Processed(PENDING, needs=tuple(needs))
            if len(fetched) + len(needs) > self._lookups_max:
                raise MalformedBody(f"event {event.id} needs more than {self._lookups_max} look-ups")
            found, claimed, answers = await self._look_up(provider, needs)
            if event.type == LOOKUP:
                _must_be_later(event, found)
            facts, claims, needs = (*found, *facts), (*claims, *claimed), ()
            fetched += answers

    async def _ignore(self, event: Event, settled: Batch, cause: str) -> None:
        """Commit the end of an event that means nothing here, and keep no body of somebody erased.

        No lane guards it, so an erasure may have looked through the inbox just before it came there: it is
        asked again once it is there. One that begins later finds it itself.
        """
        lanes = await self._lanes_of(event.object)
        erased = any(lane.erased for lane in lanes)
        await self._store.commit(without_bodies(settled, cause) if erased else settled)
        if lanes and not erased and await self._is_erased(event.object):
            empty = Batch(self._ids.new("batch"), self._clock.now())
            await self._store.commit(without_bodies(empty, cause))

    async def give_up(self, quarantined: Delivery) -> bool:
        """Empty an event that was just quarantined, and ignore it, if its customer was erased; else False.

        Asked once it is quarantined: an erasure that comes later finds it there itself.
        """
        if not await self._is_erased(quarantined.object):
            return False
        batch = Batch(self._ids.new("batch"), self._clock.now())
        with suppress(LeaseLost):  # somebody has it tried again, and it comes here once more
            await self._store.commit(given_up(batch, quarantined))
        return True

    async def _is_erased(self, key: str) -> bool:
        """Whether an object is of a customer who was erased."""
        return any(lane.erased for lane in await self._lanes_of(key))

    async def _lanes_of(self, key: str) -> Collection[Lane]:
        """The lane that an object is in, and that which it is linked to; none where it is not known."""
        return (await self._store.look(Question(objects=(key,)))).lanes.values()

    async def _record(
        self,
        work: Work,
        cause: str,
        about: str,
        settle: Settle,
        fetched: Sequence[Delivery],
    ) -> Recorded:
        def addition(batch: Batch) -> Batch:
            state, reason = (DONE, "") if batch.facts else (IGNORED, FOREIGN)
            # What was looked up is kept as long as what it was looked up for.
            answers = (replace(one, state=state, reason=reason) for one in fetched)
            whole = replace(batch, deliveries=(*batch.deliveries, *answers))
            return sealed(settle(with_deliveries_noted(whole, cause, about), state, reason), cause)

        return await self._recorder.record(work, cause=cause, addition=addition)

    async def _look_up(
        self, provider: Provider, needs: Sequence[Need]
    ) -> tuple[tuple[Fact, ...], tuple[CustomerClaim, ...], list[Delivery]]:
        facts: list[Fact] = []
        claims: list[CustomerClaim] = []
        answers: list[Delivery] = []
        for need in needs:
            fetched = await provider.fetch(need.kind, need.id)
            meaning = provider.normalise(provider.parse_fetched(fetched))
            facts += meaning.facts
            claims += meaning.claims
            answers.append(self.answer(provider, fetched))
        return tuple(facts), tuple(claims), answers

    def answer(self, provider: Provider, fetched: Fetched) -> Delivery:
        """The provider's answer as an inbox row that is done: replay finds it there."""
        connection = provider.connection.name
        key = object_key(fetched.kind, connection, fetched.id)
        identifier = self._ids.new("delivery")
        return Delivery(
            id=identifier,
            connection=connection,
            event_id=f"{FETCH}:{identifier}",
            event_type=f"fetched.{fetched.kind}",
            object=key,
            occurred_at=fetched.order,
            received_at=self._clock.now(),
            headers=(),
            body=fetched.body,
            source=FETCH,
            state=DONE,
        )


def reason_of(error: Exception) -> str:
    """Why, without a word of the payload: our own errors name ids only, others just their type.

    An id may hold anything, and so may what an adapter says: whatever it is, it can be stored.
    """
    reason = f"{error.code}: {error.message}" if isinstance(error, PurchaseError) else type(error).__name__
    plain = reason[:REASON_CHARACTERS_MAX].encode(errors="backslashreplace").decode()
    return plain.replace("\x00", "\\x00")


def _ended(batch: Batch) -> Processed:
    facts = tuple(one.fact.key for one in batch.facts)
    return Processed(DONE, facts=facts) if facts else Processed(IGNORED, FOREIGN)


def _must_be_later(event: Event, found: Sequence[Fact]) -> None:
    """An answer as of the very instant that is contested settles nothing: clocks of machines differ."""
    if all(fact.order <= event.occurred_at for fact in found if fact.object == event.object):
        raise ProviderUnavailable(f"{event.object} was looked up while the instant in question went on")


def _meaning(provider: Provider, event: Event) -> Normalised:
    if event.type == LOOKUP:
        kind, _, identifier = event.object.split(":", 2)
        return Normalised(needs=(Need(kind, identifier, "two states claim one instant"),))
    return provider.normalise(event)
