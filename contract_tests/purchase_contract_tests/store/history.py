"""A history that Hypothesis makes up: decisions, workers and restarts; a model says what must follow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from purchase_contract_tests.store.base import StoreCapability, StorePromises
from purchase_contract_tests.store.model import Model
from purchase_contract_tests.store.samples import (
    ANA,
    BEN,
    NOW,
    case,
    command,
    delivery,
    effect,
    later,
    recorded,
    refund,
    step,
)
from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.rows import CaseRow
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.records.delivery import DONE, PENDING, Delivery, Settlement

T = TypeVar("T")

SMALL = st.integers(0, 3)
STALENESS = st.sampled_from((0, 0, 0, 0, 1, -1))  # mostly up to date
LEASE_SECONDS = 30


class History(RuleBasedStateMachine):
    """One history: a store, its model, and the time.

    Opening, every step and closing are separate tasks of one event loop.
    """

    def __init__(self, contract: StorePromises) -> None:
        super().__init__()
        self.contract = contract
        self.durable = StoreCapability.DURABLE in contract.capabilities
        self.shared = StoreCapability.SHARED in contract.capabilities
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.model = Model()
        self.now = NOW
        self.tried = 0
        self.held: list[Delivery] = []  # rows as they were claimed, stale ones too
        self.store: Store = self.run(lambda: self.stack.enter_async_context(contract.subject()))

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await something in this history's own loop."""

        async def awaited() -> T:
            return await work()

        return self.runner.run(awaited())

    def teardown(self) -> None:
        """Close the store and the loop."""
        try:
            self.run(self.stack.aclose)
        finally:
            self.runner.close()

    def commit(self, batch: Batch) -> None:
        """Commit, and hold the store to what the model says of it."""
        refusals = self.model.refusals(batch)
        if refusals:
            with pytest.raises(tuple(refusals)):
                self.run(lambda: self.store.commit(batch))
        else:
            self.run(lambda: self.store.commit(batch))
            self.model.write(batch)
        assert self.run(lambda: self.store.committed(batch.id)) == (not refusals)

    def next_id(self) -> str:
        """A batch id that was not used yet."""
        self.tried += 1
        return f"batch_{self.tried:04}"

    @rule(
        lanes=st.dictionaries(st.sampled_from((ANA, BEN)), STALENESS),
        facts=st.lists(SMALL, max_size=3),
        rows=st.dictionaries(SMALL, SMALL, max_size=2),
        dropped=st.sets(SMALL, max_size=2),
        event=st.none() | SMALL,
        key=st.none() | SMALL,
        effects=st.sets(SMALL, max_size=2),
    )
    def decide(  # one argument a field of the batch
        self,
        lanes: dict[str, int],
        facts: list[int],
        rows: dict[int, int],
        dropped: set[int],
        event: int | None,
        key: int | None,
        effects: set[int],
    ) -> None:
        """Commit a batch of this and that; some of it is known, some of it is stale."""
        number = self.tried
        batch = Batch(
            self.next_id(),
            self.now,
            lanes=tuple(
                step(lane, max(0, self.model.versions.get(lane, 0) + stale), b"%d" % number)
                for lane, stale in sorted(lanes.items())
            ),
            facts=tuple(one for one in map(self.fact, facts) if one.lane in lanes),
            rows=tuple(
                case(f"case_{one}", ANA if lane % 2 else BEN, detail=f"{number}")
                for one, lane in rows.items()
            ),
            dropped_rows=tuple((CaseRow, f"case_{one}") for one in dropped - rows.keys()),
            deliveries=() if event is None else (self.delivery(event),),
            command=None
            if key is None
            else command(f"key_{key}", f"command_{number % 2}_{key}", touched=self.now),
            effects=tuple(effect(f"effect_{one}", version=number) for one in sorted(effects)),
        )
        self.commit(batch)

    def fact(self, number: int) -> RecordedFact:
        """A fact of one of the lanes."""
        return recorded(refund(f"re_{number}"), ANA if number % 2 else BEN, at=self.now)

    def delivery(self, event: int) -> Delivery:
        """A row for an event, with an id and a due time of its own."""
        row = delivery(self.tried, due=later(self.tried, self.now))
        return replace(row, event_id=f"evt_{event}")

    @precondition(lambda self: self.model.batches)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """Commit a batch that was committed: nothing changes."""
        batch = self.model.batches[data.draw(st.sampled_from(sorted(self.model.batches)))]
        self.run(lambda: self.store.commit(batch))

    @rule(seconds=st.sampled_from((1, LEASE_SECONDS - 1, LEASE_SECONDS + 1, 1_000)))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.now = later(seconds, self.now)

    @rule(limit=st.integers(1, 3))
    def work(self, limit: int) -> None:
        """Claim what is due."""
        until = later(LEASE_SECONDS, self.now)
        rows = self.run(lambda: self.store.claim(now=self.now, lease_until=until, limit=limit))
        expected = self.model.free(self.now)[:limit]
        assert list(rows) == [
            replace(row, fence=row.fence + 1, attempts=row.attempts + 1) for row in expected
        ]
        self.model.claimed(rows, until)
        self.held += rows

    @precondition(lambda self: self.held)
    @rule(data=st.data(), state=st.sampled_from((DONE, PENDING)), lane=st.sampled_from((None, ANA)))
    def settle(self, data: st.DataObject, state: str, lane: str | None) -> None:
        """Settle under a fence that was once good, with or without a decision in the same batch."""
        row = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        again = later(self.tried % 7, self.now) if state == PENDING else self.now
        settlement = Settlement(row.id, row.fence, state, "busy", row.attempts, again)
        lanes = () if lane is None else (step(lane, self.model.versions.get(lane, 0), b"settled"),)
        self.commit(Batch(self.next_id(), self.now, lanes=lanes, settlements=(settlement,)))

    @precondition(lambda self: self.durable)
    @rule()
    def restart(self) -> None:
        """Close the store and open it again."""
        old = self.store
        self.run(old.aclose)
        self.store = self.run(lambda: self.stack.enter_async_context(self.contract.reopen(old)))

    @precondition(lambda self: self.durable)
    @rule(lane=st.sampled_from((ANA, BEN)), turns=st.integers(0, 4))
    def die(self, lane: str, turns: int) -> None:
        """The process ends while it commits: all of it is there, or nothing. The next one sends it again."""
        batch = Batch(
            self.next_id(),
            self.now,
            lanes=(step(lane, self.model.versions.get(lane, 0), b"%d" % self.tried),),
            rows=(case(f"case_{self.tried % 4}", lane, detail=f"{self.tried}"),),
            effects=(effect(f"died_{self.tried}", version=self.tried),),
        )
        self.run(lambda: self._cut_short(batch, turns))
        self.restart()
        if not self.run(lambda: self.store.committed(batch.id)):
            self.agrees()
            self.run(lambda: self.store.commit(batch))
        self.model.write(batch)

    async def _cut_short(self, batch: Batch, turns: int) -> None:
        committing = asyncio.create_task(self.store.commit(batch))
        for _ in range(turns):
            await asyncio.sleep(0)
        committing.cancel()
        await asyncio.wait([committing])

    @precondition(lambda self: self.durable and self.shared)
    @rule()
    def stop_answering(self) -> None:
        """Another instance goes on, and the old one is not closed until the end."""
        old = self.store
        self.store = self.run(lambda: self.stack.enter_async_context(self.contract.reopen(old)))

    @invariant()
    def agrees(self) -> None:
        """The store shows what the model holds."""
        self.run(self._compare)

    async def _compare(self) -> None:
        store, model = self.store, self.model
        for name in (ANA, BEN):
            lane = await store.lane(name)
            assert (lane.version, lane.document) == (
                model.versions.get(name, 0),
                model.documents.get(name, b""),
            )
            facts = [one for _, one in await store.facts(name)]
            assert facts == [one for one in model.facts.values() if one.lane == name]
        assert list(await store.rows(CaseRow)) == [model.rows[key] for key in sorted(model.rows)]
        for queued in model.queue.values():
            assert await store.delivery_by_id(queued.row.id) == queued.row
        for key, known in model.commands.items():
            assert await store.command(key) == known
        effects = sorted(model.effects.values(), key=lambda one: one.lane_version)
        assert sorted(await store.effects(ANA), key=lambda one: one.key) == sorted(
            effects, key=lambda one: one.key
        )
