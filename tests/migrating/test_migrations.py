"""Plans, cohorts, pages, stopping and going on, over simulated Stripe and Paddle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from purchase_core.errors import InvalidArgument, NotFound, ProviderRefused, StoreUnavailable
from purchase_core.facts.fact import Fact
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.workflows import migrations as module
from purchase_core.workflows.moves import REFUSED_AGAIN_SECONDS
from purchase_core.workflows.prospects import Prospect, Settings, in_cohort
from purchase_simulators.stripe.objects.subscriptions import Subscription
from tests.migrating.two_sides import SETTINGS, TwoSides


def run(work: Callable[[TwoSides], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def scene() -> None:
        async with TwoSides(**options) as sides:
            await work(sides)

    asyncio.run(scene())


async def planned(sides: TwoSides, settings: Settings = SETTINGS) -> dict[str, Prospect]:
    return {one.customer: one async for one in sides.billing.migrations.plan(settings)}


async def begin(sides: TwoSides, settings: Settings = SETTINGS, **options: Any) -> list[str]:
    begun = [one.customer async for one in sides.billing.migrations.start(settings, **options)]
    await go_on(sides)
    return sorted(begun)


async def go_on(sides: TwoSides) -> None:
    async for _ in sides.billing.migrations.advance_all("stripe", "paddle"):
        pass
    await sides.deliver()


async def ends(sides: TwoSides, customer: str) -> bool:
    """Whether the old one is about to end, as Stripe itself has it."""
    (row,) = [one for one in await sides.subscriptions(customer) if one.connection == "stripe"]
    book = sides.stripe.account.book
    return bool(book.get(Subscription, row.provider_id).cancel_at_period_end)


def test_a_plan_says_who_goes_when_and_what_they_are_offered_and_writes_nothing() -> None:
    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana", quantity=2)
        gone = await sides.subscribe("gone")
        await sides.billing.subscriptions.cancel("gone", gone.key, idempotency_key="gone")
        await sides.pass_days(3)
        before = len(sides.memory.database.commands)
        found = await planned(sides)
        assert {name: one.verdict for name, one in found.items()} == {"ana": "move", "gone": "stays"}
        ana = found["ana"]
        assert (ana.offer, ana.quantity, ana.amount, ana.currency) == ("app:pro", 2, 2_000, "EUR")
        assert 25 <= ana.trial_days <= 28
        assert found["gone"].reason == "is about to end anyway"
        assert len(sides.memory.database.commands) == before
        await sides.pass_days(22)
        later = (await planned(sides))["ana"]
        assert (later.verdict, later.reason) == ("later", "renews within 7 days")

    run(work)


def test_who_cannot_be_sold_to_on_the_other_side_is_told() -> None:
    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana")
        found = (await planned(sides))["ana"]
        assert (found.verdict, found.reason) == ("stays", "paddle does not sell in EUR")
        assert await begin(sides) == []

    run(work, router={"connections": {"paddle": {"currencies": ["USD"]}}})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"new": "acme"}, "'acme' is not configured"),
        ({"new": "stripe"}, "to another one"),
        ({"percent": 0}, "percent must be"),
        ({"undo_days": 7}, "undo_days must be"),
        ({"success_url": "no"}, "success_url"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything(changes: dict[str, Any], why: str) -> None:
    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana")
        with pytest.raises((InvalidArgument, NotFound), match=why):
            await begin(sides, replace(SETTINGS, **changes))
        with pytest.raises(NotFound):
            await sides.billing.migrations.status("stripe", "paddle")

    run(work)


def test_a_cohort_grows_and_keeps_who_was_in_it() -> None:
    names = [f"user_{number}" for number in range(1_000)]
    sizes = []
    before: set[str] = set()
    for percent in (1, 10, 50, 100):
        cohort = {one for one in names if in_cohort(replace(SETTINGS, percent=percent), one)}
        assert before <= cohort
        before = cohort
        sizes.append(len(cohort))
    assert sizes[-1] == 1_000
    assert 60 < sizes[1] < 140
    assert 450 < sizes[2] < 550


def test_it_begins_in_parts_and_begins_nobody_twice() -> None:
    async def work(sides: TwoSides) -> None:
        for number in range(3):
            await sides.subscribe(f"user_{number}")
        await sides.pass_days()
        first = await begin(sides, limit=2)
        assert len(first) == 2
        assert {one.verdict for one in (await planned(sides)).values()} == {"begun", "move"}
        second = await begin(sides)
        assert sorted({*first, *second}) == ["user_0", "user_1", "user_2"]
        assert len(second) == 1
        assert (await sides.billing.migrations.status("stripe", "paddle")).phases == {"offered": 3}
        assert all([await ends(sides, name) for name in (*first, *second)])

    run(work)


def test_while_it_is_stopped_nothing_begins_and_then_it_goes_on() -> None:
    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana")
        await sides.pass_days()
        [one async for one in sides.billing.migrations.start(SETTINGS)]
        await sides.billing.migrations.stop("stripe", "paddle")
        await go_on(sides)
        assert await sides.phase("ana") == "recorded"
        assert not await ends(sides, "ana")
        await sides.billing.migrations.resume("stripe", "paddle")
        await go_on(sides)
        assert await sides.phase("ana") == "offered"
        assert await ends(sides, "ana")

    run(work)


def test_stopping_can_take_back_what_nobody_has_accepted_yet() -> None:
    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana")
        await sides.subscribe("bob")
        await sides.pass_days()
        await begin(sides)
        page = await sides.billing.migrations.page("bob")
        assert page is not None
        sides.accept(page.session, "bob")
        await sides.deliver()
        await sides.billing.migrations.stop("stripe", "paddle", undo=True)
        await go_on(sides)
        assert (await sides.phase("ana"), await sides.phase("bob")) == ("watched", "switched")
        assert (await ends(sides, "ana"), await ends(sides, "bob")) == (False, True)
        assert await sides.billing.migrations.page("ana") is None

    run(work)


def test_who_was_tried_is_tried_again_only_when_that_is_said() -> None:
    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana")
        await sides.pass_days()
        await begin(sides)
        await sides.pass_days(32)
        assert await sides.phase("ana") == "watched"
        left = await sides.billing.migrations.page("ana")
        assert left is None
        await sides.billing.migrations.stop("stripe", "paddle", undo=True)
        assert await begin(sides) == []

    run(work)


def test_a_customer_who_takes_the_end_back_stays_and_the_page_is_closed() -> None:
    async def work(sides: TwoSides) -> None:
        row = await sides.subscribe("ana")
        await sides.pass_days()
        await begin(sides)
        page = await sides.billing.migrations.page("ana")
        await sides.billing.subscriptions.uncancel("ana", row.key, idempotency_key="stay")
        await go_on(sides)
        assert await sides.phase("ana") == "watched"
        assert page is not None
        assert not await sides.billing.checkout.is_current(page.id, session=page.session)
        assert [name for _, name, _ in await sides.bills("ana")] == ["stripe"]

    run(work)


def test_whoever_takes_the_end_back_after_the_switch_does_not_pay_twice() -> None:
    async def work(sides: TwoSides) -> None:
        row = await sides.subscribe("ana")
        await sides.pass_days()
        await begin(sides)
        page = await sides.billing.migrations.page("ana")
        assert page is not None
        sides.accept(page.session, "ana")
        await sides.pass_days()
        assert await sides.phase("ana") == "switched"
        for turn in ("once", "twice"):
            await sides.billing.subscriptions.uncancel("ana", row.key, idempotency_key=turn)
            assert not await ends(sides, "ana")
            await sides.pass_days()
            assert await ends(sides, "ana")
        await sides.pass_days(60)
        assert [name for _, name, _ in await sides.bills("ana")] == ["stripe", "paddle", "paddle"]
        assert await sides.phase("ana") == "done"

    run(work)


def test_a_page_that_is_a_day_old_is_replaced_and_only_one_of_two_that_are_paid_lives() -> None:
    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana")
        await sides.pass_days()
        await begin(sides)
        first = await sides.billing.migrations.page("ana")
        assert first == await sides.billing.migrations.page("ana")
        await sides.pass_days(2)
        second = await sides.billing.migrations.page("ana")
        assert first is not None
        assert second is not None
        assert second.session != first.session
        assert not await sides.billing.checkout.is_current(first.id, session=first.session)
        sides.accept(second.session, "ana")
        sides.accept(first.session, "ana")
        await sides.pass_days(70)
        assert [name for _, name, _ in await sides.bills("ana")] == ["stripe", "paddle", "paddle"]
        states = [(one.connection, one.status) for one in await sides.subscriptions("ana")]
        assert sorted(states) == [("paddle", "active"), ("paddle", "canceled"), ("stripe", "canceled")]

    run(work)


def test_what_was_paid_while_it_was_being_undone_counts() -> None:
    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana")
        await sides.pass_days()
        await begin(sides)
        page = await sides.billing.migrations.page("ana")
        assert page is not None
        sides.clock.advance(days=28)  # the webhook of this payment is late
        sides.accept(page.session, "ana")
        await go_on(sides)
        await sides.pass_days(4)
        bills = [name for _, name, _ in await sides.bills("ana")]
        live = [one.connection for one in await sides.subscriptions("ana") if one.ended_at is None]
        assert len(live) == 1
        assert len(bills) == 2

    run(work)


def test_the_receipt_of_a_move_tells_its_way_and_its_checkout_can_be_verified() -> None:
    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana")
        await sides.pass_days()
        await begin(sides)
        page = await sides.billing.migrations.page("ana")
        assert page is not None
        assert (await sides.billing.routing.verify(page.receipt)).same
        (move,) = (await sides.billing.migrations.status("stripe", "paddle")).moves
        receipt = await sides.billing.receipts.get(move.receipt)
        assert [one.name for one in receipt.stages] == ["recorded", "ending", "offered"]
        assert move.url == page.url

    run(work)


async def work_once(sides: TwoSides) -> None:
    """What `purchase work --once` does, some minutes later."""
    sides.clock.advance(seconds=61)
    await sides.billing.worker().once(lambda task, count: None)
    sides.clock.advance(seconds=61)
    await sides.billing.worker().once(lambda task, count: None)
    await sides.deliver()


def test_a_worker_takes_in_who_comes_later_and_goes_on_with_them() -> None:
    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana")
        await sides.pass_days()
        await begin(sides)
        await sides.subscribe("bob")
        await work_once(sides)
        assert await sides.phase("bob") == ""  # looked at less than an hour ago
        await sides.pass_days(work=False)
        await work_once(sides)
        assert await sides.phase("bob") == "offered"
        assert await ends(sides, "bob")
        assert await sides.billing.migrations.enlist() == 0

    run(work)


def test_a_worker_takes_in_who_renewed_too_soon_once_they_have_renewed() -> None:
    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana")
        await sides.pass_days(25)
        assert await begin(sides) == []
        await sides.pass_days(10, work=False)
        await work_once(sides)
        assert await sides.phase("ana") == "offered"
        assert [name for _, name, _ in await sides.bills("ana")] == ["stripe", "stripe"]

    run(work)


def test_a_worker_takes_in_nobody_where_it_was_stopped_or_is_done_by_hand_or_for_others() -> None:
    async def work(sides: TwoSides) -> None:
        names = [f"user_{number}" for number in range(8)]
        half = replace(SETTINGS, percent=50)
        await sides.subscribe(names[0])
        await sides.pass_days()
        await begin(sides, half)
        for name in names[1:]:
            await sides.subscribe(name)
        await sides.pass_days(work=False)
        await sides.billing.migrations.stop("stripe", "paddle")
        await sides.pass_days(work=False)
        assert await sides.billing.migrations.enlist() == 0
        await sides.billing.migrations.resume("stripe", "paddle")
        await sides.pass_days(work=False)
        expected = [one for one in names[1:] if in_cohort(half, one)]
        assert await sides.billing.migrations.enlist() == len(expected)
        [one async for one in sides.billing.migrations.start(SETTINGS, limit=1)]
        await sides.pass_days(work=False)
        assert await sides.billing.migrations.enlist() == 0

    run(work)


def test_two_workers_that_look_at_once_begin_each_once() -> None:
    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana")
        await sides.pass_days()
        await begin(sides)
        await sides.subscribe("bob")
        await sides.pass_days(work=False)
        first = sides.billing
        await sides.open()
        counts = await asyncio.gather(first.migrations.enlist(), sides.billing.migrations.enlist())
        assert sum(counts) == 1
        status = await sides.billing.migrations.status("stripe", "paddle")
        assert sorted(one.customer for one in status.moves) == ["ana", "bob"]

    run(work)


def test_what_a_provider_refuses_is_asked_for_again_an_hour_later_and_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Under one key it would be refused for ever, and a worker would come to no end."""

    async def work(sides: TwoSides) -> None:
        await sides.subscribe("ana")
        await sides.pass_days()
        await begin(sides)
        stripe = sides.billing.connections["stripe"]
        keys: list[str] = []
        told: list[str] = []

        def tell(task: str, count: int) -> None:
            told.append(task)
            assert len(told) < 20  # it comes to an end

        async def refuses(subscription: str, *, key: str) -> tuple[Fact, ...]:
            keys.append(key)
            raise ProviderRefused("not today", provider_code="not_today")

        with monkeypatch.context() as patch:
            patch.setattr(stripe, "uncancel_subscription", refuses)
            sides.clock.advance(days=26)
            await sides.pass_days(work=False)
            for _ in range(3):  # it is asked once, however often somebody goes on with it
                done = await sides.billing.worker().once(tell)
                sides.clock.advance(seconds=90)
            assert (done["moves"], len(keys)) == (1, 1)
            (shown,) = (await sides.billing.migrations.status("stripe", "paddle")).moves
            assert (shown.phase, shown.reason) == ("undoing", "refused: not_today")
            sides.clock.advance(seconds=REFUSED_AGAIN_SECONDS)
            await go_on(sides)
            assert len(set(keys)) == 2
        assert await ends(sides, "ana")
        sides.clock.advance(seconds=REFUSED_AGAIN_SECONDS)
        await go_on(sides)
        (shown,) = (await sides.billing.migrations.status("stripe", "paddle")).moves
        assert (shown.phase, shown.reason) == ("watched", "no payment method was given in time")
        assert not await ends(sides, "ana")

    run(work)


