"""Moves that are done, while a page from before, which could not be closed, may still be paid."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from tests.migrating.two_sides import SETTINGS, TwoSides


def run(work: Callable[[TwoSides, str], Coroutine[Any, Any, None]]) -> None:
    """`work` gets the session of the first page, when the move is done by the second one."""

    async def scene() -> None:
        async with TwoSides() as sides:
            await sides.subscribe("ana")
            await sides.pass_days()
            assert [one.customer async for one in sides.billing.migrations.start(SETTINGS)] == ["ana"]
            await sides.pass_days()
            first = await sides.billing.migrations.page("ana")
            await sides.pass_days(2)
            second = await sides.billing.migrations.page("ana")
            assert first is not None
            assert second is not None
            assert first.session != second.session
            sides.accept(second.session, "ana")
            await sides.pass_days(31)
            assert await sides.phase("ana") == "guarded"
            await work(sides, first.session)

    asyncio.run(scene())


async def live(sides: TwoSides) -> int:
    found = await sides.subscriptions("ana")
    return sum(one.status not in ENDED_SUBSCRIPTIONS for one in found)


def test_f44_what_comes_of_the_page_from_before_is_ended_before_it_bills() -> None:
    async def work(sides: TwoSides, page: str) -> None:
        sides.accept(page, "ana")
        await sides.deliver()
        assert await live(sides) == 2
        await sides.pass_days()
        assert await live(sides) == 1
        await sides.pass_days(70)
        assert [name for _, name, _ in await sides.bills("ana")] == ["stripe", "paddle", "paddle", "paddle"]
        assert await sides.phase("ana") == "guarded"

    run(work)


def test_whoever_has_billed_beside_the_new_one_is_ended_and_somebody_has_to_look() -> None:
    async def work(sides: TwoSides, page: str) -> None:
        sides.accept(page, "ana")
        await sides.pass_days(40, work=False)
        await sides.pass_days()
        assert (await sides.phase("ana"), await live(sides)) == ("both", 1)

    run(work)


def test_whoever_has_ended_the_new_one_and_pays_the_page_from_before_keeps_that() -> None:
    async def work(sides: TwoSides, page: str) -> None:
        (new,) = [one for one in await sides.subscriptions("ana") if one.connection == "paddle"]
        await sides.billing.subscriptions.cancel(
            "ana", new.key, idempotency_key="enough", at_period_end=False
        )
        await sides.pass_days()
        assert (await sides.phase("ana"), await live(sides)) == ("done", 0)
        sides.accept(page, "ana")
        await sides.pass_days()
        assert await live(sides) == 1

    run(work)
