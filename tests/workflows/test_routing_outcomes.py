"""Outcomes of routed checkouts, and what is learnt from them."""

from __future__ import annotations

import pytest

from purchase_core.config.policies import read_policy
from purchase_core.facts.bodies import RefundSeen
from purchase_core.facts.fact import seen
from purchase_core.instants import DAY, Instant
from purchase_core.ports.router import (
    Evidence,
    decode_decision,
)
from purchase_core.routing.policy import Policy
from purchase_core.routing.router import PolicyRouter
from purchase_core.testing.shaped import Trouble
from purchase_core.workflows.context import RouteContext
from tests.workflows.market import START, Market, run


def test_outcomes_are_those_of_the_horizon_and_the_young_are_censored() -> None:
    async def work(market: Market) -> None:
        paid, late = await market.start("cart-1"), await market.start("cart-2", customer="bob")
        await market.start("cart-3", customer="cyd")
        await market.pay(market.stripe, paid.session)
        market.clock.advance(days=2)
        await market.pay(market.stripe, late.session)
        young = await market.start("cart-4", customer="dan")
        await market.pay(market.stripe, young.session)
        outcomes = {
            one.decision.request.customer: one for one in await market.billing.routing.outcomes(START)
        }
        now = market.clock.now()
        assert {name: one.result(now, 24) for name, one in outcomes.items()} == {
            "ana": "paid", "bob": "unpaid", "cyd": "unpaid", "dan": "censored",
        }  # fmt: skip
        assert outcomes["bob"].result(now, 72) == "censored"
        assert outcomes["ana"].paid_at is not None
        assert (outcomes["ana"].amount, outcomes["ana"].currency, outcomes["ana"].refunded) == (
            1_000,
            "EUR",
            0,
        )
        assert await market.billing.routing.outcomes(Instant(START + DAY)) == [outcomes["dan"]]
        assert await market.billing.routing.rates() == {("stripe",): Evidence(3, 1)}

    run(work)


def test_refunds_are_told_apart_from_success() -> None:
    async def work(market: Market) -> None:
        checkout = await market.start()
        await market.pay(market.stripe, checkout.session)
        refund = RefundSeen("re_1", f"in_{checkout.session}", 400, "EUR", "succeeded")
        await market.stripe.deliver(market.billing, (seen("stripe", market.clock.now(), refund),))
        (outcome,) = await market.billing.routing.outcomes(START)
        market.clock.advance(days=2)
        assert (outcome.refunded, outcome.result(market.clock.now(), 24)) == (400, "paid")

    run(work)


def test_a_refused_attempt_counts_against_its_connection_and_a_withdrawn_one_for_nobody() -> None:
    async def work(market: Market) -> None:
        market.stripe.troubles.append(Trouble.REFUSED)
        checkout = await market.start()
        await market.pay(market.paddle, checkout.session)
        await market.start("cart-2", customer="bob")
        market.clock.advance(seconds=60)
        await market.billing.checkout.switch(idempotency_key="cart-2")
        market.clock.advance(days=2)
        assert await market.billing.routing.rates() == {
            ("stripe",): Evidence(1, 0), ("paddle",): Evidence(2, 1),
        }  # fmt: skip

    run(work)


def test_a_router_learns_by_segment_and_the_evidence_is_an_input() -> None:
    learning: dict[str, object] = {"score": {"success": 1.0, "evidence_min": 2, "segment": ["country"]}}

    async def work(market: Market) -> None:
        for number, country in enumerate(("DE", "DE", "FR")):
            checkout = await market.start(
                f"cart-{number}", customer=f"user_{number}", context=RouteContext(country=country)
            )
            assert checkout.connection == "stripe"
        market.clock.advance(days=2)
        german = await market.start("cart-8", customer="eve", context=RouteContext(country="DE"))
        decision = decode_decision(market.command("cart-8").decision)
        assert [one.evidence for one in decision.candidates] == [Evidence(2, 0), Evidence()]
        assert (await market.billing.routing.verify(german.receipt)).same
        french = await market.billing.routing.explain(
            customer="fay", offer="app:pro", context=RouteContext(country="FR")
        )
        assert [one.evidence for one in french.candidates] == [Evidence(1, 0), Evidence()]

    run(work, router=learning)


def test_a_backtest_over_what_was_decided() -> None:
    async def work(market: Market) -> None:
        for number in range(40):
            checkout = await market.start(f"cart-{number}", customer=f"user_{number}")
            provider = market.shaped.providers[checkout.connection]
            if checkout.connection == "stripe" or number % 4 == 0:
                await market.pay(provider, checkout.session)
        market.clock.advance(days=2)
        await market.start("cart-young", customer="young")
        live = await market.billing.routing.backtest(market.billing.routing.router, START)
        assert (live.checkouts, live.same, live.differ, live.censored, live.unknown) == (41, 41, 0, 1, 0)
        assert live.success == live.success_was
        assert live.success_change.mean == pytest.approx(0.0)
        all_stripe = PolicyRouter(read_policy({"share": {"stripe": 100, "paddle": 0}}))
        found = await market.billing.routing.backtest(all_stripe, START)
        assert found.differ == sum(one.was for one in found.parts if one.connection == "paddle")
        assert found.success.mean == pytest.approx(1.0)
        assert found.success_change.mean is not None
        assert found.success_change.mean > 0
        assert found.unknown == 0

    run(work, router={"share": {"stripe": 50, "paddle": 50}})


def test_what_was_never_tried_is_unknown_and_not_guessed() -> None:
    async def work(market: Market) -> None:
        for number in range(5):
            checkout = await market.start(f"cart-{number}", customer=f"user_{number}")
            await market.pay(market.stripe, checkout.session)
        market.clock.advance(days=2)
        elsewhere = PolicyRouter(read_policy({"share": {"stripe": 0, "paddle": 100}}))
        found = await market.billing.routing.backtest(elsewhere, START)
        assert (found.differ, found.unknown) == (5, 5)
        assert found.success.mean is None
        assert found.success_change.mean is None
        assert [(one.was, one.would) for one in found.differences] == [("stripe", "paddle")] * 5
        assert Policy().hash != elsewhere.policy

    run(work)