def test_a_pass_goes_on_where_it_was_left_and_reads_only_whom_it_looks_at() -> None:
    """Slice by slice, whichever worker; one that dies in its slice leaves it to the next."""

    async def work(sides: TwoSides) -> None:
        await sides.subscribe("zoe")
        await sides.pass_days()
        await begin(sides)
        for number in range(5):
            await sides.subscribe(f"user_{number}")
        await sides.pass_days(work=False)
        migrations, store = sides.billing.migrations, sides.billing.store
        due, rows, looked = store.due, store.rows, []

        async def counted(*asked: Any, **limits: Any) -> Any:
            found = await due(*asked, **limits)
            looked.append([one.key for one in found])
            return found

        async def of_lanes(table: Any, **asked: Any) -> Any:
            assert asked.get("lane") or table is not SubscriptionRow, "all subscriptions are read"
            return await rows(table, **asked)

        with (
            patch.object(module, "ENLISTED_MAX", 2),
            patch.object(store, "due", counted),
            patch.object(store, "rows", of_lanes),
        ):
            counts = [await migrations.enlist(), await migrations.enlist()]
            assert len(looked) == 1, "somebody may be at the next slice"
            sides.clock.advance(seconds=31)
            gone = StoreUnavailable("gone")
            with patch.object(migrations, "_begin", side_effect=gone), pytest.raises(StoreUnavailable):
                await migrations.enlist()
            for _ in range(4):
                sides.clock.advance(seconds=31)
                counts.append(await migrations.enlist())
        assert [len(one) for one in looked] == [2, 2, 2, 2, 0]
        assert looked[1] == looked[2], "what was not done is done again"
        assert sum(counts) == 5
        status = await migrations.status("stripe", "paddle")
        assert len(status.moves) == 6

    run(work)
