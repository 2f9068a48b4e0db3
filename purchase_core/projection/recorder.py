"""The recorder: reads what some facts concern, works out the change, and commits it under lane guards."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from purchase_core.errors import LaneConflict
from purchase_core.facts.fact import Fact, names
from purchase_core.facts.rows import CaseRow
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock
from purchase_core.ports.provider import CustomerClaim, Need
from purchase_core.ports.store import Batch, Store, View
from purchase_core.projection.change import Change
from purchase_core.projection.derived import DerivedRows
from purchase_core.projection.locks import LaneLocks
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.placing import WAITING, is_ours, question, unknown_invoice, widened
from purchase_core.records.lane import customer_of, object_lane
from purchase_core.records.reference import Reference
from purchase_core.values import Value

CONFLICT_RETRIES_MAX = 25

Addition = Callable[[Batch], Batch]


class Recorded(Value, frozen=True):
    """What became of some facts. With `needs`, nothing was written; `foreign` counts those left out."""

    batch: Batch | None = None
    needs: tuple[Need, ...] = ()
    foreign: int = 0

    @property
    def contested(self) -> tuple[str, ...]:
        """Objects of which two states now claim one instant."""
        rows = self.batch.rows if self.batch else ()
        return tuple(row.about for row in rows if isinstance(row, CaseRow) and row.kind == "contested")


class Work(Value, frozen=True):
    """Facts to record, with the claims that came with them.

    `lanes` are stepped even if no fact belongs to them. `owner` ties a provider's customer to a lane of ours,
    and with it the lanes `waiting`, which nobody owns yet. `claimed`, a guest's lane, is tied to `claimer`.
    """

    facts: tuple[Fact, ...] = ()
    claims: tuple[CustomerClaim, ...] = ()
    lanes: tuple[str, ...] = ()
    owner: Reference | None = None
    waiting: tuple[str, ...] = ()
    claimed: str = ""
    claimer: str = ""


class Recorder:
    """Commits facts together with what else belongs in the same batch."""

    def __init__(
        self,
        store: Store,
        offers: OfferShelf,
        clock: Clock,
        ids: IdSource,
        on_commit: Callable[[Batch], None],
    ) -> None:
        self._store = store
        self._offers = offers
        self._clock = clock
        self._ids = ids
        self._on_commit = on_commit
        self._locks = LaneLocks()
        self._derived = DerivedRows()

    async def record(self, work: Work, *, cause: str, addition: Addition) -> Recorded:
        """Record the work's facts, and commit what `addition` makes of the batch. Decides again on conflict.

        Raises what `Store.commit` raises; a LaneConflict only after CONFLICT_RETRIES_MAX tries.
        """
        batch_id = self._ids.new("batch")
        view = await self._view(work)
        async with self._locks.hold(view.lanes) as waited:
            if waited:
                view = await self._view(work)
            for _ in range(CONFLICT_RETRIES_MAX):
                outcome = await self._decide(work, view, batch_id, cause)
                if outcome.batch is None:
                    return outcome
                batch = addition(outcome.batch)
                try:
                    await self._store.commit(batch)
                except LaneConflict:
                    if not await self._store.committed(batch_id):
                        view = await self._view(work)
                        continue
                self._on_commit(batch)
                return replace(outcome, batch=batch)
        message = f"a lane kept moving for {CONFLICT_RETRIES_MAX} tries: {', '.join(view.lanes)}"
        raise LaneConflict(message)

    async def consider(self, work: Work, *, cause: str) -> Recorded:
        """What recording this work would come to, as things are now. Writes nothing."""
        return await self._decide(work, await self._view(work), self._ids.new("batch"), cause)

    async def link(self, reference: Reference, *, cause: str) -> Recorded:
        """Tie a provider's customer to a lane of ours, and with it what waited for an owner.

        A provider's customer that is linked to another customer of ours is *shared* from now on: new
        objects of it wait for a reference of their own.
        """
        waiting = await self._waiting(reference)
        while True:
            work = Work(owner=reference, waiting=waiting)
            recorded = await self.record(work, cause=cause, addition=lambda batch: batch)
            found = await self._waiting(reference)
            if found == waiting:
                return recorded
            waiting = found  # more came while we linked; whatever comes later sees the link

    async def _waiting(self, customer: Reference) -> tuple[str, ...]:
        """Lanes that were ever placed without an owner and name this customer of the provider."""
        found = await self._store.references_of(object_lane(customer.object), WAITING)
        return tuple(one.object.split(":", 2)[2] for one in found)

    async def _view(self, work: Work) -> View:
        lanes = [*work.lanes, *work.waiting, *filter(None, (work.claimed, work.claimer))]
        if work.owner:
            lanes += [work.owner.lane, object_lane(work.owner.object)]
        asked = question(work.facts, work.claims, lanes)
        if work.owner:
            asked = replace(asked, objects=(*asked.objects, work.owner.object))
        while True:
            view = await self._store.look(asked)
            wider = widened(asked, view)
            if wider == asked:
                return view
            asked = wider

    async def _decide(self, work: Work, view: View, batch_id: str, cause: str) -> Recorded:
        change = Change(view, work.claims, self._derived, now=self._clock.now(), cause=cause)
        for lane in work.lanes:
            change.step(lane)
        if work.owner and change.own(work.owner):
            for lane in map(change.places.owner, work.waiting):
                if not customer_of(lane):
                    change.link(lane, work.owner.lane)
        if work.claimed and not customer_of(change.places.owner(work.claimed)):
            change.step(work.claimer)
            change.link(change.places.owner(work.claimed), work.claimer)
        left = _apply_ours(change, work)
        carried = {fact.object for fact in work.facts}
        for fact in left:
            invoice = unknown_invoice(fact, change.places)
            if invoice and carried.isdisjoint(names(fact)):
                why = f"{fact.kind} of an invoice that was not seen yet"
                return Recorded(needs=(Need("invoice", invoice, why),))
        offers = await self._offers.learn(change.versions())
        return Recorded(change.parts(batch_id, offers), foreign=len(left))


def _apply_ours(change: Change, work: Work) -> list[Fact]:
    """Apply the facts that are ours, and return the others. One may be ours by what another one shows."""
    left = list(work.facts)
    while True:
        foreign = []
        for fact in left:
            if is_ours(fact, change.places, work.claims) and not unknown_invoice(fact, change.places):
                change.apply(fact)
            else:
                foreign.append(fact)
        if len(foreign) in (0, len(left)):
            return foreign
        left = foreign
