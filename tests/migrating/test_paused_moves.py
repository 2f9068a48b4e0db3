"""Whoever pauses the old one while they are moved: nobody waits for an end that would never come."""

from __future__ import annotations

from typing import Any

import pytest

from purchase_core.errors import CapabilityMissing
from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import Capability
from tests.migrating.test_migrations import begin, go_on, planned, run, work_once
from tests.migrating.two_sides import TwoSides


async def offered(sides: TwoSides) -> str:
    """Ana is to be moved, and sees her page; its session."""
    await sides.subscribe("ana")
    await sides.pass_days()
    assert await begin(sides) == ["ana"]
    page = await sides.billing.migrations.page("ana")
    assert page is not None
    return page.session


async def pause(sides: TwoSides) -> None:
    (row,) = [one for one in await sides.subscriptions("ana") if one.connection == "stripe"]
    sides.clock.advance(seconds=5)  # Stripe's states are of whole seconds
    done = await sides.billing.subscriptions.pause("ana", row.key, idempotency_key="pause")
    assert (done.subscription.status, done.subscription.cancel_at) == ("paused", row.period_end)
    sides.clock.advance(seconds=5)


async def states(sides: TwoSides) -> list[tuple[str, str]]:
    return sorted((one.connection, one.status) for one in await sides.subscriptions("ana"))


@pytest.mark.parametrize("pauses_first", [True, False])
def test_a_paused_one_ends_once_the_new_one_is_there(*, pauses_first: bool) -> None:
    """Stripe begins no period of a paused one: where it was told to end with its period, it never would."""

    async def work(sides: TwoSides) -> None:
        session = await offered(sides)
        if pauses_first:
            await pause(sides)
        sides.accept(session, "ana")
        await sides.deliver()
        if not pauses_first:
            await go_on(sides)
            assert await sides.phase("ana") == "switched"
            await pause(sides)
        await go_on(sides)
        assert await states(sides) == [("paddle", "trialing"), ("stripe", "canceled")]
        assert await sides.phase("ana") == "done"
        for _ in range(65):
            await sides.pass_days()
            assert (await sides.billing.customers.entitlements("ana")).has("export")
        assert [name for _, name, _ in await sides.bills("ana")] == ["stripe", "paddle", "paddle"]

    run(work)


async def resume(sides: TwoSides) -> None:
    """With a new period, which is paid now; it is still to end."""
    (row,) = [one for one in await sides.subscriptions("ana") if one.connection == "stripe"]
    done = await sides.billing.subscriptions.resume("ana", row.key, idempotency_key="resume")
    after = done.subscription
    assert after.status == "active"
    assert after.cancel_at is not None
    assert after.period_end > row.period_end
    sides.clock.advance(seconds=5)


def test_who_resumes_with_another_period_is_not_moved_beside_it() -> None:
    """It is paid beyond the day on which the new one would bill."""

    async def work(sides: TwoSides) -> None:
        await offered(sides)
        await pause(sides)
        await sides.pass_days(9, work=False)
        await resume(sides)
        await go_on(sides)
        (move,) = (await sides.billing.migrations.status("stripe", "paddle")).moves
        assert (move.phase, move.reason) == ("watched", "the old one has another period by now")
        assert await sides.billing.migrations.page("ana") is None
        await sides.pass_days(60)
        assert [name for _, name, _ in await sides.bills("ana")] == ["stripe"] * 3

    run(work)


def test_where_it_was_resumed_with_another_period_the_new_one_ends_before_it_bills() -> None:
    """They accept and resume before anybody has looked."""

    async def work(sides: TwoSides) -> None:
        session = await offered(sides)
        await pause(sides)
        sides.accept(session, "ana")
        await sides.deliver()
        await resume(sides)
        await go_on(sides)
        assert await states(sides) == [("paddle", "canceled"), ("stripe", "active")]
        (move,) = (await sides.billing.migrations.status("stripe", "paddle")).moves
        assert (move.phase, move.reason) == ("undone", "the old one was renewed")
        await sides.pass_days(65)
        assert {name for _, name, _ in await sides.bills("ana")} == {"stripe"}

    run(work)


def test_where_nobody_accepts_a_paused_one_stays_paused() -> None:
    async def work(sides: TwoSides) -> None:
        await offered(sides)
        await pause(sides)
        await sides.pass_days(32)
        ((_, status),) = await states(sides)
        (row,) = await sides.subscriptions("ana")
        assert (status, row.cancel_at, await sides.phase("ana")) == ("paused", None, "watched")
        assert [name for _, name, _ in await sides.bills("ana")] == ["stripe"]

    run(work)


def test_where_the_new_one_is_ended_a_paused_one_is_left_as_it_is() -> None:
    async def work(sides: TwoSides) -> None:
        session = await offered(sides)
        sides.accept(session, "ana")
        await sides.deliver()
        await go_on(sides)
        (new,) = [one for one in await sides.subscriptions("ana") if one.connection == "paddle"]
        await sides.billing.subscriptions.cancel("ana", new.key, idempotency_key="end", at_period_end=False)
        await pause(sides)
        await go_on(sides)
        assert await states(sides) == [("paddle", "canceled"), ("stripe", "paused")]
        (move,) = (await sides.billing.migrations.status("stripe", "paddle")).moves
        assert (move.phase, move.reason) == ("left", "the new one was ended, and the old one is paused")

    run(work)


def test_a_worker_comes_to_an_end_though_an_answer_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked twice under one key: what it has come to is told by an event, and waited for."""

    async def work(sides: TwoSides) -> None:
        session = await offered(sides)
        await pause(sides)
        asked: list[str] = []
        told: list[str] = []

        async def silent(subscription: str, *, at_period_end: bool, key: str) -> tuple[Fact, ...]:
            asked.append(key)
            return ()

        def tell(task: str, count: int) -> None:
            told.append(task)
            assert len(told) < 20

        sides.accept(session, "ana")
        await sides.deliver()
        with monkeypatch.context() as patch:
            patch.setattr(sides.billing.connections["stripe"], "cancel_subscription", silent)
            for _ in range(3):
                sides.clock.advance(seconds=61)
                await sides.billing.worker().once(tell)
            assert len(asked) == 1
        assert await sides.phase("ana") == "switched"

    run(work)


@pytest.mark.parametrize("side", ["stripe", "paddle"])
def test_nobody_is_moved_where_one_side_cannot_end_at_once(
    side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana")
        await sides.pass_days()
        provider = sides.billing.connections[side]
        need = provider.need

        def lacking(*wanted: Capability) -> Any:
            if Capability.CANCEL_NOW in wanted:
                raise provider.missing(Capability.CANCEL_NOW)
            return need(*wanted)

        monkeypatch.setattr(provider, "need", lacking)
        with pytest.raises(CapabilityMissing, match="cancel_now"):
            await begin(sides)
        assert (await planned(sides))["ana"].verdict == "move"
        await work_once(sides)
        assert await states(sides) == [("stripe", "active")]

    run(work)
