"""Replays as runs: of what was kept, of what a provider lists, or of a file; noted, and gone on with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

import attrs
import msgspec
from msgspec.structs import replace

from purchase_core.errors import InvalidArgument, NotFound, UnknownConnection, WrongState
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock, Instant
from purchase_core.operations.replay import Replay, Replayed, Selection
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import Capability, Provider
from purchase_core.ports.store import Store
from purchase_core.records.run import FINISHED, RUNNING, Run
from purchase_core.values import Value

REPLAY = "replay"
KEPT, LISTED, FILE = "kept", "listed", "file"
PORTION = 100  # deliveries, after which it is noted how far a run has come
EVENT_BYTES_MAX = 1_048_576


class Plan(Value, frozen=True):
    """What is read again, and how far that has come. `source`: kept | listed | file.

    `place` is the id of the last delivery, the provider's cursor, or the number of lines of the file.
    `ended`: the provider's list was read to its end, where its cursor is that of the beginning again.
    """

    source: str
    connection: str = ""
    event_type: str = ""
    since: Instant | None = None
    until: Instant | None = None
    customer: str = ""
    place: str = ""
    ended: bool = False

    @property
    def selection(self) -> Selection:
        """The deliveries that are meant."""
        before = self.place if self.source == KEPT else ""
        return Selection(self.connection, self.event_type, self.since, self.until, before, self.customer)


class ReplayRuns:
    """Begins replays, and goes on with them."""

    def __init__(
        self,
        store: Store,
        replay: Replay,
        connections: Mapping[str, Provider],
        clock: Clock,
        ids: IdSource,
        *,
        code: str,
    ) -> None:
        self._store = store
        self._replay = replay
        self._connections = connections
        self._clock = clock
        self._ids = ids
        self._code = code

    def start(self, plan: Plan, *, note: str = "") -> Run:
        """A replay that has not begun.

        Raises UnknownConnection, CapabilityMissing where the provider lists no events, and InvalidArgument
        where events at hand are to be chosen by customer: whose they are is known of what was kept only.
        """
        if plan.source != KEPT:
            provider = self._connections.get(plan.connection)
            if provider is None:
                there = ", ".join(self._connections)
                raise UnknownConnection(
                    f"no connection {plan.connection!r} is configured", hint=f"There are {there}."
                )
            if plan.source == LISTED:
                provider.need(Capability.LIST_EVENTS)
            if plan.customer:
                raise InvalidArgument("a customer's deliveries are known among those that were kept")
        now = self._clock.now()
        encoded = msgspec.json.encode(plan).decode()
        return Run(
            self._ids.new("run"), REPLAY, plan.source, RUNNING, self._code, now, now, encoded, note=note
        )

    async def resumed(self, run_id: str) -> Run:
        """A replay that was cut off. Raises NotFound, and WrongState where it is no such thing."""
        found = await self._store.run(run_id)
        if found is None:
            raise NotFound(f"no run {run_id!r}", hint="`purchase runs list` shows what there is.")
        if found.kind != REPLAY or found.state != RUNNING:
            raise WrongState(f"run {run_id!r} is a {found.kind} that is {found.state}")
        return found

    async def run(
        self, run: Run, *, lines: Iterable[bytes] = (), dry_run: bool = False
    ) -> AsyncIterator[tuple[Run, Sequence[Replayed]]]:
        """Go on with a replay to its end; `lines` are those of the file, from its beginning.

        Raises ProviderError and StoreError. What was done before stays done.
        """
        plan = plan_of(run)
        reading = Reading(plan, dry_run)
        if plan.source == FILE:
            portions = self._file(reading, lines)
        else:
            portions = self._kept(reading) if plan.source == KEPT else self._listed(reading)
        async for plan, done in portions:
            run = replace(
                run,
                updated_at=self._clock.now(),
                cursor=msgspec.json.encode(plan).decode(),
                counts=_counted(run, done),
            )
            await self._note(run, dry_run=dry_run)
            yield run, done
        run = replace(run, state=FINISHED, updated_at=self._clock.now())
        await self._note(run, dry_run=dry_run)
        yield run, ()

    async def _note(self, run: Run, *, dry_run: bool) -> None:
        if not dry_run:
            await self._store.commit(Batch(self._ids.new("batch"), run.updated_at, runs=(run,)))

    async def _kept(self, reading: Reading) -> AsyncIterator[tuple[Plan, Sequence[Replayed]]]:
        plan, done = reading.plan, list[Replayed]()
        async for one in self._replay.all(plan.selection, dry_run=reading.dry_run):
            done.append(one)
            if len(done) == PORTION:
                yield replace(plan, place=one.delivery), done
                done = []
        if done:
            yield replace(plan, place=done[-1].delivery), done

    async def _listed(self, reading: Reading) -> AsyncIterator[tuple[Plan, Sequence[Replayed]]]:
        plan = reading.plan
        provider = self._connections[plan.connection]
        while not plan.ended:
            page = await provider.events(cursor=plan.place)
            done = [await self._event(reading, body) for body in page.bodies]
            plan = replace(plan, place=page.cursor, ended=not page.cursor)
            yield plan, [one for one in done if one is not None]

    async def _file(
        self, reading: Reading, lines: Iterable[bytes]
    ) -> AsyncIterator[tuple[Plan, Sequence[Replayed]]]:
        plan, done = reading.plan, list[Replayed]()
        begin, number = int(plan.place or 0), 0
        for number, line in enumerate(lines, 1):
            if number <= begin or not line.strip():
                continue
            if len(line) > EVENT_BYTES_MAX:
                raise InvalidArgument(f"line {number} has more than {EVENT_BYTES_MAX} bytes")
            one = await self._event(reading, line.strip())
            done += [one] if one is not None else []
            if len(done) == PORTION:
                yield replace(plan, place=str(number)), done
                done = []
        yield replace(plan, place=str(number)), done

    async def _event(self, reading: Reading, body: bytes) -> Replayed | None:
        plan = reading.plan
        return await self._replay.event(plan.connection, body, plan.selection, dry_run=reading.dry_run)


@attrs.frozen
class Reading:
    """A plan, and whether it is only to be shown what it would come to."""

    plan: Plan
    dry_run: bool


def plan_of(run: Run) -> Plan:
    """What a replay reads, and how far it has come."""
    return msgspec.json.decode(run.cursor, type=Plan)


def _counted(run: Run, done: Sequence[Replayed]) -> dict[str, int]:
    counts = dict(run.counts)
    for one in done:
        counts[one.status] = counts.get(one.status, 0) + 1
    return counts
