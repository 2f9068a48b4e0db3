"""Fail-over: the next connection, only where provably nothing came of the one before. F43 to F49."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import patch

import pytest

from purchase_core.errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.ports.provider import CheckoutRequest, ProviderCheckout
from purchase_core.records.command import CONFIRMED, OPEN_STATES, REFUSED, SENDING, UNKNOWN
from purchase_core.testing.shaped import Trouble
from tests.workflows.market import Market, another, run


def test_after_a_refusal_the_next_connection_takes_the_checkout() -> None:
    async def work(market: Market) -> None:
        market.stripe.troubles.append(Trouble.REFUSED)
        checkout = await market.start()
        assert checkout.connection == "paddle"
        assert market.stripe.sessions == {}
        assert [name for name, _ in market.stages()] == ["routed", "recorded", "failed_over", "opened"]
        assert market.stages()[2] == ("failed_over", "stripe to paddle: not_sold_here")
        assert market.attempts() == [("stripe", "refused"), ("paddle", "current")]
        assert (market.command().connection, market.command().state) == ("paddle", CONFIRMED)
        assert await market.start() == checkout
        await market.pay(market.paddle, checkout.session)
        assert (await market.billing.customers.entitlements("ana")).has("export")
        assert await market.cases() == []

    run(work)


def test_one_that_is_down_before_anything_was_sent_is_passed_over() -> None:
    async def work(market: Market) -> None:
        market.stripe.troubles.append(Trouble.DOWN)
        assert (await market.start()).connection == "paddle"
        assert market.attempts() == [("stripe", "refused"), ("paddle", "current")]

    run(work)


@pytest.mark.parametrize("operation", ["ensure_customer", "ensure_price"])
def test_a_lost_answer_before_the_session_was_asked_for_opens_none(operation: str) -> None:
    async def work(market: Market) -> None:
        market.stripe.errors[operation] = OutcomeUnknown("no answer")
        assert (await market.start()).connection == "paddle"

    run(work)


def test_a_key_that_is_refused_is_the_connections_trouble_and_not_the_customers() -> None:
    async def work(market: Market) -> None:
        market.stripe.errors["create_checkout"] = AuthenticationFailed("wrong key")
        assert (await market.start()).connection == "paddle"

    run(work)


@pytest.mark.parametrize("trouble", [Trouble.ANSWER_LOST, Trouble.LOST])
def test_f43_while_the_first_is_unknown_the_second_waits(trouble: Trouble) -> None:
    async def work(market: Market) -> None:
        market.stripe.troubles.append(trouble)
        with pytest.raises(OutcomeUnknown):
            await market.start()
        assert (market.command().state, market.command().connection) == (UNKNOWN, "stripe")
        market.stripe.troubles.append(Trouble.DOWN)
        with pytest.raises(ProviderUnavailable):
            await market.start()
        market.stripe.errors["create_checkout"] = AuthenticationFailed("wrong key")
        with pytest.raises(AuthenticationFailed):
            await market.start()
        del market.stripe.errors["create_checkout"]
        assert market.paddle.sessions == {}
        assert (await market.start()).connection == "stripe"
        assert len(market.stripe.sessions) == 1
        assert market.attempts() == [("stripe", "current")]

    run(work)


def test_f43_the_first_succeeds_while_it_is_unknown() -> None:
    async def work(market: Market) -> None:
        market.stripe.troubles.append(Trouble.ANSWER_LOST)
        with pytest.raises(OutcomeUnknown):
            await market.start()
        (session,) = market.stripe.sessions
        await market.pay(market.stripe, session)
        assert (await market.start()).session == session
        assert market.paddle.sessions == {}
        assert await market.bound() == [("stripe", True)]
        assert await market.cases() == []

    run(work)


def test_f43_what_provably_never_arrived_is_tried_elsewhere() -> None:
    """Once the provider has forgotten the key and shows no trace of the attempt."""

    async def work(market: Market) -> None:
        market.stripe.troubles.append(Trouble.LOST)
        with pytest.raises(OutcomeUnknown):
            await market.start()
        market.clock.advance(days=1, seconds=-3_000)
        with pytest.raises(OutcomeUnknown):
            await market.start()
        assert market.paddle.sessions == {}
        market.clock.advance(days=1)
        assert (await market.start()).connection == "paddle"
        assert market.stages()[-2:-1] == [("failed_over", "stripe to paddle: never arrived")]

    run(work)


def test_f43_a_checkout_that_another_process_left_unfinished_proves_nothing() -> None:
    """It may have been sent just before that process died."""

    async def work(market: Market) -> None:
        with (
            patch.object(market.stripe, "create_checkout", side_effect=KeyboardInterrupt),
            pytest.raises(KeyboardInterrupt),
        ):
            await market.start()
        assert market.command().state == SENDING
        async with another(market) as process:
            market.stripe.troubles.append(Trouble.DOWN)
            with pytest.raises(ProviderUnavailable):
                await market.start(billing=process)
            assert market.paddle.sessions == {}
            assert (await market.start(billing=process)).connection == "stripe"

    run(work)


def test_f43_a_customer_can_be_told_where_the_policy_says_so() -> None:
    async def work(market: Market) -> None:
        market.stripe.troubles.append(Trouble.LOST)
        with pytest.raises(OutcomeUnknown) as told:
            await market.start()
        assert "Tell the customer" in told.value.hint
        assert market.paddle.sessions == {}

    run(work, failover={"on_unknown": "tell"})


@pytest.mark.parametrize(
    ("policy", "trouble", "error"),
    [
        ({"on_refusal": "stop"}, Trouble.REFUSED, ProviderRefused),
        ({"on_unavailable": "stop"}, Trouble.DOWN, ProviderUnavailable),
        ({"attempts_max": 1}, Trouble.REFUSED, ProviderRefused),
    ],
)
def test_the_policy_may_want_no_other(
    policy: dict[str, object], trouble: Trouble, error: type[Exception]
) -> None:
    async def work(market: Market) -> None:
        market.stripe.troubles.append(trouble)
        with pytest.raises(error):
            await market.start()
        assert market.paddle.sessions == {}

    run(work, failover=policy)


def test_where_all_refuse_it_is_refused() -> None:
    async def work(market: Market) -> None:
        market.stripe.troubles.append(Trouble.REFUSED)
        market.paddle.troubles.append(Trouble.REFUSED)
        with pytest.raises(ProviderRefused):
            await market.start()
        assert market.command().state == REFUSED
        assert [name for name, _ in market.stages()] == ["routed", "recorded", "failed_over", "refused"]
        with pytest.raises(ProviderRefused):
            await market.start()
        assert len(market.paddle.calls) == 3, "it was not sent again"

    run(work)


def test_a_second_connection_that_is_unknown_waits_too() -> None:
    async def work(market: Market) -> None:
        market.stripe.troubles.append(Trouble.REFUSED)
        market.paddle.troubles.append(Trouble.ANSWER_LOST)
        with pytest.raises(OutcomeUnknown):
            await market.start()
        assert (market.command().state, market.command().connection) == (UNKNOWN, "paddle")
        market.clock.advance(seconds=1)
        (session,) = market.paddle.sessions
        assert (await market.start()).session == session, "found by its attempt: there are no keys"
        assert len(market.paddle.sessions) == 1

    run(work)


def test_a_policy_that_changed_meanwhile_is_not_followed_further() -> None:
    async def work(market: Market) -> None:
        async def dies(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        with patch.object(market.stripe, "create_checkout", dies), pytest.raises(KeyboardInterrupt):
            await market.start()
        market.stripe.troubles.append(Trouble.REFUSED)
        changed: dict[str, object] = {"name": "another"}
        async with another(market, router=changed) as process:
            with pytest.raises(ProviderRefused):
                await market.start(billing=process)
        assert (market.command().state, market.paddle.sessions) == (REFUSED, {})

    run(work)


def test_a_policy_that_changed_meanwhile_is_followed_where_that_is_wanted() -> None:
    async def work(market: Market) -> None:
        with (
            patch.object(market.stripe, "create_checkout", side_effect=KeyboardInterrupt),
            pytest.raises(KeyboardInterrupt),
        ):
            await market.start()
        market.stripe.troubles.append(Trouble.REFUSED)
        changed: dict[str, object] = {"name": "another"}
        async with another(market, router=changed, failover={"on_policy_change": "follow"}) as process:
            assert (await market.start(billing=process)).connection == "paddle"

    run(work)


def test_a_slower_process_gets_no_second_page() -> None:
    """Both go on with one checkout; while the slow one waits for its answer, the fast one fails over."""

    async def work(market: Market) -> None:
        asked, released = asyncio.Event(), asyncio.Event()
        create, late = market.stripe.create_checkout, []

        async def slow(request: CheckoutRequest, *, key: str) -> ProviderCheckout:
            asked.set()
            await released.wait()
            return await create(request, key=key)

        async def down_at_first(request: CheckoutRequest, *, key: str) -> ProviderCheckout:
            with patch.object(market.stripe, "create_checkout", slow):
                late.append(asyncio.create_task(market.start(billing=process)))
                await asked.wait()
            raise ProviderUnavailable("nobody is there")

        async with another(market) as process:
            with patch.object(market.stripe, "create_checkout", down_at_first):
                fast = await market.start()
            assert fast.connection == "paddle"
            released.set()
            assert await late[0] == fast
        (stray,) = market.stripe.sessions.values()
        assert stray.status == "expired"
        assert market.attempts() == [("stripe", "withdrawn"), ("paddle", "current")]
        assert ("withdrawn", stray.id) in market.stages()
        row = await market.intent()
        assert (row.connection, row.session) == ("paddle", fast.session)

    run(work)


@pytest.mark.parametrize("late_answer", ["opened", "refused", "unknown", "lost"])
def test_what_a_slower_process_hears_of_an_earlier_attempt_does_not_end_the_current_one(
    late_answer: str,
) -> None:
    """It comes while the current attempt is on its way to the other provider."""

    async def work(market: Market) -> None:
        asked, released = asyncio.Event(), asyncio.Event()
        create, create_next, late = market.stripe.create_checkout, market.paddle.create_checkout, []

        async def slow(request: CheckoutRequest, *, key: str) -> ProviderCheckout:
            asked.set()
            await released.wait()
            if late_answer == "refused":
                raise ProviderRefused("not with us")
            if late_answer == "unknown":
                raise OutcomeUnknown("no answer")
            opened = await create(request, key=key)
            if late_answer == "lost":
                raise OutcomeUnknown("no answer")
            return opened

        async def down_at_first(request: CheckoutRequest, *, key: str) -> ProviderCheckout:
            with patch.object(market.stripe, "create_checkout", slow):
                late.append(asyncio.create_task(market.start(billing=process)))
                await asked.wait()
            raise ProviderUnavailable("nobody is there")

        async def after_the_slow_one(request: CheckoutRequest, *, key: str) -> ProviderCheckout:
            if not released.is_set():
                released.set()
                for _ in range(50):
                    await asyncio.sleep(0)
                seen.append((market.command().state, market.command().connection))
            return await create_next(request, key=key)

        seen: list[tuple[str, str]] = []
        async with another(market) as process:
            with (
                patch.object(market.stripe, "create_checkout", down_at_first),
                patch.object(market.paddle, "create_checkout", after_the_slow_one),
            ):
                fast = await market.start()
            found = (await asyncio.gather(*late, return_exceptions=True))[0]
        ((state, connection),) = seen
        assert (state in OPEN_STATES, connection) == (True, "paddle"), "the slow one has ended nothing"
        assert fast.connection == "paddle"
        assert len(market.paddle.sessions) == 1, "there are no keys, so it was sent once"
        assert found == fast or isinstance(found, ProviderRefused | OutcomeUnknown)
        assert (market.command().state, await market.start()) == (CONFIRMED, fast)
        assert "stripe" not in [name for name, status in market.attempts() if status == "current"]
        opened = ["expired"] if late_answer in ("opened", "lost") else []
        assert [one.status for one in market.stripe.sessions.values()] == opened

    run(work)
