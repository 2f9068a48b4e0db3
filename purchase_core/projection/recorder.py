"""The recorder: reads what some facts concern, works out the change, and commits it under lane guards."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from purchase_core.errors import LaneConflict
from purchase_core.facts.fact import Fact
from purchase_core.facts.rows import CaseRow
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock
from purchase_core.ports.provider import CustomerClaim, Need
from purchase_core.ports.store import Batch, Store, View
from purchase_core.projection.change import Change
from purchase_core.projection.locks import LaneLocks
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.placing import is_ours, question, unknown_invoice
from purchase_core.records.lane import customer_of
from purchase_core.records.reference import Reference

CONFLICT_RETRIES_MAX = 25

Addition = Callable[[Batch], Batch]


@attrs.frozen
class Recorded:
    """What became of some facts. With `needs`, nothing was written; `foreign` counts those left out."""

    batch: Batch | None = None
    needs: tuple[Need, ...] = ()
    foreign: int = 0

    @property
    def contested(self) -> tuple[str, ...]:
        """Objects of which two states now claim one instant."""
        rows = self.batch.rows if self.batch else ()
        return tuple(row.about for row in rows if isinstance(row, CaseRow) and row.kind == "contested")


@attrs.frozen
class Work:
    """Facts to record, with the claims that came with them.

    `lanes` are stepped even if no fact belongs to them; `links` tie lanes that nobody owns to their owner.
    """

    facts: tuple[Fact, ...] = ()
    claims: tuple[CustomerClaim, ...] = ()
    lanes: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


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
                return attrs.evolve(outcome, batch=batch)
        message = f"a lane kept moving for {CONFLICT_RETRIES_MAX} tries: {', '.join(view.lanes)}"
        raise LaneConflict(message)

    async def link(self, reference: Reference, *, cause: str) -> Recorded:
        """Tie a provider's customer to a lane of ours, and with it what waited for an owner."""
        _, connection, customer = reference.object.split(":", 2)
        waiting = await self._store.waiting_lanes(connection, customer)
        work = Work(lanes=(reference.lane,), links=tuple((lane, reference.lane) for lane in waiting))

        def addition(batch: Batch) -> Batch:
            return attrs.evolve(batch, references=(*batch.references, reference))

        return await self.record(work, cause=cause, addition=addition)

    async def _view(self, work: Work) -> View:
        asked = question(work.facts, work.claims, (*work.lanes, *(lane for lane, _ in work.links)))
        view = await self._store.look(asked)
        unowned = [one.lane for one in view.lanes.values() if not customer_of(one.lane) and not one.linked_to]
        if unowned:
            # A lane that nobody owns yet may be about to find its owner: then all of it moves.
            view = await self._store.look(attrs.evolve(asked, whole_lanes=tuple(unowned)))
        return view

    async def _decide(self, work: Work, view: View, batch_id: str, cause: str) -> Recorded:
        change = Change(view, work.claims, now=self._clock.now(), cause=cause)
        foreign = 0
        for lane in work.lanes:
            change.step(lane)
        for lane, owner in work.links:
            change.link(lane, owner)
        for fact in work.facts:
            invoice = unknown_invoice(fact, view, change.placed)
            if invoice:
                why = f"{fact.kind} of an invoice that was not seen yet"
                return Recorded(needs=(Need("invoice", invoice, why),))
            if is_ours(fact, view, work.claims, change.placed):
                change.apply(fact)
            else:
                foreign += 1
        offers = await self._offers.learn(change.versions())
        return Recorded(change.parts(batch_id, offers), foreign=foreign)
