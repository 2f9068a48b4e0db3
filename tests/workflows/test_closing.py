"""Pages that are to be paid no more: expired where the provider can, else withdrawn and watched, or kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from purchase_core.errors import (
    NotFound,
    NotSwitchable,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import CheckoutRequest, ProviderCheckout
from purchase_core.records.command import CONFIRMED, REFUSED
from purchase_core.testing.shaped import Trouble
from tests.workflows.market import PADDLE_FIRST, Market, another, run


async def close(market: Market, key: str = "cart-1") -> str:
    return await market.billing.checkout.close(idempotency_key=key)


def test_a_page_is_closed_at_its_provider_and_once() -> None:
    async def work(market: Market) -> None:
        checkout = await market.start()
        assert await close(market) == "expired"
        assert market.stripe.sessions[checkout.session].status == "expired"
        called = len(market.stripe.calls)
        assert await close(market) == "expired"
        assert len(market.stripe.calls) == called
        assert (market.command().state, market.attempts()) == (REFUSED, [("stripe", "withdrawn")])
        assert not await market.billing.checkout.is_current(checkout.id, session=checkout.session)
        with pytest.raises(ProviderRefused):
            await market.start()
        assert len(market.stripe.sessions) == 1

    run(work)


def test_f45_a_page_that_cannot_be_closed_is_withdrawn_and_its_money_counts() -> None:
    async def work(market: Market) -> None:
        checkout = await market.start()
        assert [await close(market) for _ in range(2)] == ["withdrawn", "withdrawn"]
        assert market.stages()[-1] == ("withdrawn", checkout.session)
        assert not await market.billing.checkout.is_current(checkout.id, session=checkout.session)
        await market.pay(market.paddle, checkout.session)  # from a tab that was open
        assert (await market.billing.customers.entitlements("ana")).has("export")
        assert (await market.bound(), await market.cases()) == ([("paddle", True)], [])

    run(work, router=PADDLE_FIRST)


def test_what_is_said_of_a_page_is_of_the_last_one() -> None:
    """The first was expired; the one after it is only withdrawn, and may take money."""

    async def work(market: Market) -> None:
        await market.start()
        market.clock.advance(seconds=60)
        second = await market.billing.checkout.switch(idempotency_key="cart-1")
        assert [await close(market) for _ in range(2)] == ["withdrawn", "withdrawn"]
        assert [name for name, _ in market.stages()].count("expired") == 1
        await market.pay(market.paddle, second.session)
        assert await market.bound() == [("paddle", True)]

    run(work)


@pytest.mark.parametrize("ask", ["switch", "close"])
def test_f44_where_the_policy_wants_no_page_withdrawn_nothing_changes(ask: str) -> None:
    async def work(market: Market) -> None:
        checkout, stages = await market.start(), market.stages()
        market.clock.advance(seconds=60)
        with pytest.raises(NotSwitchable, match="cannot close the page"):
            await getattr(market.billing.checkout, ask)(idempotency_key="cart-1")
        assert (market.stages(), market.command().state) == (stages, CONFIRMED)
        assert market.attempts() == [("paddle", "current")]
        assert await market.billing.checkout.is_current(checkout.id, session=checkout.session)
        assert (await market.start(), market.stripe.sessions) == (checkout, {})
        await market.pay(market.paddle, checkout.session)
        assert (await market.bound(), await market.cases()) == ([("paddle", True)], [])

    run(work, router=PADDLE_FIRST, failover={"unexpirable": "refuse"})


def test_where_a_page_can_be_closed_that_policy_hinders_nobody() -> None:
    async def work(market: Market) -> None:
        await market.start()
        market.clock.advance(seconds=60)
        assert (await market.billing.checkout.switch(idempotency_key="cart-1")).connection == "paddle"
        await market.start("cart-2", customer="bob")
        assert await close(market, "cart-2") == "expired"

    run(work, failover={"unexpirable": "refuse"})


def test_f45_what_is_paid_or_may_be_stays() -> None:
    async def work(market: Market) -> None:
        checkout = await market.start()
        facts = market.stripe.pay(checkout.session)
        with pytest.raises(NotSwitchable, match="may be paid"):
            await close(market)
        await market.stripe.deliver(market.billing, facts[:1])
        with pytest.raises(NotSwitchable, match="was completed"):
            await close(market)
        await market.stripe.deliver(market.billing, facts[1:])
        with pytest.raises(NotSwitchable, match="is paid"):
            await close(market)
        assert (market.attempts(), await market.bound()) == ([("stripe", "current")], [("stripe", True)])

    run(work)


@pytest.mark.parametrize("error", [OutcomeUnknown("no answer"), ProviderUnavailable("down")])
def test_while_the_expiry_is_not_confirmed_it_is_open(error: Exception) -> None:
    async def work(market: Market) -> None:
        checkout, stages = await market.start(), market.stages()
        market.stripe.errors["expire_checkout"] = error
        with pytest.raises(type(error)):
            await close(market)
        assert (market.stages(), market.attempts()) == (stages, [("stripe", "current")])
        assert await market.billing.checkout.is_current(checkout.id, session=checkout.session)
        del market.stripe.errors["expire_checkout"]
        assert await close(market) == "expired"

    run(work)


def test_what_was_never_opened_is_over_and_what_was_lost_is_found_first() -> None:
    async def work(market: Market) -> None:
        with pytest.raises(NotFound):
            await close(market)
        market.stripe.troubles.append(Trouble.REFUSED)
        market.paddle.troubles.append(Trouble.REFUSED)
        with pytest.raises(ProviderRefused):
            await market.start()
        assert await close(market) == "expired"
        market.stripe.troubles.append(Trouble.ANSWER_LOST)
        with pytest.raises(OutcomeUnknown):
            await market.start("cart-2")
        assert await close(market, "cart-2") == "expired"
        assert [one.status for one in market.stripe.sessions.values()] == ["expired"]

    run(work)


# --- two processes at one page ---------------------------------------------------------------------


def test_f43_of_two_that_switch_at_once_one_opens_the_next_page() -> None:
    """The slower one finds that the other has moved it on, and sends nothing: Paddle keeps no keys."""

    async def work(market: Market) -> None:
        reached, released = asyncio.Event(), asyncio.Event()
        quicker: list[asyncio.Task[Any]] = []
        expire, create = market.stripe.expire_checkout, market.paddle.create_checkout
        await market.start()
        market.clock.advance(seconds=60)

        async def waits(request: CheckoutRequest, *, key: str) -> ProviderCheckout:
            if quicker and not reached.is_set():
                reached.set()
                await released.wait()
            return await create(request, key=key)

        async def overtaken(session: str, *, key: str) -> tuple[Fact, ...]:
            market.stripe.expire_checkout = expire  # type: ignore[method-assign]
            facts = await expire(session, key=key)
            quicker.append(asyncio.create_task(process.checkout.switch(idempotency_key="cart-1")))
            await reached.wait()
            return facts

        async with another(market) as process:
            market.stripe.expire_checkout = overtaken  # type: ignore[method-assign]
            market.paddle.create_checkout = waits  # type: ignore[method-assign]
            with pytest.raises(OutcomeUnknown):
                await market.billing.checkout.switch(idempotency_key="cart-1")
            released.set()
            switched = await quicker[0]
        assert (list(market.paddle.sessions), await market.start()) == ([switched.session], switched)
        assert market.attempts() == [("stripe", "withdrawn"), ("paddle", "current")]

    run(work)


def test_f44_what_is_switched_while_it_is_closed_is_closed_where_it_has_gone() -> None:
    async def work(market: Market) -> None:
        first = await market.start()
        market.clock.advance(seconds=60)
        expire = market.stripe.expire_checkout

        async def overtaken(session: str, *, key: str) -> tuple[Fact, ...]:
            market.stripe.expire_checkout = expire  # type: ignore[method-assign]
            facts = await expire(session, key=key)
            moved.append(await process.checkout.switch(idempotency_key="cart-1"))
            market.clock.advance(seconds=1)
            return facts

        moved: list[Any] = []
        async with another(market) as process:
            market.stripe.expire_checkout = overtaken  # type: ignore[method-assign]
            assert await close(market) == "withdrawn"
        assert (moved[0].connection, market.command().state) == ("paddle", REFUSED)
        assert market.attempts() == [("stripe", "withdrawn"), ("paddle", "withdrawn")]
        for session in (first.session, moved[0].session):
            assert not await market.billing.checkout.is_current(first.id, session=session)

    run(work)
