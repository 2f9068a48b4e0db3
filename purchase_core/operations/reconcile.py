"""Reconcile: what the provider says when it is asked, held against what is known here.

Four passes, each a run of its own. `events` lists what happened and takes what never arrived, like a webhook.
`objects` lists what there is; where an object is not known, or was seen in another state last, the answer is
recorded as one more observation. No row is ever set: what was seen is folded like all else, so a difference
goes when the next event would have made it go. `customers` and `held` look for links that were lost, and for
what the provider has lost (`operations/held.py`). Without `repair`, all only say what they would do.

A pass goes on page by page from where it stopped, as many pages at once as it is allowed. The next pass over
events begins a page before the end of the last one: what happens at the same time is told in any order.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from msgspec.structs import replace

from purchase_core.errors import (
    AuthenticationFailed,
    CapabilityMissing,
    DeliveryRefused,
    MalformedBody,
    NotFound,
    ProviderRefused,
    StoreError,
    UnknownConnection,
    WrongState,
)
from purchase_core.facts.fact import Fact
from purchase_core.facts.register import Register, observe
from purchase_core.identifiers import IdSource
from purchase_core.inbox.inbox import Inbox
from purchase_core.inbox.processing import Processor, reason_of
from purchase_core.instants import Clock
from purchase_core.operations.held import ASKING, Held
from purchase_core.operations.passes import (
    CUSTOMERS,
    DIFFERS,
    EVENTS,
    FAILED,
    FOREIGN,
    IGNORED,
    MISSED,
    MISSING,
    OBJECTS,
    PASSES,
    SAME,
    Found,
    Place,
    counted,
    encoded,
    ended,
    moved,
    place_of,
)
from purchase_core.ports.batch import Batch
from purchase_core.ports.paging import every_run
from purchase_core.ports.provider import Capability, Event, Fetched, Normalised, Provider
from purchase_core.ports.store import Question, Store
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.records.run import FINISHED, RUNNING, Run
from purchase_core.workflows.links import Links

PAGES_MAX = 1_000  # of one pass at once; the next goes on


class Reconcile:
    """Reads the provider's truth."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        processor: Processor,
        inbox: Inbox,
        connections: Mapping[str, Provider],
        clock: Clock,
        ids: IdSource,
        *,
        code: str,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._processor = processor
        self._inbox = inbox
        self._connections = connections
        self._clock = clock
        self._ids = ids
        self._code = code
        self._held = Held(store, recorder, Links(store, clock, ids), clock)

    def passes(self, connection: str) -> tuple[str, ...]:
        """The passes that this provider allows. Raises UnknownConnection."""
        provider = self._provider(connection)
        listed = {EVENTS: Capability.LIST_EVENTS}
        return tuple(
            one for one in PASSES if listed.get(one, Capability.LIST_OBJECTS) in provider.capabilities
        )

    async def start(self, connection: str, kind: str, *, repair: bool, note: str = "") -> Run:
        """A pass that has not begun; over events, from where the last one that repaired ended.

        Raises UnknownConnection, and CapabilityMissing where the provider lists no such thing.
        """
        if kind not in self.passes(connection):
            provider = self._provider(connection)
            raise CapabilityMissing(f"{provider.plugin} (connection {connection!r}) allows no {kind}")
        now = self._clock.now()
        last = await self.last(connection, kind, repair=True) if kind == EVENTS else None
        begin = Place(repair, cursor=place_of(last).before if last is not None else "")
        cursor = encoded(begin)
        return Run(self._ids.new("run"), kind, connection, RUNNING, self._code, now, now, cursor, note=note)

    async def last(self, connection: str, kind: str, *, repair: bool) -> Run | None:
        """The newest pass of this kind that came to its end, of those that repair or of all."""
        async for run in self._runs(connection, kind):
            if run.state == FINISHED and (place_of(run).repair or not repair):
                return run
        return None

    async def open(self, connection: str, kind: str) -> Run | None:
        """The newest pass of this kind, if it has not come to its end and repairs."""
        async for run in self._runs(connection, kind):
            return run if run.state == RUNNING and place_of(run).repair else None
        return None

    async def resumed(self, run_id: str) -> Run:
        """A pass that was cut off. Raises NotFound, and WrongState where it is no such thing."""
        found = await self._store.run(run_id)
        if found is None:
            raise NotFound(f"no run {run_id!r}", hint="`purchase runs list` shows what there is.")
        if found.kind not in PASSES or found.state != RUNNING:
            raise WrongState(f"run {run_id!r} is a {found.kind} that is {found.state}")
        return found

    async def run(self, run: Run, *, pages_max: int = PAGES_MAX) -> AsyncIterator[tuple[Run, list[Found]]]:
        """Go on with a pass for so many pages, or to its end; noted, if it repairs, after each page.

        Raises ProviderError and StoreError. What was done before stays done.
        """
        for _ in range(pages_max):
            if run.state == FINISHED:
                return
            run, found = await self._page(run)
            run = replace(run, updated_at=self._clock.now())
            if place_of(run).repair:
                await self._store.commit(Batch(self._ids.new("batch"), run.updated_at, runs=(run,)))
            yield run, found

    async def _page(self, run: Run) -> tuple[Run, list[Found]]:
        """The next page; or the place where all that is listed is looked through anew.

        What a cursor names is deleted or forgotten some day, and a pass may have been cut off for long. If it
        is refused again before it is further, something else is wrong.
        """
        place = place_of(run)
        try:
            run, found = await self._read(run)
        except AuthenticationFailed:
            raise
        except ProviderRefused:
            if not place.cursor or place.kind == ASKING or place.anew:
                raise
            return moved(run, replace(place, cursor="", before="", anew=True)), []
        further = place_of(run)
        return moved(run, replace(further, anew=further.anew and not place.cursor)), found

    async def _read(self, run: Run) -> tuple[Run, list[Found]]:
        if run.kind == EVENTS:
            return await self._page_of_events(run)
        if run.kind == OBJECTS:
            return await self._page_of_objects(run)
        provider = self._provider(run.scope)
        page = self._held.customers if run.kind == CUSTOMERS else self._held.subscriptions
        return await page(provider, run)

    async def _runs(self, connection: str, kind: str) -> AsyncIterator[Run]:
        async for run in every_run(self._store, kind):
            if run.scope == connection:
                yield run

    def _provider(self, connection: str) -> Provider:
        provider = self._connections.get(connection)
        if provider is None:
            there = ", ".join(self._connections)
            raise UnknownConnection(f"no connection {connection!r} is configured", hint=f"There are {there}.")
        return provider

    # --- events ------------------------------------------------------------------------------

    async def _page_of_events(self, run: Run) -> tuple[Run, list[Found]]:
        provider, place = self._provider(run.scope), place_of(run)
        page = await provider.events(cursor=place.cursor)
        found, counts = await self._missed(provider, page.bodies, repair=place.repair)
        run = counted(run, counts)
        if page.cursor:
            return moved(run, replace(place, cursor=page.cursor, before=place.cursor)), found
        return ended(run, replace(place, before=place.before or place.cursor)), found

    async def _missed(
        self, provider: Provider, bodies: Sequence[bytes], *, repair: bool
    ) -> tuple[list[Found], dict[str, int]]:
        connection = provider.connection.name
        found: list[Found] = []
        read = []
        for body in bodies:
            try:
                read.append((provider.parse(body), body))
            except MalformedBody as error:
                found.append(Found(FAILED, "", "", error.message))
        known = await self._store.known_events(connection, [event.id for event, _ in read])
        counts = {SAME: len(known), FOREIGN: 0, IGNORED: 0, FAILED: len(found)}
        for event, body in read:
            if event.id in known:
                continue
            why_not = await self._means_nothing(provider, event)
            if why_not:
                counts[why_not] += 1
                continue
            reason = ""
            if repair:
                try:
                    taken = await self._inbox.take_listed(connection, body)
                    reason = f"{taken.status} {taken.reason}".strip()
                except DeliveryRefused as error:
                    found.append(Found(FAILED, event.type, event.id, error.message))
                    counts[FAILED] += 1
                    continue
            found.append(Found(MISSED, event.type, event.id, reason))
        counts[MISSED] = sum(one.what == MISSED for one in found)
        return found, counts

    # --- objects -----------------------------------------------------------------------------

    async def _page_of_objects(self, run: Run) -> tuple[Run, list[Found]]:
        provider, place = self._provider(run.scope), place_of(run)
        kinds = provider.listed_kinds
        kind = place.kind or kinds[0]
        page = await provider.objects(kind, cursor=place.cursor)
        found, counts = await self._differing(provider, page.objects, repair=place.repair)
        run = counted(run, counts)
        if page.cursor:
            return moved(run, replace(place, kind=kind, cursor=page.cursor)), found
        left = kinds[kinds.index(kind) + 1 :]
        if left:
            return moved(run, replace(place, kind=left[0], cursor="")), found
        return ended(run, Place(place.repair)), found

    async def _differing(
        self, provider: Provider, objects: Sequence[Fetched], *, repair: bool
    ) -> tuple[list[Found], dict[str, int]]:
        counts = {SAME: 0, FOREIGN: 0}
        found: list[Found] = []
        told: list[tuple[Fetched, Normalised]] = []
        for fetched in objects:
            try:
                told.append((fetched, provider.normalise(provider.parse_fetched(fetched))))
            except Exception as error:  # one object that cannot be read must not keep the others
                found.append(Found(FAILED, fetched.kind, fetched.id, reason_of(error)))
        known = await self._known([fact for _, meaning in told for fact in meaning.facts])
        for fetched, meaning in told:
            what, fresh = _judged(meaning, known)
            if what != SAME and await self._is_foreign(provider, meaning):
                what = FOREIGN
            if what in counts:
                counts[what] += 1
                continue
            found.append(await self._told(provider, fetched, meaning, what, fresh, repair=repair))
        for one in found:
            counts[one.what] = counts.get(one.what, 0) + 1
        return found, counts

    async def _known(self, facts: Sequence[Fact]) -> Mapping[str, Register]:
        """What is known of each of these objects."""
        if not facts:
            return {}
        view = await self._store.look(Question(objects=tuple({fact.object for fact in facts})))
        return {key: one for cluster in view.clusters.values() for key, one in cluster.registers.items()}

    async def _means_nothing(self, provider: Provider, event: Event) -> str:
        """Whether an event is foreign or ignored: who lists them all is told of what no endpoint asks for."""
        try:
            meaning = provider.normalise(event)
        except Exception:  # it is taken as a webhook would be, and quarantined
            return ""
        if meaning.ignored:
            return IGNORED
        return FOREIGN if await self._is_foreign(provider, meaning) else ""

    async def _is_foreign(self, provider: Provider, meaning: Normalised) -> bool:
        if meaning.needs:
            return False
        work = Work(meaning.facts, meaning.claims)
        considered = await self._recorder.consider(work, cause="")
        return considered.batch is not None and not considered.batch.facts

    async def _told(
        self,
        provider: Provider,
        fetched: Fetched,
        meaning: Normalised,
        what: str,
        fresh: Sequence[Fact],
        *,
        repair: bool,
    ) -> Found:
        about = fresh[0].object if fresh else f"{fetched.kind}:{provider.connection.name}:{fetched.id}"
        considered = await self._recorder.consider(Work(meaning.facts, meaning.claims), cause="")
        rows: tuple[str, ...] = ()
        if considered.batch is not None:
            rows = tuple(f"{row.TABLE} {row.key}" for row in considered.batch.rows)
        if repair:
            try:
                await self._observe(provider, fetched)
            except StoreError:
                raise
            except Exception as error:
                return Found(FAILED, fetched.kind, about, reason_of(error))
        return Found(what, fetched.kind, about, "", rows)

    async def _observe(self, provider: Provider, fetched: Fetched) -> None:
        """Record what was listed, with the answer as an inbox row that is done: replay finds it there."""
        row = self._processor.answer(provider, fetched)

        def settle(batch: Batch, state: str, reason: str) -> Batch:
            return replace(
                batch, deliveries=(*batch.deliveries, replace(row, state=state, reason=reason, attempts=1))
            )

        event = provider.parse_fetched(fetched)
        await self._processor.process(provider, event, row.id, settle, may_fetch=True)


def _judged(meaning: Normalised, known: Mapping[str, Register]) -> tuple[str, list[Fact]]:
    """Whether all of it is known, and the facts that are not."""
    fresh = [fact for fact in meaning.facts if _says_more(fact, known.get(fact.object))]
    if meaning.ignored or not (fresh or meaning.needs):
        return SAME, []
    return (DIFFERS if any(fact.object in known for fact in fresh) else MISSING), fresh


def _says_more(fact: Fact, known: Register | None) -> bool:
    """Whether this observation would change what is known: it may be older than what was told since."""
    if known is None:
        return True
    after = observe(known, fact)
    return (after.newest.digest, after.rivals) != (known.newest.digest, known.rivals)
