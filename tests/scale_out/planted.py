"""Bugs for the campaign to find: one that finds nothing proves nothing. Each is planted in every process."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

import attrs
from msgspec.structs import replace

from purchase_core.errors import LaneConflict, LeaseLost, StoreUnavailable
from purchase_core.inbox.inbox import DeliveryReceipt, Inbox
from purchase_core.outbox.subscribers import Subscribers
from purchase_core.plugins.descriptors import Subscriber
from purchase_core.ports.batch import Batch
from purchase_core.records.delivery import PENDING
from purchase_core.records.effect import Effect
from purchase_core.records.mailbox import Mailbox
from purchase_postgres.store import PostgresStore
from purchase_sandbox.adapter import SandboxProvider

TRIES_MAX = 5
_tasks: set[asyncio.Task[Any]] = set()


@attrs.frozen
class Bug:
    """What is wrong."""

    wrong: str
    plant: Callable[[], None]


BUGS: dict[str, Bug] = {}


def bug(plant: Callable[[], None]) -> Callable[[], None]:
    """List a bug under the name of the function that plants it."""
    BUGS[plant.__name__.replace("_", "-")] = Bug((plant.__doc__ or "").strip(), plant)
    return plant


def _put(owner: object, name: str, value: object) -> None:
    patch.object(owner, name, value).start()


@bug
def forgets_the_fence() -> None:
    """Whoever comes back after its lease settles a mailbox under the fence that it has by now."""
    commit = PostgresStore.commit

    async def unfenced(store: PostgresStore, batch: Batch) -> None:
        try:
            await commit(store, batch)
        except LeaseLost:
            told = []
            for one in batch.told:
                now = await store.mailbox(one.subscriber, one.lane)
                told.append(replace(one, fence=now.fence if now else one.fence))
            await commit(store, replace(batch, told=tuple(told)))

    _put(PostgresStore, "commit", unfenced)


@bug
def guards_no_lane() -> None:
    """A batch that was decided on a lane that has moved is written all the same."""
    commit = PostgresStore.commit

    async def unguarded(store: PostgresStore, batch: Batch) -> None:
        for _ in range(TRIES_MAX):
            try:
                return await commit(store, batch)
            except LaneConflict:
                steps = []
                for one in batch.lanes:
                    now = await store.lane(one.lane)
                    steps.append(replace(one, expected_version=now.version))
                batch = replace(batch, lanes=tuple(steps))
        return None

    async def one_by_one(store: PostgresStore, batches: Sequence[Batch]) -> None:
        for one in batches:
            await unguarded(store, one)

    _put(PostgresStore, "commit", unguarded)
    _put(PostgresStore, "commit_all", one_by_one)


@bug
def queues_in_memory() -> None:
    """A delivery is answered first and kept later."""
    keep = Inbox._keep

    async def later(inbox: Inbox, delivery: Any, *rest: Any) -> Any:
        async def kept() -> None:
            await asyncio.sleep(0.2)
            await keep(inbox, delivery, *rest)

        task = asyncio.get_running_loop().create_task(kept())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        return DeliveryReceipt(delivery.id, delivery.connection, delivery.event_id, "", PENDING)

    _put(Inbox, "_keep", later)


@bug
def takes_silence_for_success() -> None:
    """A batch of which nobody knows whether it was written is called written."""
    commit = PostgresStore.commit

    async def believing(store: PostgresStore, batch: Batch) -> None:
        try:
            await commit(store, batch)
        except StoreUnavailable:
            return

    _put(PostgresStore, "commit", believing)


@bug
def asks_again_under_another_key() -> None:
    """A refund whose answer was lost is asked for again as a new one."""
    refund = SandboxProvider.refund

    async def anew(provider: SandboxProvider, *given: Any, key: str, **more: Any) -> Any:
        return await refund(provider, *given, key=f"{key}-{os.getpid()}-{time.monotonic_ns()}", **more)

    _put(SandboxProvider, "refund", anew)


@bug
def tells_the_newest_first() -> None:
    """Of what waits for a customer, the last is told, and the rest skipped."""

    async def newest(
        told: Subscribers, subscriber: Subscriber, mailbox: Mailbox
    ) -> tuple[Effect | None, int]:
        waiting = await told._store.effects(mailbox.lane, after=mailbox.told)
        return (waiting[-1], mailbox.told) if waiting else (None, mailbox.newest)

    _put(Subscribers, "_next", newest)
