"""One checkout, two providers, over the wire: every payment is known, and nothing renews twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from purchase_core.errors import NotFound, NotSwitchable, OutcomeUnknown, WrongState
from purchase_core.facts.rows import CaseRow
from purchase_core.workflows.checkout import Checkout
from purchase_simulators.stripe.objects.checkout import Session
from purchase_simulators.stripe.objects.customers import Customer
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault
from tests.migrating.two_sides import TwoSides

PADDLE_FIRST: dict[str, object] = {"share": {"stripe": 0, "paddle": 100}}
EMAIL = "ana@example.com"


def run(work: Callable[[TwoSides], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def scene() -> None:
        async with TwoSides(**options) as sides:
            await work(sides)

    asyncio.run(scene())


async def start(sides: TwoSides, key: str = "cart-1") -> Checkout:
    checkout: Checkout = await sides.billing.checkout.start(
        customer="ana", offer="app:pro", success_url="https://shop.example/yes",
        cancel_url="https://shop.example/no", idempotency_key=key, email=EMAIL,
    )  # fmt: skip
    return checkout


async def cases(sides: TwoSides) -> list[CaseRow]:
    return list(await sides.billing.cases.list(kind="excess"))


async def renews_once(sides: TwoSides, name: str) -> None:
    """Two periods later one bill a period was paid, on one connection."""
    before = len(await sides.bills("ana"))
    await sides.pass_days(62)
    fresh = (await sides.bills("ana"))[before:]
    assert [connection for _, connection, _ in fresh] == [name, name]


def sessions(sides: TwoSides) -> tuple[int, int]:
    """How many pages were opened on Stripe, and on Paddle."""
    book = sides.stripe.account.book
    return len(list(book.all(Session))), len(sides.paddle.book.rows("txn"))


def test_f43_while_stripes_answer_is_lost_paddle_waits_and_the_session_is_found() -> None:
    async def work(sides: TwoSides) -> None:
        await start(sides, key="cart-0")  # customer and price are there: only the session's answer is lost
        sides.stripe.chaos.set(Fault.LOST_ANSWER, CERTAIN_PPM)
        with pytest.raises(OutcomeUnknown):
            await start(sides)
        assert sessions(sides)[1] == 0
        sides.stripe.chaos.clear()
        checkout = await start(sides)
        assert checkout.connection == "stripe"
        assert sessions(sides) == (2, 0)
        sides.stripe.pay(checkout.session)
        await sides.deliver()
        await renews_once(sides, "stripe")

    run(work)


def test_f43_where_stripe_is_down_before_anything_was_sent_paddle_takes_it() -> None:
    async def work(sides: TwoSides) -> None:
        sides.stripe.chaos.set(Fault.UNREACHABLE, CERTAIN_PPM)
        checkout = await start(sides)
        sides.stripe.chaos.clear()
        assert checkout.connection == "paddle"
        assert sessions(sides) == (0, 1)
        sides.accept(checkout.session, "ana")
        await sides.deliver()
        assert await cases(sides) == []
        await renews_once(sides, "paddle")

    run(work)


def test_f44_a_paddle_page_that_was_open_is_paid_after_its_withdrawal_and_bills_no_second_time() -> None:
    async def work(sides: TwoSides) -> None:
        first = await start(sides)
        second = await sides.billing.checkout.switch(idempotency_key="cart-1", email=EMAIL)
        assert (first.connection, second.connection) == ("paddle", "stripe")
        assert not await sides.billing.checkout.is_current(first.id, session=first.session)
        sides.stripe.pay(second.session)
        await sides.deliver()
        sides.clock.advance(seconds=60)
        sides.accept(first.session, "ana")
        await sides.deliver()
        found = await cases(sides)
        assert {one.about.split(":")[1] for one in found} == {"paddle"}
        assert len(await sides.bills("ana")) == 2
        for one in found:
            with suppress(NotFound, WrongState):  # set right with the other one; the money is on its way back
                await sides.billing.cases.settle(one.key)
        await sides.deliver()
        bound = [(one.connection, one.bound) for one in await sides.subscriptions("ana")]
        assert sorted(bound) == [("paddle", False), ("stripe", True)]
        await renews_once(sides, "stripe")

    run(work, router=PADDLE_FIRST)


def test_f45_stripes_page_is_over_before_paddles_is_shown_and_a_paid_one_stays() -> None:
    async def work(sides: TwoSides) -> None:
        first = await start(sides)
        second = await sides.billing.checkout.switch(idempotency_key="cart-1", email=EMAIL)
        assert sides.stripe.account.book.get(Session, first.session).status == "expired"
        sides.accept(second.session, "ana")
        await sides.deliver()
        with pytest.raises(NotSwitchable, match="is paid"):
            await sides.billing.checkout.switch(idempotency_key="cart-1", email=EMAIL)
        assert await cases(sides) == []
        await renews_once(sides, "paddle")

    run(work)


def test_f46_a_debit_that_takes_days_is_not_switched_away_from() -> None:
    async def work(sides: TwoSides) -> None:
        checkout = await start(sides)
        sides.stripe.pay(checkout.session, "debit")
        await sides.deliver()
        assert not (await sides.billing.customers.entitlements("ana")).has("export")
        with pytest.raises(NotSwitchable):
            await sides.billing.checkout.switch(idempotency_key="cart-1", email=EMAIL)
        assert sessions(sides) == (1, 0)
        await sides.pass_days(4)
        assert (await sides.billing.customers.entitlements("ana")).has("export")
        assert len(await sides.bills("ana")) == 1

    run(work)


def test_f47_the_price_that_was_shown_is_taken_on_the_other_side_too() -> None:
    async def work(sides: TwoSides) -> None:
        first = await start(sides)
        sides.billing.checkout._planner._catalog = None  # type: ignore[assignment]  # a new one, or none
        second = await sides.billing.checkout.switch(idempotency_key="cart-1", email=EMAIL)
        shown = sides.stripe.account.book.get(Session, first.session)
        assert shown.status == "expired"
        sides.accept(second.session, "ana")
        await sides.deliver()
        (row,) = await sides.subscriptions("ana")
        assert (row.bound, row.unit_amount, row.currency) == (True, 1_000, "EUR")

    run(work)


def test_f48_who_dies_before_paddles_answer_is_written_leaves_one_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(BaseException):
        pass

    async def work(sides: TwoSides) -> None:
        paddle = sides.billing.connections["paddle"]
        create = paddle.create_checkout

        async def dying(*arguments: Any, **options: Any) -> Any:
            await create(*arguments, **options)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(paddle, "create_checkout", dying)
            with pytest.raises(Killed):
                await start(sides)
        await sides.open()
        checkout = await start(sides)
        assert sessions(sides) == (0, 1)
        sides.accept(checkout.session, "ana")
        await sides.deliver()
        assert len(await sides.bills("ana")) == 1

    run(work, router=PADDLE_FIRST)


def test_f49_starts_at_once_and_a_fail_over_make_one_customer_on_each_side() -> None:
    async def work(sides: TwoSides) -> None:
        await asyncio.gather(*(start(sides) for _ in range(5)))
        await sides.billing.checkout.switch(idempotency_key="cart-1", email=EMAIL)
        assert len(list(sides.stripe.account.book.all(Customer))) == 1
        assert len(sides.paddle.book.rows("ctm")) == 1
        assert sessions(sides) == (1, 1)

    run(work)
