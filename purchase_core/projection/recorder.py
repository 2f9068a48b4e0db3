"""The recorder: reads what some facts concern, works out the change, and commits it under lane guards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from purchase_core.errors import KeyConflict, LaneConflict, PurchaseError, StoreError
from purchase_core.facts.fact import Fact, names
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock
from purchase_core.ledger.decision import Decision
from purchase_core.ledger.restoring import head_of
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import CustomerClaim, Need
from purchase_core.ports.store import Question, Store, View
from purchase_core.projection.change import Change
from purchase_core.projection.coalescing import Addition, Request, Waiting, advanced
from purchase_core.projection.contested import with_look_ups
from purchase_core.projection.derived import DerivedRows
from purchase_core.projection.forgetting import found_too_late, without_bodies_behind
from purchase_core.projection.locks import LaneLocks
from purchase_core.projection.naming import name_lots
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.placing import WAITING, is_ours, may_move, question, unknown_invoice, widened
from purchase_core.projection.tables import journal_of
from purchase_core.projection.work import Recorded, Work
from purchase_core.records.lane import customer_of, object_lane
from purchase_core.records.ledger_rows import DrawnRow
from purchase_core.records.reference import Reference

CONFLICT_RETRIES_MAX = 25


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
        self._waiting_works = Waiting()
        self._derived = DerivedRows()

    async def record(self, work: Work, *, cause: str, addition: Addition) -> Recorded:
        """Record the work's facts, and commit what `addition` makes of the batch. Decides again on conflict.

        Raises what `Store.commit` and the work's decision raise; a LaneConflict only after
        CONFLICT_RETRIES_MAX tries.
        """
        request = Request(self._ids.new("batch"), work, cause, addition)
        view = await self._view([work])
        lanes = {*view.lanes, *work.lanes}
        self._waiting_works.add(request, lanes)
        try:
            async with self._locks.hold(lanes) as waited:
                if waited and not (request.done or request.alone):
                    await self._record_together(self._waiting_works.beside(request, lanes))
                if request.refused is not None:
                    raise request.refused
                if request.outcome is None:
                    fresh = await self._view([work]) if waited else view
                    request.outcome = await self._record_alone(request, fresh)
                return request.outcome
        finally:
            self._waiting_works.remove(request, lanes)

    async def _record_alone(self, request: Request, view: View) -> Recorded:
        if request.tried is not None:
            request.batch_id = self._ids.new("batch")  # of two, so that one can be told from the other
        for _ in range(CONFLICT_RETRIES_MAX):
            if written := await self._written_together(request):
                return written
            outcome = await self._decide(request, view)
            if outcome.batch is None:
                return outcome
            try:
                await self._store.commit(outcome.batch)
            except LaneConflict:
                if not await self._store.committed(request.batch_id):
                    view = await self._view([request.work])
                    continue
            except KeyConflict as error:
                await self._find_journals(request, outcome.batch, error)
                view = await self._view([request.work])
                continue
            self._on_commit(outcome.batch)
            return outcome
        message = f"a lane kept moving for {CONFLICT_RETRIES_MAX} tries: {', '.join(view.lanes)}"
        raise LaneConflict(message)

    async def _written_together(self, request: Request) -> Recorded | None:
        """What was committed with others, if it was: whoever was to hear of that was gone, or could not.

        Decided again, it would come to something else, which is not what was written.
        """
        tried = request.tried
        if tried is None or tried.batch is None or not await self._store.committed(tried.batch.id):
            return None
        self._on_commit(tried.batch)
        return tried

    async def _find_journals(self, request: Request, batch: Batch, error: KeyConflict) -> None:
        """Read how far journals have come whose documents were lost. Raises the error if it is another one.

        What happens goes on being recorded then; a rebuild makes the documents anew.
        """
        if error.kind != "movement" or request.heads or await self._store.movement(error.key) is not None:
            raise error
        lanes = {one.lane for one in batch.movements}
        request.heads = {lane: head_of(await journal_of(self._store, lane)) for lane in lanes}

    async def _record_together(self, requests: Sequence[Request]) -> None:
        """Decide all of them, each on what the others lead to, and commit them as one.

        A decision that is not to be taken is refused, and those behind it go on. If anything else is wrong
        with one, each is left to do its own work alone.
        """
        if len(requests) == 1:
            return
        for one in requests:
            one.alone = True
        try:
            outcomes = await self._decide_all(requests)
            for one, outcome in zip(requests, outcomes, strict=True):
                one.tried = outcome if isinstance(outcome, Recorded) else None
            batches = [one.batch for one in outcomes if isinstance(one, Recorded) and one.batch is not None]
            await self._store.commit_all(batches)
        except Exception:  # whosever it is, it is raised again where that one works alone
            return
        for one, outcome in zip(requests, outcomes, strict=True):
            if not isinstance(outcome, Recorded):
                one.refused = outcome
                continue
            one.outcome = outcome
            if outcome.batch is not None:
                self._on_commit(outcome.batch)

    async def _decide_all(self, requests: Sequence[Request]) -> list[Recorded | PurchaseError]:
        """What becomes of each, if those before it are committed; or why its decision is not to be taken."""
        outcomes: list[Recorded | PurchaseError] = []
        drawn: dict[str, int] = {}
        view = await self._view([one.work for one in requests])
        for one in requests:
            try:
                outcomes.append(outcome := await self._decide(one, view, drawn))
            except StoreError:
                raise
            except PurchaseError as error:
                outcomes.append(error)
                continue
            if outcome.batch is not None:
                view = advanced(view, outcome.batch)
                drawn |= {row.key: row.drawn for row in outcome.batch.ledger if isinstance(row, DrawnRow)}
        return outcomes

    async def consider(self, work: Work, *, cause: str) -> Recorded:
        """What recording this work would come to, as things are now. Writes nothing."""
        request = Request(self._ids.new("batch"), work, cause, lambda batch: batch)
        return await self._decide(request, await self._view([work]))

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

    async def _lane_alone(self, name: str) -> View | None:
        """The answer where nothing but one lane is asked for: the hot read, of whoever spends."""
        lane = await self._store.lane(name)
        if may_move(lane) or lane.linked_to:
            return None
        return View({}, {}, {lane.lane: lane} if lane.version else {}, {})

    async def _view(self, works: Sequence[Work]) -> View:
        asked = _asked(works)
        for one in works:
            if one.merged:
                linked = await self._store.linked_lanes(one.merged)
                asked = replace(
                    asked,
                    objects=(*asked.objects, *one.references),
                    lanes=(*asked.lanes, one.into, *linked),
                    whole_lanes=(*asked.whole_lanes, one.merged),
                )
        if len(asked.lanes) == 1 and not (asked.objects or asked.prices or asked.whole_lanes):
            alone = await self._lane_alone(asked.lanes[0])
            if alone is not None:
                return alone
        while True:
            view = await self._store.look(asked)
            wider = widened(asked, view)
            if wider is asked:
                return view
            asked = wider

    async def _decide(self, request: Request, view: View, drawn: Mapping[str, int] | None = None) -> Recorded:
        """What is to be committed. `drawn`: what decisions that are not committed yet have taken of lots."""
        work = request.work
        change = Change(view, work.claims, self._derived, now=self._clock.now(), cause=request.cause)
        change.heads = request.heads
        for lane in work.lanes:
            change.step(lane)
        if work.owner and change.own(work.owner):
            for lane in map(change.places.owner, work.waiting):
                if not customer_of(lane):
                    change.link(lane, change.places.owner(work.owner.lane))
        if work.claimed and not customer_of(change.places.owner(work.claimed)):
            claimer = change.places.owner(work.claimer)  # or whom they were merged into
            change.step(claimer)
            change.link(change.places.owner(work.claimed), claimer)
        if work.merged:
            change.merge(work.merged, work.into, work.references)
        left = _apply_ours(change, work)
        carried = {fact.object for fact in work.facts}
        for fact in left:
            invoice = unknown_invoice(fact, change.places)
            if invoice and carried.isdisjoint(names(fact)):
                why = f"{fact.kind} of an invoice that was not seen yet"
                return Recorded(needs=(Need("invoice", invoice, why),))
        change.derive(await self._offers.learn(change.versions()))
        unknown = change.lots_unknown()
        change.exchange(({**await self._store.drawn(unknown)} if unknown else {}) | dict(drawn or {}))
        if work.decision is not None:
            await self._take(change, work.decision, together=drawn is not None)
        batch = with_look_ups(change.parts(request.batch_id), self._ids)
        batch = await self._emptied(batch, view, together=drawn is not None)
        return Recorded(request.addition(batch), foreign=len(left))

    async def _emptied(self, batch: Batch, view: View, *, together: bool) -> Batch:
        """The batch, with the bodies emptied of what turns out to be an erased customer's."""
        late = found_too_late(batch, view)
        if late and together:  # what others of the group have noted cannot be read yet
            raise LaneConflict(f"more must be read of {', '.join(late)}")
        return await without_bodies_behind(self._store, batch, late) if late else batch

    async def _take(self, change: Change, decision: Decision, *, together: bool) -> None:
        """Take a decision about credits or quotas, on what there is now."""
        decision = decision.about(change.places.owner(decision.request.lane))
        wanted = decision.request
        change.step(wanted.lane)
        live = change.live(wanted.lane)
        if lacking := decision.lacks(live, change.now):
            if together:  # the lots of others of the group cannot be read yet
                raise LaneConflict("more lots must be read than are named")
            await name_lots(self._store, live, wanted.lane, wanted.unit, lacking)
        change.take(decision, await self._offers.learn(decision.versions(live)))


def _asked(works: Sequence[Work]) -> Question:
    """What must be read for these, but for what is linked to lanes that are merged."""
    facts: list[Fact] = []
    claims: list[CustomerClaim] = []
    lanes: list[str] = []
    for one in works:
        facts += one.facts
        claims += one.claims
        lanes += (*one.lanes, *one.waiting)
        lanes += [lane for lane in (one.claimed, one.claimer) if lane]
    owners = [one.owner for one in works if one.owner]
    for owner in owners:
        lanes += (owner.lane, object_lane(owner.object))
    asked = question(facts, claims, lanes)
    return replace(asked, objects=(*asked.objects, *(one.object for one in owners))) if owners else asked


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
