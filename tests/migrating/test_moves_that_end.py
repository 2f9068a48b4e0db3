"""A move comes to its end, whatever has become of the page and of what came of it."""

from __future__ import annotations

import pytest

from purchase_core.workflows.moves import BOTH_HAVE_BILLED
from tests.migrating.test_migrations import begin, ends, go_on, run
from tests.migrating.two_sides import TwoSides


async def offered(sides: TwoSides) -> str:
    """The session of the page that ana is shown, who is to be moved."""
    await sides.pass_days()
    await begin(sides)
    page = await sides.billing.migrations.page("ana")
    assert page is not None
    return page.session


@pytest.mark.parametrize("stays", [True, False], ids=["takes the end back", "goes"])
def test_what_was_accepted_and_ended_before_anybody_looked_is_over(*, stays: bool) -> None:
    """Its page is paid, and cannot be closed; nothing more is told of it."""

    async def work(sides: TwoSides) -> None:
        row = await sides.subscribe("ana")
        page = await offered(sides)
        sides.accept(page, "ana")
        await sides.deliver()
        (new,) = [one for one in await sides.subscriptions("ana") if one.connection == "paddle"]
        await sides.billing.subscriptions.cancel("ana", new.key, idempotency_key="end", at_period_end=False)
        if stays:
            await sides.billing.subscriptions.uncancel("ana", row.key, idempotency_key="stay")
        await sides.pass_days(31)
        assert await sides.phase("ana") == ("undone" if stays else "left")
        live = [one.connection for one in await sides.subscriptions("ana") if one.ended_at is None]
        assert live == (["stripe"] if stays else [])
        assert [name for _, name, _ in await sides.bills("ana")] == ["stripe"] * (2 if stays else 1)

    run(work)


def test_a_page_that_may_not_be_switched_away_from_is_given_up_all_the_same() -> None:
    """Else the old one would end for want of a page that can be closed, and nothing come in its place."""

    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana")
        page = await offered(sides)
        await sides.pass_days(31)
        assert await sides.phase("ana") == "watched"
        assert [name for _, name, _ in await sides.bills("ana")] == ["stripe", "stripe"]
        sides.accept(page, "ana")
        await sides.pass_days(31)
        assert await sides.phase("ana") == "undone"
        assert [name for _, name, _ in await sides.bills("ana")] == ["stripe"] * 3

    run(work, failover={"unexpirable": "refuse"})


def test_where_both_have_billed_a_person_is_told_and_the_old_one_ends_once() -> None:
    """Its end was taken back, it was renewed, and no worker was there for a month."""

    async def work(sides: TwoSides) -> None:
        row = await sides.subscribe("ana")
        page = await offered(sides)
        sides.accept(page, "ana")
        await sides.pass_days()
        assert await sides.phase("ana") == "switched"
        await sides.billing.subscriptions.uncancel("ana", row.key, idempotency_key="stay")
        await sides.pass_days(31, work=False)
        asked = len(sides.memory.database.commands)
        await go_on(sides)
        await go_on(sides)
        (move,) = (await sides.billing.migrations.status("stripe", "paddle")).moves
        assert (move.phase, move.reason) == ("both", BOTH_HAVE_BILLED)
        assert len(sides.memory.database.commands) == asked + 1
        assert await ends(sides, "ana")

    run(work)
