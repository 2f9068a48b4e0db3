"""A replica that lags: a decision on what it still shows is refused by its guard, and taken again."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import Any

import pytest

from purchase_core.errors import ExceedsBalance, LaneConflict
from purchase_core.projection.recorder import CONFLICT_RETRIES_MAX
from purchase_core.testing.bench import Bench, problems
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore
from purchase_core.testing.sales import Sale

PACK = Sale(offer="tokens:small")
BOUGHT = (PACK.placed(), PACK.tried(), PACK.invoice())
READ = ("look", "lane", "drawn", "movement")  # what a decision about credits reads


class Replica:
    """Answers a bench's reads by an older state of its database, so many times; then it has caught up."""

    def __init__(self, bench: Bench, before: MemoryDatabase, *, answers: int) -> None:
        self.left = answers
        behind = MemoryStore(before)
        for name in READ:
            setattr(bench.store, name, self._read(getattr(behind, name), getattr(bench.store, name)))

    def _read(self, behind: Any, primary: Any) -> Any:
        async def read(*asked: Any, **options: Any) -> Any:
            self.left -= 1
            return await (behind if self.left >= 0 else primary)(*asked, **options)

        return read


@pytest.mark.parametrize(
    ("answers", "refused"),
    [(3, ExceedsBalance), (10 * CONFLICT_RETRIES_MAX, LaneConflict)],
    ids=["it catches up", "it does not"],
)
def test_f86_what_a_replica_still_shows_is_spent_by_nobody(answers: int, refused: type[Exception]) -> None:
    """Of 500 credits 400 are spent; whoever asks for 300 is shown all 500."""

    async def run() -> None:
        bench = await Bench(world=BOUGHT).open()
        await bench.record(*BOUGHT)
        before = deepcopy(bench.database)
        await bench.credits.consume("alice", "ai", 400, idempotency_key="first")
        other = Bench(bench.database)
        replica = Replica(other, before, answers=answers)
        with pytest.raises(refused):
            await other.credits.consume("alice", "ai", 300, idempotency_key="second")
        assert replica.left < answers - 1, "it was asked again"
        wallet = await bench.credits.wallet("alice", "ai")
        assert (wallet.spendable, wallet.debt) == (100, 0)
        assert list(problems(bench.database, now=bench.clock.now())) == []

    asyncio.run(run())


def test_f86_a_fact_on_what_a_replica_still_shows_grants_once() -> None:
    """The bill is there already; whoever is told of it again is shown that it is not."""

    async def run() -> None:
        bench = await Bench(world=BOUGHT).open()
        await bench.record(*BOUGHT[:2])
        before = deepcopy(bench.database)
        await bench.record(*BOUGHT)
        hashed = bench.hash()
        other = Bench(bench.database, world=BOUGHT)
        Replica(other, before, answers=3)
        await other.record(*BOUGHT)
        assert bench.hash() == hashed
        assert (await bench.credits.wallet("alice", "ai")).spendable == 500
        assert list(problems(bench.database, now=bench.clock.now())) == []

    asyncio.run(run())
