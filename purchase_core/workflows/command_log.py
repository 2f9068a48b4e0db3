"""The command log: a command's row, and what it becomes, while other processes may be at the same one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import LaneConflict
from purchase_core.facts.fact import Fact
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.projection.locks import LaneLocks
from purchase_core.projection.recorder import CONFLICT_RETRIES_MAX, Recorder
from purchase_core.projection.work import Work
from purchase_core.records.command import Command


class CommandLog:
    """Writes commands, each together with the facts that it decided, under the guard of its lane."""

    def __init__(self, store: Store, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder
        self._locks = LaneLocks()

    async def place(
        self,
        command: Command,
        facts: Sequence[Fact],
        offers: tuple[OfferVersion, ...],
        *,
        version: int | None = None,
    ) -> None:
        """Write a new command. Raises KeyConflict if another one has its key; then nothing was written.

        One of the same id is the same command, and is written over: whoever gives ids by content reads
        whether it is there, behind the version.

        `version` is that of its lane when the decision was made: LaneConflict if the lane has moved since.
        """

        def addition(batch: Batch) -> Batch:
            return replace(batch, command=command, offers=offers)

        guarded = addition if version is None else _guarded(command, version, addition)
        await self._record(command, facts, guarded)

    async def change(
        self, command: Command, change: Callable[[Command], Command], facts: Sequence[Fact] = ()
    ) -> Command:
        """Write what `change` makes of the command as it is now; nothing if that is the same.

        Another process may have moved it on: the row is read again, and what is written is guarded by its
        lane's version from before that.
        """
        async with self._locks.hold([command.lane]):
            for _ in range(CONFLICT_RETRIES_MAX):
                lane = await self._store.lane(command.lane)
                known = await self._store.command(command.key) or command
                changed = change(known)
                if changed is known:
                    return known
                try:
                    await self._record(changed, facts, _guarded(changed, lane.version, _carrying(changed)))
                except LaneConflict:
                    continue
                return changed
        message = f"lane {command.lane!r} kept moving for {CONFLICT_RETRIES_MAX} tries"
        raise LaneConflict(message)

    async def _record(
        self, command: Command, facts: Sequence[Fact], addition: Callable[[Batch], Batch]
    ) -> None:
        work = Work(tuple(facts), lanes=(command.lane,))
        await self._recorder.record(work, cause=command.id, addition=addition)


def _carrying(command: Command) -> Callable[[Batch], Batch]:
    return lambda batch: replace(batch, command=command)


def _guarded(command: Command, version: int, addition: Callable[[Batch], Batch]) -> Callable[[Batch], Batch]:
    def guarded(batch: Batch) -> Batch:
        found = next(step.expected_version for step in batch.lanes if step.lane == command.lane)
        if found != version:
            raise LaneConflict(f"lane {command.lane!r} moved on since the command was read")
        return addition(batch)

    return guarded
