"""Migrations: from one connection to another, cohort by cohort, with a plan before and a status after.

It prepares and tracks; customers give their payment method themselves. What was decided is a command a
subscription, so that a worker goes on with it, whoever began (`moves.py` says how one goes).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping

import attrs
import msgspec
from msgspec.structs import replace

from purchase_core.errors import (
    KeyConflict,
    NotFound,
    OutcomeUnknown,
    ProviderUnavailable,
    PurchaseError,
    StoreError,
)
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.identifiers import IdSource
from purchase_core.instants import DAY, SECOND, Clock, Instant
from purchase_core.ports.paging import every_command
from purchase_core.ports.provider import Capability, Provider
from purchase_core.ports.store import Store
from purchase_core.projection.locks import LaneLocks
from purchase_core.projection.owner import lane_of
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.tables import rows_of_lane
from purchase_core.records.command import OPEN_STATES, REFUSED, SENDING, Command, Stage
from purchase_core.records.lane import customer_lane
from purchase_core.values import Value
from purchase_core.workflows.checkout import Checkout, Checkouts
from purchase_core.workflows.command_log import CommandLog
from purchase_core.workflows.mover import KIND as MOVE
from purchase_core.workflows.mover import Mover, move_of, progress_of
from purchase_core.workflows.moves import Halt, Move, Phase, Progress
from purchase_core.workflows.planning import Planner
from purchase_core.workflows.prospects import BEGINNING, Place, Prospect, Prospects, Settings, move_key
from purchase_core.workflows.resolving import Resolver
from purchase_core.workflows.subscriptions import Subscriptions
from purchase_core.workflows.urls import return_url

KIND = "provider.migration"
ENLIST_SECONDS = 3_600  # how long after the last pass workers look again for who could go
ENLIST_SLICE_SECONDS = 30  # a worker that has not come to the end of its slice by then is taken for gone
ENLISTED_MAX = 1_000  # subscriptions of one slice
PAIRS_MAX = 100

log = logging.getLogger("purchase.migrations")


class Moved(Value, frozen=True):
    """One move as it stands. `url` is the page, where one is offered."""

    receipt: str
    customer: str
    subscription: str
    phase: str
    ends: Instant
    undo_at: Instant
    reason: str = ""
    url: str = ""


class Status(Value, frozen=True):
    """How far a migration is: counts by phase, and each move."""

    settings: Settings
    phases: dict[str, int]
    moves: tuple[Moved, ...]


class Migrations:
    """Plans migrations, begins them, and goes on with what was begun."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        connections: Mapping[str, Provider],
        planner: Planner,
        checkouts: Checkouts,
        subscriptions: Subscriptions,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._store = store
        self._connections = connections
        self._names = planner.names
        self._prospects = Prospects(store, planner, clock)
        self._checkouts = checkouts
        self._clock = clock
        self._ids = ids
        self._log = CommandLog(store, recorder)
        self._locks = LaneLocks()
        self._mover = Mover(store, self._log, checkouts, subscriptions, clock)
        self._resolver = Resolver(store, self._log, self._locks, clock)

    def plan(self, settings: Settings) -> AsyncIterator[Prospect]:
        """What would become of each live subscription on the old connection. Writes and sends nothing.

        Raises NotFound or InvalidArgument where the connections cannot be meant.
        """
        return self._prospects.plan(settings)

    # --- beginning, stopping -----------------------------------------------------------------

    async def start(
        self, settings: Settings, *, limit: int | None = None, again: bool = False
    ) -> AsyncIterator[Prospect]:
        """Begin to move those of the plan that can be moved; each, once it is recorded.

        `limit`: so many at most, and workers take in nobody by themselves (`grows`). To begin again widens
        the cohort. `again`: also who was tried before. What is recorded is gone on with by `advance`. Raises
        InvalidArgument, and CapabilityMissing where the old side cannot end with the period or take that
        back, or one of them cannot end at once.
        """
        self._prospects.check(settings)
        return_url("success_url", settings.success_url)
        return_url("cancel_url", settings.cancel_url)
        self._both_open(settings)
        wanted = replace(settings, halt=Halt.NO, grows=limit is None)
        await self._keep(wanted, "started", f"{settings.percent} %")
        async for one in self._take_in(wanted, limit, again=again):
            yield one

    async def enlist(self) -> int:
        """Take in those of each cohort that grows who have come since, or can be moved by now; how many.

        For workers: a pass over those who can be moved begins ENLIST_SECONDS after the last one, and goes on
        ENLISTED_MAX subscriptions at a time, each by one worker, from where the one before has come to,
        whoever that was. `stop` ends it.
        """
        begun, now = 0, self._clock.now()
        before = Instant(now - ENLIST_SLICE_SECONDS * SECOND)
        for command in await self._store.open_commands((KIND,), before=before, limit=PAIRS_MAX):
            settings = msgspec.json.decode(command.request, type=Settings)
            is_due = command.result or now - command.updated_at >= ENLIST_SECONDS * SECOND
            if is_due and settings.grows and settings.halt is Halt.NO:
                begun += await self._enlisted(command, settings)
        return begun

    async def _enlisted(self, known: Command, settings: Settings) -> int:
        """Take in those of one slice; how many. None if another worker is at it."""
        if not await self._came_to(known, known.result):
            return 0
        place = msgspec.json.decode(known.result, type=Place) if known.result else BEGINNING
        try:
            self._prospects.check(settings)
            self._both_open(settings)
            found, end = await self._prospects.later(settings, place, limit=ENLISTED_MAX)
            begun = [one for one in found if one.verdict == "move" and await self._begin(settings, one)]
        except StoreError:
            raise
        except PurchaseError as error:  # other migrations are looked at all the same
            log.warning("nobody goes from %s to %s now: %s", settings.old, settings.new, type(error).__name__)
            return 0
        command = await self._store.command(known.key)
        if command is not None:
            await self._came_to(command, msgspec.json.encode(end) if end else b"")
        return len(begun)

    async def _came_to(self, known: Command, place: bytes) -> bool:
        """Note how far it has come, and that it is looked at now; False if another worker was quicker."""
        now = self._clock.now()
        mine = False

        def noted(found: Command) -> Command:
            nonlocal mine
            mine = (found.updated_at, found.result) == (known.updated_at, known.result)
            return attrs.evolve(found, updated_at=now, result=place) if mine else found

        await self._log.change(known, noted)
        return mine

    async def _take_in(
        self, settings: Settings, limit: int | None = None, *, again: bool = False
    ) -> AsyncIterator[Prospect]:
        begun = 0
        async for one in self.plan(settings):
            if begun == limit:
                return
            tried = again and one.reason.startswith("was tried")
            if (one.verdict == "move" or tried) and await self._begin(settings, one):
                begun += 1
                yield one

    def _both_open(self, settings: Settings) -> None:
        old, new = self._connections.get(settings.old), self._connections.get(settings.new)
        if old is None or new is None:
            raise ProviderUnavailable("both connections must be open to begin a migration")
        old.need(Capability.CANCEL_AT_PERIOD_END, Capability.UNCANCEL, Capability.CANCEL_NOW)
        new.need(Capability.CANCEL_NOW)

    async def stop(self, old: str, new: str, *, undo: bool = False) -> Settings:
        """Begin no more moves. What is offered stays so until its time; `undo`: is taken back at once."""
        known = await self.settings(old, new)
        halted = replace(known, halt=Halt.UNDO if undo else Halt.STOP)
        return await self._keep(halted, "stopped", halted.halt.value)

    async def resume(self, old: str, new: str) -> Settings:
        """Go on with what was recorded before it was stopped."""
        return await self._keep(replace(await self.settings(old, new), halt=Halt.NO), "resumed", "")

    async def settings(self, old: str, new: str) -> Settings:
        """What was asked for last. Raises NotFound."""
        command = await self._store.command(f"{KIND}:{old}:{new}")
        if command is None:
            raise NotFound(f"no migration from {old} to {new} was started")
        return msgspec.json.decode(command.request, type=Settings)

    async def _begin(self, settings: Settings, one: Prospect) -> bool:
        """Record a move; False if another process was quicker, or it is under way."""
        key, now = move_key(settings, one.subscription), self._clock.now()
        rows = await rows_of_lane(self._store, SubscriptionRow, customer_lane(one.customer))
        row = next((row for row in rows if row.key == one.subscription), None)
        if row is None:
            return False
        move = Move(
            old=settings.old,
            new=settings.new,
            customer=one.customer,
            subscription=one.subscription,
            offer=one.offer,
            version=row.version,
            quantity=row.quantity,
            unit_amount=row.unit_amount,
            currency=row.currency,
            ends=one.ends,
            undo_at=Instant(one.ends - settings.undo_days * DAY),
            since=now,
            success_url=settings.success_url,
            cancel_url=settings.cancel_url,
        )
        command = Command(
            key=key,
            id=self._ids.new("receipt"),
            kind=MOVE,
            lane=customer_lane(one.customer),
            fingerprint=one.subscription,
            state=SENDING,
            connection=settings.old,
            reference=one.subscription,
            created_at=now,
            updated_at=now,
            stages=(Stage(Phase.RECORDED.value, now, f"{settings.old} to {settings.new}"),),
            request=msgspec.json.encode(move),
            result=msgspec.json.encode(Progress()),
        )
        known = await self._store.command(key)
        if known is not None:
            return await self._again(known, command)
        try:
            await self._log.place(command, (), ())
        except KeyConflict:
            return False
        return True

    async def _again(self, known: Command, fresh: Command) -> bool:
        """The same move, for another period. Pages go on being counted, so that none stands for another."""

        def again(found: Command) -> Command:
            if found.state in OPEN_STATES:
                return found
            before = progress_of(found)
            progress = Progress(page=before.page + 1, endings=before.endings + 1)
            return attrs.evolve(
                found,
                state=SENDING,
                updated_at=fresh.updated_at,
                stages=(*found.stages, *fresh.stages),
                request=fresh.request,
                result=msgspec.json.encode(progress),
            )

        return (await self._log.change(known, again)).request == fresh.request

    async def _keep(self, settings: Settings, stage: str, detail: str) -> Settings:
        """Write down what was asked for."""
        now, key = self._clock.now(), f"{KIND}:{settings.old}:{settings.new}"
        made = Command(
            key=key,
            id=self._ids.new("receipt"),
            kind=KIND,
            lane=f"migration:{settings.old}:{settings.new}",
            fingerprint=f"{settings.old} to {settings.new}",
            state=SENDING,
            connection=settings.old,
            reference=settings.new,
            created_at=now,
            updated_at=now,
            stages=(Stage(stage, now, detail),),
            request=msgspec.json.encode(settings),
        )
        known = await self._store.command(key)
        if known is None:
            try:
                await self._log.place(made, (), ())
            except KeyConflict:  # another process was quicker
                known = await self._store.command(key)
            else:
                return settings
        if known is not None:
            await self._log.change(
                known,
                lambda one: attrs.evolve(
                    one, request=made.request, updated_at=now, stages=(*one.stages, *made.stages)
                ),
            )
        return settings

    # --- under way ---------------------------------------------------------------------------

    async def advance(self) -> int:
        """Go on with moves that nobody has looked at for a while; how many were. For workers."""
        halts: dict[tuple[str, str], Halt] = {}
        done = 0

        async def go_on(command: Command) -> None:
            nonlocal done
            move = move_of(command)
            pair = (move.old, move.new)
            if pair not in halts:
                halts[pair] = (await self.settings(*pair)).halt
            await self._mover.go_on(command, halts[pair])
            done += 1

        await self._resolver.resolve((MOVE,), go_on)
        return done

    async def advance_all(self, old: str, new: str) -> AsyncIterator[Moved]:
        """Go on with every open move of a migration now; each, as it then stands."""
        halt = (await self.settings(old, new)).halt
        async for known in self._moves(old, new):
            if known.state in OPEN_STATES:
                async with self._locks.hold([known.key]):
                    command = await self._store.command(known.key) or known
                    try:
                        command = await self._mover.go_on(command, halt)
                    except (OutcomeUnknown, ProviderUnavailable) as error:
                        yield replace(await self._moved(command), reason=error.code)
                        continue
                    yield await self._moved(command)

    async def page(self, customer: str, *, email: str = "") -> Checkout | None:
        """The page on which a customer accepts their move; None where none is offered to them.

        A page that is over, or older than a day, is replaced. `email` goes to the provider only. Raises what
        `checkout.start` raises.
        """
        rows = await rows_of_lane(self._store, SubscriptionRow, await lane_of(self._store, customer))
        for row in rows:
            if row.cancel_at is None:
                continue
            for name in self._names:
                command = await self._store.command(f"{MOVE}:{row.connection}:{name}:{row.key}")
                if command is not None and progress_of(command).phase is Phase.OFFERED:
                    async with self._locks.hold([command.key]):
                        return await self._mover.page(command, email)
        return None

    async def status(self, old: str, new: str) -> Status:
        """How far a migration is. Raises NotFound."""
        settings = await self.settings(old, new)
        moves = [await self._moved(one) async for one in self._moves(old, new)]
        phases = {phase.value: sum(one.phase == phase.value for one in moves) for phase in Phase}
        return Status(settings, {name: count for name, count in phases.items() if count}, tuple(moves))

    def _moves(self, old: str, new: str) -> AsyncIterator[Command]:
        return every_command(self._store, f"{MOVE}:{old}:{new}")

    async def _moved(self, command: Command) -> Moved:
        move, progress, stage = move_of(command), progress_of(command), command.stages[-1]
        offered = progress.phase is Phase.OFFERED
        return Moved(
            command.id,
            move.customer,
            move.subscription,
            progress.phase.value,
            move.ends,
            move.undo_at,
            f"refused: {stage.detail}" if stage.name == REFUSED else progress.reason,
            await self._mover.url(command) if offered else "",
        )
