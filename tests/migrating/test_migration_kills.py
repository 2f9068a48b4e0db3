"""A process dies before or after a write of a move, and another goes on: one bill a period, and rights."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from purchase_core.ports.batch import Batch
from purchase_core.testing.memory_store import MemoryStore
from tests.faults.killed import Killed
from tests.migrating.two_sides import SETTINGS, TwoSides

WRITES = 20  # of a move from the first to the last one, and some more

LEAST_WRITES = 12


class Death:
    """Comes at the n-th write, before or after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, *, after: bool) -> None:
        self.left, self.after, self.came, self.near = number, after, False, False
        commit = MemoryStore.commit

        async def dying(store: MemoryStore, batch: Batch) -> None:
            self.left -= self.near
            if self.near and self.left == 0 and not self.after:
                self.die()
            await commit(store, batch)
            if self.near and self.left == 0 and self.after:
                self.die()

        monkeypatch.setattr(MemoryStore, "commit", dying)

    def die(self) -> None:
        self.came = True
        raise Killed


async def work(sides: TwoSides, death: Death, *, begin: bool = False) -> None:
    """Begin and go on; where this process dies, the next one does the same again."""
    death.near = True
    for _ in range(3):
        try:
            if begin:
                [one async for one in sides.billing.migrations.start(SETTINGS)]
            async for _ in sides.billing.migrations.advance_all("stripe", "paddle"):
                pass
        except Killed:
            await sides.open()
            continue
        break
    death.near = False
    await sides.deliver()


@pytest.mark.parametrize("number", range(1, WRITES))
@pytest.mark.parametrize("accepts", [False, True], ids=["silent", "accepts"])
def test_f48_whatever_dies_in_a_move_the_next_process_goes_on(
    monkeypatch: pytest.MonkeyPatch, number: int, *, accepts: bool
) -> None:
    async def scene() -> None:
        async with TwoSides() as sides:
            await sides.subscribe("ana")
            await sides.pass_days(2)
            death = Death(monkeypatch, number, after=bool(number % 2) is accepts)
            await work(sides, death, begin=True)
            if await sides.phase("ana") == "ending":  # whether a page is there cannot be told at once
                sides.clock.advance(seconds=1_800)
                await work(sides, death)
            assert await sides.phase("ana") == "offered"
            if accepts:
                page = await sides.billing.migrations.page("ana")
                assert page is not None
                sides.accept(page.session, "ana")
            for _ in range(14):
                await sides.pass_days(5, work=False)
                await work(sides, death)
                assert (await sides.billing.customers.entitlements("ana")).has("export")
            await sides.pass_days()
            assert death.came or number > LEAST_WRITES
            bills: list[Any] = await sides.bills("ana")
            assert [name for _, name, _ in bills] == (
                ["stripe", "paddle", "paddle"] if accepts else ["stripe"] * 3
            )
            assert await sides.phase("ana") == ("done" if accepts else "watched")
            assert len(await sides.subscriptions("ana")) == 1 + accepts

    asyncio.run(scene())
