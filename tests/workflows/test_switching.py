"""Switching: a checkout goes on elsewhere, after a confirmed expiry or a withdrawal. F43 to F49."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import pytest

from purchase_core.errors import (
    NoRoute,
    NotFound,
    NotSwitchable,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.facts.bodies import SessionSeen
from purchase_core.instants import SECOND
from purchase_core.ports.provider import CheckoutRequest, ProviderCheckout
from purchase_core.testing.shaped import Trouble
from purchase_core.workflows.order import CheckoutOptions
from tests.workflows.market import PADDLE_FIRST, Market, another, run


def test_switching_expires_the_old_session_first_and_opens_the_next() -> None:
    async def work(market: Market) -> None:
        old = await market.start()
        market.clock.advance(seconds=60)
        new = await market.billing.checkout.switch(idempotency_key="cart-1")
        assert (old.connection, new.connection, new.id) == ("stripe", "paddle", old.id)
        assert market.stripe.sessions[old.session].status == "expired"
        assert [name for name, _ in market.stages()][-3:] == ["expired", "switched", "opened"]
        assert market.attempts() == [("stripe", "withdrawn"), ("paddle", "current")]
        row = await market.intent()
        assert (row.connection, row.session) == ("paddle", new.session)
        with pytest.raises(ProviderRefused):
            market.stripe.pay(old.session)
        await market.pay(market.paddle, new.session)
        assert (await market.start()) == new
        assert await market.cases() == []

    run(work)


def test_f45_a_checkout_that_is_paid_is_not_switched() -> None:
    async def work(market: Market) -> None:
        checkout = await market.start()
        await market.pay(market.stripe, checkout.session)
        with pytest.raises(NotSwitchable, match="is paid"):
            await market.billing.checkout.switch(idempotency_key="cart-1")
        assert market.paddle.sessions == {}

    run(work)


def test_f45_money_that_is_on_its_way_is_not_switched_away_from() -> None:
    """It is paid at the provider, and its webhook has not come yet."""

    async def work(market: Market) -> None:
        checkout = await market.start()
        facts = market.stripe.pay(checkout.session)
        with pytest.raises(NotSwitchable, match="may be paid"):
            await market.billing.checkout.switch(idempotency_key="cart-1")
        assert market.paddle.sessions == {}
        assert await market.stripe.deliver(market.billing, facts) == "done"
        assert await market.bound() == [("stripe", True)]

    run(work)


def test_f45_an_expiry_whose_answer_was_lost_is_looked_up() -> None:
    async def work(market: Market) -> None:
        checkout = await market.start()
        market.stripe.sessions[checkout.session].status = "expired"
        market.clock.advance(seconds=60)
        assert (await market.billing.checkout.switch(idempotency_key="cart-1")).connection == "paddle"

    run(work)


def test_f45_a_session_known_to_be_expired_is_not_expired_again() -> None:
    async def work(market: Market) -> None:
        checkout = await market.start()
        market.clock.advance(days=1)
        facts = await market.stripe.expire_checkout(checkout.session, key="by itself")
        assert isinstance(facts[0].body, SessionSeen)
        await market.stripe.deliver(market.billing, facts)
        market.stripe.calls.clear()
        assert (await market.billing.checkout.switch(idempotency_key="cart-1")).connection == "paddle"
        assert market.stripe.calls == []

    run(work)


@pytest.mark.parametrize("error", [OutcomeUnknown("no answer"), ProviderUnavailable("down")])
def test_f43_while_the_expiry_is_not_confirmed_nothing_is_switched(error: Exception) -> None:
    async def work(market: Market) -> None:
        checkout = await market.start()
        market.stripe.errors["expire_checkout"] = error
        with pytest.raises(type(error)):
            await market.billing.checkout.switch(idempotency_key="cart-1")
        assert market.paddle.sessions == {}
        assert await market.start() == checkout
        del market.stripe.errors["expire_checkout"]
        assert (await market.billing.checkout.switch(idempotency_key="cart-1")).connection == "paddle"

    run(work)


def test_f44_a_page_that_cannot_be_closed_is_withdrawn_and_a_second_payment_is_seen() -> None:
    """The old page was open in a tab: both are paid. One subscription is bound, the other is a case."""

    async def work(market: Market) -> None:
        old = await market.start()
        market.clock.advance(seconds=60)
        new = await market.billing.checkout.switch(idempotency_key="cart-1")
        assert (old.connection, new.connection) == ("paddle", "stripe")
        assert market.attempts() == [("paddle", "withdrawn"), ("stripe", "current")]
        await market.pay(market.stripe, new.session)
        market.clock.advance(seconds=60)
        await market.pay(market.paddle, old.session)
        assert sorted(await market.bound()) == [("paddle", False), ("stripe", True)]
        kinds = sorted((kind, amount) for kind, _, amount in await market.cases())
        assert kinds == [("excess", 0), ("excess", 1_000)]

    run(work, router=PADDLE_FIRST)


def test_f44_a_page_of_our_own_can_refuse_what_is_not_current() -> None:
    async def work(market: Market) -> None:
        checkouts = market.billing.checkout
        old = await market.start()
        assert await checkouts.is_current(old.id, session=old.session)
        market.clock.advance(seconds=60)
        new = await checkouts.switch(idempotency_key="cart-1")
        assert not await checkouts.is_current(old.id, session=old.session)
        assert await checkouts.is_current(new.id, session=new.session)
        await market.pay(market.stripe, new.session)
        assert not await checkouts.is_current(new.id, session=new.session), "it is paid"
        assert not await checkouts.is_current("intent_unknown", session=new.session)

    run(work, router=PADDLE_FIRST)


def test_f44_the_withdrawn_page_is_paid_first_and_counts() -> None:
    async def work(market: Market) -> None:
        old = await market.start()
        market.clock.advance(seconds=60)
        new = await market.billing.checkout.switch(idempotency_key="cart-1")
        await market.pay(market.paddle, old.session)
        assert (await market.billing.customers.entitlements("ana")).has("export"), "money wins"
        assert await market.cases() == []
        market.clock.advance(seconds=60)
        await market.pay(market.stripe, new.session)
        assert sorted(await market.bound()) == [("paddle", True), ("stripe", False)]
        assert {kind for kind, _, _ in await market.cases()} == {"excess"}

    run(work, router=PADDLE_FIRST)


def test_f44_two_tabs_that_start_one_cart_share_one_page_also_over_a_fail_over() -> None:
    async def work(market: Market) -> None:
        market.stripe.errors["create_checkout"] = ProviderUnavailable("down")
        async with another(market) as process:
            found = await asyncio.gather(
                *(market.start(billing=one) for _ in range(10) for one in (market.billing, process)),
                return_exceptions=True,
            )
        pages = {one.url for one in found if not isinstance(one, BaseException)}
        assert len(pages) <= 1
        assert all(isinstance(one, ProviderUnavailable) for one in found if isinstance(one, BaseException))
        assert len(market.paddle.open_sessions()) <= 1
        assert (await market.start()).connection == "paddle"
        assert len(market.paddle.open_sessions()) == 1

    run(work)


def test_a_page_that_cannot_be_closed_may_be_reason_enough_not_to_switch() -> None:
    async def work(market: Market) -> None:
        await market.start()
        with pytest.raises(NotSwitchable, match="cannot close the page"):
            await market.billing.checkout.switch(idempotency_key="cart-1")
        assert market.stripe.sessions == {}

    run(work, router=PADDLE_FIRST, failover={"unexpirable": "refuse"})


def test_f46_a_completed_page_whose_money_takes_days_is_not_switched_away_from() -> None:
    async def work(market: Market) -> None:
        checkout = await market.start()
        facts = market.stripe.pay(checkout.session)
        await market.stripe.deliver(market.billing, facts[:1])
        with pytest.raises(NotSwitchable, match="was completed"):
            await market.billing.checkout.switch(idempotency_key="cart-1")
        await market.stripe.deliver(market.billing, facts[1:])
        assert await market.bound() == [("stripe", True)]

    run(work)


def test_f47_a_switched_checkout_keeps_its_price() -> None:
    async def work(market: Market) -> None:
        await market.start()
        market.billing.checkout._planner._catalog = None  # type: ignore[assignment]  # a new one, or none
        new = await market.billing.checkout.switch(idempotency_key="cart-1")
        await market.pay(market.paddle, new.session)
        assert (await market.intent()).status == "settled"
        assert await market.cases() == []

    run(work)


def test_f48_a_crash_between_the_fail_over_and_its_answer_is_adopted() -> None:
    async def work(market: Market) -> None:
        market.stripe.troubles.append(Trouble.REFUSED)
        create = market.paddle.create_checkout

        async def dies_after(request: CheckoutRequest, *, key: str) -> ProviderCheckout:
            await create(request, key=key)
            raise KeyboardInterrupt

        with patch.object(market.paddle, "create_checkout", dies_after), pytest.raises(KeyboardInterrupt):
            await market.start()
        market.clock.advance(seconds=120)
        assert await market.billing.checkout.resolve() == 1
        (session,) = market.paddle.sessions
        assert (await market.start()).session == session

    run(work)


def test_f49_a_fail_over_makes_one_customer_at_each_provider() -> None:
    async def work(market: Market) -> None:
        market.stripe.troubles.append(Trouble.REFUSED)
        await market.start()
        await market.start("cart-2", offer="book:full")
        links = await market.billing.store.references_of("customer:ana", "customer")
        assert [one.object for one in links] == ["customer:paddle:cus_ana", "customer:stripe:cus_ana"]

    run(work)


def test_switching_goes_where_it_is_told_within_the_decision() -> None:
    async def work(market: Market) -> None:
        with pytest.raises(NotFound):
            await market.billing.checkout.switch(idempotency_key="cart-1")
        first = await market.start()
        with pytest.raises(NoRoute, match="elsewhere"):
            await market.billing.checkout.switch(idempotency_key="cart-1", to="elsewhere")
        market.clock.advance(seconds=1)
        again = await market.billing.checkout.switch(idempotency_key="cart-1", to="stripe")
        assert again.session != first.session
        assert [one.status for one in market.stripe.sessions.values()] == ["expired", "open"]
        market.clock.advance(seconds=1)
        await market.billing.checkout.switch(idempotency_key="cart-1", to="paddle")
        with pytest.raises(NoRoute, match="3 connections were tried"):
            await market.billing.checkout.switch(idempotency_key="cart-1")

    run(work)


def test_a_page_that_was_switched_to_ends_as_late_as_the_first_would_have() -> None:
    async def work(market: Market) -> None:
        await market.start(options=CheckoutOptions(expires_in_seconds=1_800))
        market.clock.advance(seconds=7_200)
        await market.billing.checkout.switch(idempotency_key="cart-1")
        (session,) = market.paddle.sessions.values()
        assert session.request.expires_at == market.clock.now() + 1_800 * SECOND

    run(work)


def test_switching_a_checkout_that_is_unknown_waits() -> None:
    async def work(market: Market) -> None:
        market.stripe.troubles.append(Trouble.LOST)
        with pytest.raises(OutcomeUnknown):
            await market.start()
        market.stripe.troubles.append(Trouble.LOST)
        with pytest.raises(OutcomeUnknown):
            await market.billing.checkout.switch(idempotency_key="cart-1")
        assert market.paddle.sessions == {}

    run(work)
