"""Customers: what the application says of them, two who are one, and one who is to be forgotten.

What identifies a person lies beside the ledger: details in a row of their own, and the bodies of events.
Erasing empties those, and marks the customer's lane, so that bodies that come later are not kept either.
Facts, rows and their hash hold ids and amounts only, and stay as they are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

import attrs
import msgspec
from msgspec.structs import replace

from purchase_core.access.policy import AccessPolicy
from purchase_core.catalog.catalog import Catalog
from purchase_core.errors import InvalidArgument, LaneConflict, LeaseLost, NotFound, WrongState
from purchase_core.identifiers import IdSource, customer_id
from purchase_core.instants import Clock
from purchase_core.ports.batch import Batch
from purchase_core.ports.paging import every_delivery
from purchase_core.ports.store import Store
from purchase_core.projection.forgetting import deliveries_noted
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.owner import lane_of, owning_lane
from purchase_core.projection.recorder import CONFLICT_RETRIES_MAX, Recorder
from purchase_core.projection.work import Work
from purchase_core.reads.customers import Customers
from purchase_core.reads.facts import recorded_facts
from purchase_core.records.command import CONFIRMED, Command, Stage
from purchase_core.records.delivery import PENDING, QUARANTINED, Delivery, Settlement
from purchase_core.records.details import Details
from purchase_core.records.lane import Lane, customer_lane, customer_of
from purchase_core.text import identifier, storable

FIELDS_MAX = 50
NAME_CHARACTERS_MAX = 50
VALUE_CHARACTERS_MAX = 1_000
REDACTED_AT_ONCE_MAX = 100
DELIVERIES_PER_WORD = 1_000  # how often progress is told
MERGE = "customer.merge"

T = TypeVar("T")

Tell = Callable[[int, int], None]
"""Is told now and then of how many events were looked through, and how many were emptied."""


@attrs.frozen
class Erased:
    """What was emptied: events, and whether there were details.

    `waiting` counts events that still wait; they are emptied when they are worked off.
    """

    customer: str
    events: int
    waiting: int
    details: bool


class ManagedCustomers(Customers):
    """What an application asks about its customers, and what it does about who they are."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        offers: OfferShelf,
        catalog: Catalog,
        policy: AccessPolicy,
        clock: Clock,
        ids: IdSource,
        *,
        max_stale_seconds: float,
    ) -> None:
        super().__init__(store, recorder, offers, catalog, policy, clock, max_stale_seconds=max_stale_seconds)
        self._ids = ids

    # --- details -----------------------------------------------------------------------------

    async def upsert(self, customer: str, **details: str) -> None:
        """Keep what the application says of a customer: an e-mail address, a name, in place of what it said.

        Of who was merged, it is kept under whom they were merged into. Raises InvalidArgument, or WrongState
        for a customer who was erased.
        """
        body = msgspec.json.encode(_checked(details), order="sorted")
        await self._until_settled(customer, lambda: self._keep(customer, body))

    async def _keep(self, customer: str, body: bytes) -> None:
        lane = await owning_lane(self._store, customer)
        if lane.erased:
            raise WrongState(
                f"customer {customer!r} was erased", hint="A person who comes back is a new one."
            )
        row = Details(customer_of(lane.lane), body, self._clock.now())

        def addition(batch: Batch) -> Batch:
            if any(step.erased for step in batch.lanes):
                raise WrongState(f"customer {customer!r} was erased meanwhile")
            return replace(batch, details=(row,))

        await self._of_one_person(lane, addition, cause="upsert")

    async def details(self, customer: str) -> Mapping[str, str]:
        """What is kept of a person, by name."""
        found = await self._store.details(customer_of(await lane_of(self._store, customer)))
        return msgspec.json.decode(found.body, type=dict[str, str]) if found else {}

    # --- two who are one ---------------------------------------------------------------------

    async def merge(self, customer: str, *, into: str, reason: str, by: str) -> None:
        """From now on, all that one customer has is another's. It cannot be undone.

        Facts and journals stay where they are; credits, debts, reservations and what was used of quotas are
        the other's. What is bought under the old id later is theirs too. Details of the first are dropped.
        Raises InvalidArgument, NotFound (nothing is known of them), or WrongState (either was merged or
        erased).
        """
        identifier("by", by)
        storable("reason", reason, characters_max=VALUE_CHARACTERS_MAX)
        if customer_id(customer) == customer_id(into):
            raise InvalidArgument("a customer cannot be merged into themselves")
        said = {"by": by, "reason": reason}
        await self._until_settled(customer, lambda: self._merge(customer, into, said))

    async def _merge(self, customer: str, into: str, said: Mapping[str, str]) -> None:
        mine, theirs = [await self._store.lane(customer_lane(one)) for one in (customer, into)]
        if mine.linked_to == theirs.lane:
            return
        _must_be_plain(mine, theirs)
        references = await self._store.references_of(mine.lane, "customer")
        now = self._clock.now()
        receipt = self._ids.new("receipt")
        command = Command(
            key=f"{MERGE}:{receipt}",
            id=receipt,
            kind=MERGE,
            lane=theirs.lane,
            fingerprint=f"{customer} into {into}",
            state=CONFIRMED,
            connection="",
            reference=f"customer:own:{customer}",
            created_at=now,
            updated_at=now,
            stages=(Stage("merged", now, f"{customer} into {into}"),),
            request=msgspec.json.encode(said),
        )

        def addition(batch: Batch) -> Batch:
            # What was looked at must still be so: either may have been erased since, or merged.
            steps = {step.lane: step for step in batch.lanes}
            moved = steps.get(mine.lane)  # none, if it has found its owner since
            if moved is None or moved.expected_version != mine.version:
                raise LaneConflict(f"lane {mine.lane!r} moved on since it was looked at")
            if steps[theirs.lane].linked_to or steps[theirs.lane].erased:
                raise LaneConflict(f"lane {theirs.lane!r} is another's since it was looked at, or erased")
            return replace(batch, command=command, dropped_details=(customer,))

        work = Work(
            merged=mine.lane, into=theirs.lane, references=tuple(sorted(one.object for one in references))
        )
        await self._recorder.record(work, cause=receipt, addition=addition)

    # --- one who is forgotten ----------------------------------------------------------------

    async def erase(self, customer: str, *, tell: Tell = lambda _looked, _emptied: None) -> Erased:
        """Forget who a customer is: details, and the bodies of every event about them, now and later.

        The ledger stays, under the application's id. Looks through all events that were ever kept, so it
        takes its time; done again, it goes on. Who was merged is whom they were merged into. Copies elsewhere
        (backups, logs, the provider) are not ours to erase. Raises NotFound where nothing is known of the
        customer.
        """
        lane, had_details = await self._until_settled(customer, lambda: self._forget(customer))
        emptied = looked = waiting = 0
        found: list[str] = []
        async for one, theirs in self._deliveries_of(lane.lane):
            looked += 1
            if theirs and one.state in (PENDING, QUARANTINED):
                await self._try_again(one)
                waiting += 1
            elif theirs:
                found.append(one.id)
            if len(found) == REDACTED_AT_ONCE_MAX:
                emptied += await self._redact(found)
                found = []
            if looked % DELIVERIES_PER_WORD == 0:
                tell(looked, emptied)
        emptied += await self._redact(found)
        tell(looked, emptied)
        return Erased(customer_of(lane.lane), emptied, waiting, had_details)

    async def _forget(self, customer: str) -> tuple[Lane, bool]:
        """Mark a customer's lane for ever, and drop the details; the lane, and whether there were any."""
        lane = await owning_lane(self._store, customer)
        customer = customer_of(lane.lane)
        known = await self._store.details(customer)
        if not lane.version and known is None:
            raise NotFound(f"nothing is known of customer {customer!r}")

        def addition(batch: Batch) -> Batch:
            steps = [replace(one, erased=one.erased or one.lane == lane.lane) for one in batch.lanes]
            return replace(batch, lanes=tuple(steps), dropped_details=(customer,))

        await self._of_one_person(lane, addition, cause="erase")
        return lane, known is not None

    async def _try_again(self, delivery: Delivery) -> None:
        """What waits is needed whole, and emptied when it is worked off: so nothing may wait for a person."""
        if delivery.state != QUARANTINED:
            return
        now = self._clock.now()
        again = Settlement(delivery.id, delivery.fence, PENDING, "", 0, now, delivery.code)
        with suppress(LeaseLost):  # somebody else was faster
            await self._store.commit(Batch(self._ids.new("batch"), now, settlements=(again,)))

    async def _redact(self, identifiers: Sequence[str]) -> int:
        if identifiers:
            batch = Batch(self._ids.new("batch"), self._clock.now(), redacted=tuple(identifiers))
            await self._store.commit(batch)
        return len(identifiers)

    async def _deliveries_of(self, lane: str) -> AsyncIterator[tuple[Delivery, bool]]:
        """Every delivery, and whether it is about the customer of a lane."""
        objects = {one.object for one in await self._store.references_of(lane, "customer")}
        known = await deliveries_noted(self._store, (lane, *await self._store.linked_lanes(lane)))
        async for recorded in recorded_facts(self._store, lane):
            objects.add(recorded.fact.object)
            known.add(recorded.cause)
        async for one in every_delivery(self._store):
            yield one, one.id in known or one.object in objects

    # --- behind them -------------------------------------------------------------------------

    async def _until_settled(self, customer: str, act: Callable[[], Awaitable[T]]) -> T:
        """Do something about a customer; anew, where what it was decided on has changed meanwhile."""
        for _ in range(CONFLICT_RETRIES_MAX):
            with suppress(LaneConflict):
                return await act()
        raise LaneConflict(f"customer {customer!r} kept changing for {CONFLICT_RETRIES_MAX} tries")

    async def _of_one_person(self, lane: Lane, addition: Callable[[Batch], Batch], *, cause: str) -> None:
        """Step a customer's lane with this. Raises LaneConflict if they have been merged since.

        It is stepped, so that nothing can come between the look at it and this: no erasure, and no merging.
        """

        def guarded(batch: Batch) -> Batch:
            if any(step.linked_to for step in batch.lanes):
                raise LaneConflict(f"lane {lane.lane!r} is another's since it was looked at")
            return addition(batch)

        await self._recorder.record(Work(lanes=(lane.lane,)), cause=cause, addition=guarded)


def _checked(details: Mapping[str, str]) -> dict[str, str]:
    if len(details) > FIELDS_MAX:
        raise InvalidArgument(f"at most {FIELDS_MAX} details are kept of a customer")
    for name, value in details.items():
        identifier("name", name, characters_max=NAME_CHARACTERS_MAX)
        storable(name, value, characters_max=VALUE_CHARACTERS_MAX)
    return dict(details)


def _must_be_plain(mine: Lane, theirs: Lane) -> None:
    if not mine.version:
        raise NotFound(f"nothing is known of customer {customer_of(mine.lane)!r}")
    for one in (mine, theirs):
        if one.linked_to:
            raise WrongState(f"customer {customer_of(one.lane)!r} is {customer_of(one.linked_to)!r} already")
        if one.erased:
            raise WrongState(f"customer {customer_of(one.lane)!r} was erased")
