"""A checkout that goes nowhere, or no further: a type, a kind, and a reason for each connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest

from purchase_core.errors import NoRoute, ProviderRefused, ProviderUnavailable
from purchase_core.plugins.hookspecs import RouteScore, hookimpl
from purchase_core.ports.router import Candidate, decode_decision
from purchase_core.records.command import REFUSED
from purchase_core.testing.shaped import Trouble
from purchase_core.workflows.context import RouteContext
from tests.workflows.market import Market, another, run


async def refused(market: Market, **wish: Any) -> NoRoute:
    """That a checkout is refused, and that nothing was written, made or opened."""
    written = len(market.memory.database.commands)
    called = len(market.stripe.calls) + len(market.paddle.calls)
    with pytest.raises(NoRoute) as told:
        await market.start("refused", **wish)
    assert len(market.memory.database.commands) == written
    assert len(market.stripe.calls) + len(market.paddle.calls) == called
    return told.value


def test_where_nothing_is_configured_nobody_can_be_chosen() -> None:
    async def work() -> None:
        market = Market()
        async with market.opening() as billing:
            market.billing = billing
            billing.checkout._planner._connections = {}
            told = await refused(market)
            assert (told.kind, told.reasons, told.retryable) == ("no_candidate", (), False)
            assert "none is configured" in str(told)
            decision = await billing.routing.explain(customer="ana", offer="app:pro")
            assert (decision.refused, decision.order, decision.verdicts) == ("no_candidate", (), ())

    asyncio.run(work())


def test_a_country_that_is_not_known_is_refused_where_everybody_sells_in_some_only() -> None:
    some: dict[str, object] = {"connections": {name: {"countries": ["DE"]} for name in ("stripe", "paddle")}}
    reason = "sells in some countries only, and the customer's is not known"

    async def closed(market: Market) -> None:
        told = await refused(market)
        assert (told.kind, told.retryable) == ("none_fits", False)
        assert told.reasons == (f"stripe: {reason}", f"paddle: {reason}")
        abroad = await refused(market, context=RouteContext(country="FR"))
        assert abroad.reasons == ("stripe: does not sell in FR", "paddle: does not sell in FR")
        assert (await market.start(context=RouteContext(country="DE"))).connection == "stripe"

    async def allowed(market: Market) -> None:
        assert (await market.start()).connection == "stripe"
        decision = decode_decision(market.command().decision)
        assert [one.notes for one in decision.verdicts] == [("country unknown",)] * 2
        assert (await refused(market, context=RouteContext(country="FR"))).kind == "none_fits"

    run(closed, router=some)
    run(allowed, router={**some, "unknown_country": "allow"})


def test_all_unhealthy_is_closed_unless_the_policy_says_try_and_either_is_told() -> None:
    async def both_down(market: Market) -> None:
        for number in range(5):
            market.stripe.troubles.append(Trouble.DOWN)
            market.paddle.troubles.append(Trouble.DOWN)
            with suppress(ProviderUnavailable):
                await market.start(f"cart-{number}")

    async def closed(market: Market) -> None:
        await both_down(market)
        told = await refused(market)
        assert (told.kind, told.retryable, told.hint) == ("all_unhealthy", True, "Ask again later.")
        decision = await market.billing.routing.explain(customer="ana", offer="app:pro")
        assert (decision.refused, decision.order) == ("all_unhealthy", ())
        assert [(one.step, one.excluded) for one in decision.verdicts] == [("health", "is down")] * 2

    async def tried(market: Market) -> None:
        await both_down(market)
        with suppress(ProviderUnavailable):  # its circuit is open as well: nothing is sent
            await market.start("cart-9")
        decision = decode_decision(market.command("cart-9").decision)
        assert (decision.refused, decision.order) == ("", ("stripe", "paddle"))
        assert {one.notes for one in decision.verdicts} == {("tried all the same: is down",)}

    run(closed)
    run(tried, router={"health": {"when_all_unhealthy": "try"}})


class Excludes:
    """A scorer that leaves everybody out."""

    @hookimpl
    async def purchase_score_routes(self, candidates: tuple[Candidate, ...]) -> Sequence[RouteScore]:
        """A reason each."""
        return [RouteScore(one.connection, excluded="closed for the day") for one in candidates]


def test_whom_every_plugin_excludes_is_sent_nowhere() -> None:
    async def work(market: Market) -> None:
        async with another(market, Excludes()) as process:
            told = await refused(market, billing=process)
            assert told.kind == "none_fits"
            assert told.reasons == ("stripe: closed for the day", "paddle: closed for the day")

    run(work)


class Never:
    """A scorer that does not come to an end."""

    @hookimpl
    async def purchase_score_routes(self, candidates: tuple[Candidate, ...]) -> Sequence[RouteScore]:
        """Nothing."""
        await asyncio.Event().wait()
        return [RouteScore(candidates[-1].connection, 9.0)]


def test_a_scorer_that_is_late_is_waited_for_no_longer_and_the_decision_says_so() -> None:
    async def work(market: Market) -> None:
        async with another(market, Never()) as process:
            process.checkout._planner._advisers._seconds_max = 0.02  # type: ignore[attr-defined]
            checkout = await market.start(billing=process)
            decision = decode_decision(market.command().decision)
            assert (checkout.connection, [one.kind for one in decision.troubles]) == ("stripe", ["late"])
            assert (await process.routing.verify(checkout.receipt)).same

    run(work)


# --- a policy that has changed since ---------------------------------------------------------------

CHANGED: dict[str, object] = {"name": "another"}


def test_a_fail_over_that_a_new_policy_stops_says_so_in_the_receipt() -> None:
    async def work(market: Market) -> None:
        with (
            patch.object(market.stripe, "create_checkout", side_effect=KeyboardInterrupt),
            pytest.raises(KeyboardInterrupt),
        ):
            await market.start()
        market.stripe.troubles.append(Trouble.REFUSED)
        async with another(market, router=CHANGED) as process:
            with pytest.raises(ProviderRefused):
                await market.start(billing=process)
        why = "not_sold_here; not tried elsewhere: the policy has changed since it was routed"
        assert (market.command().state, market.stages()[-1]) == (REFUSED, (REFUSED, why))
        assert market.paddle.sessions == {}
        with pytest.raises(ProviderRefused, match="the policy has changed since it was routed"):
            await market.start()

    run(work)


def test_a_switch_that_a_new_policy_stops_is_no_route_of_that_kind() -> None:
    async def work(market: Market) -> None:
        first = await market.start()
        market.clock.advance(seconds=60)
        async with another(market, router=CHANGED) as process:
            with pytest.raises(NoRoute) as told:
                await process.checkout.switch(idempotency_key="cart-1")
            assert (told.value.kind, told.value.retryable) == ("policy_changed", False)
            assert told.value.reasons == ("the policy has changed since it was routed",)
            assert [one.id for one in market.stripe.open_sessions()] == [first.session], "it stays open"
            moved = await process.checkout.switch(idempotency_key="cart-1", to="paddle")
            assert moved.connection == "paddle", "where it is named, nobody follows the old policy"

    run(work)


def test_a_fail_over_is_told_what_stops_it() -> None:
    async def often(market: Market) -> None:
        market.stripe.troubles.append(Trouble.REFUSED)
        with pytest.raises(ProviderRefused):
            await market.start()
        why = "1 connection was tried, and the policy allows no more"
        assert market.stages()[-1][1] == f"not_sold_here; not tried elsewhere: {why}"

    async def nobody_left(market: Market) -> None:
        market.stripe.troubles.append(Trouble.REFUSED)
        with pytest.raises(ProviderRefused):
            await market.start(context=RouteContext(country="DE"))
        assert market.stages()[-1][1] == "not_sold_here", "there was no other to try"

    run(often, failover={"attempts_max": 1})
    run(nobody_left, router={"connections": {"paddle": {"enabled": False}}})
