"""Decisions as they are stored: explained, run again byte for byte, shadowed, and learnt from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from msgspec.structs import replace

from purchase_core.config.policies import read_policy
from purchase_core.errors import (
    InvalidArgument,
    NoRoute,
    NotFound,
    PolicyInvalid,
    ProviderUnavailable,
    UnknownOffer,
)
from purchase_core.plugins.descriptors import NoConfig, RouterPlugin
from purchase_core.plugins.hookspecs import RouteScore, hookimpl
from purchase_core.ports.provider import Capability
from purchase_core.ports.router import (
    Candidate,
    Router,
    RouteRequest,
    RoutingDecision,
    decode_decision,
)
from purchase_core.testing.shaped import Trouble
from purchase_core.workflows.adoption import KIND as ADOPTED
from purchase_core.workflows.context import RouteContext
from tests.workflows.market import START, Market, another, run

RULED: dict[str, object] = {
    "name": "ruled",
    "attributes": {"tier": ["gold", "silver"], "seats": "number", "staff": "flag"},
    "rules": [{"name": "gold", "when": {"tier": "gold"}, "prefer": ["paddle"]}],
    "share": {"stripe": 100, "paddle": 0},
}
GOLD = RouteContext(country="DE", channel="web", attributes={"tier": "gold"})


# --- stored and run again ------------------------------------------------------------------------


def test_a_stored_decision_holds_its_inputs_and_comes_out_the_same_again() -> None:
    async def work(market: Market) -> None:
        checkout = await market.start(context=GOLD)
        assert checkout.connection == "paddle"
        decision = decode_decision(market.command().decision)
        assert (decision.rule, decision.request.country, decision.request.channel) == ("gold", "DE", "web")
        assert decision.request.attributes == (("tier", "gold"),)
        found = await market.billing.routing.verify(checkout.receipt)
        assert (found.same, found.differs, found.why_not) == (True, (), "")
        receipt = await market.billing.receipts.get(checkout.receipt)
        assert receipt.decision == decision

    run(work, router=RULED)


def test_it_comes_out_the_same_under_another_policy_and_in_another_process() -> None:
    async def work(market: Market) -> None:
        checkout = await market.start(context=GOLD)
        async with another(market, router={"name": "other"}) as process:
            found = await process.routing.verify(checkout.receipt)
            assert found.same
            assert found.policy == read_policy(RULED).hash != process.routing.router.policy

    run(work, router=RULED)


def test_the_empty_policy_needs_no_keeping() -> None:
    async def work(market: Market) -> None:
        checkout = await market.start()
        assert len(market.memory.database.commands) == 1
        async with another(market, router=RULED) as process:
            assert (await process.routing.verify(checkout.receipt)).same

    run(work)


def test_a_policy_is_kept_once_and_has_a_receipt() -> None:
    async def work(market: Market) -> None:
        await market.start()
        async with another(market) as process:
            await market.start("cart-2", billing=process)
        (kept,) = (one for one in market.memory.database.commands.values() if one.kind == ADOPTED)
        assert kept.reference == read_policy(RULED).hash
        assert kept.request == read_policy(RULED).encode()
        receipt = await market.billing.receipts.get(kept.id)
        assert [(stage.name, stage.detail) for stage in receipt.stages] == [("adopted", kept.reference)]

    run(work, router=RULED)


def test_what_was_tampered_with_is_noticed() -> None:
    async def work(market: Market) -> None:
        checkout = await market.start()
        command = market.command()
        decision = decode_decision(command.decision)
        forged = replace(decision, order=decision.order[::-1])
        market.memory.database.commands[command.key] = attrs.evolve(command, decision=forged.encode())
        found = await market.billing.routing.verify(checkout.receipt)
        assert (found.same, found.differs) == (False, ("order",))

    run(work)


def test_what_cannot_be_run_again_says_why() -> None:
    async def work(market: Market) -> None:
        with pytest.raises(NotFound):
            await market.billing.routing.verify("receipt_none")
        checkout = await market.start()
        command = market.command()
        decision = decode_decision(command.decision)
        for change, why in (
            ({"policy": "0" * 32}, f"policy {'0' * 32} is not kept"),
            ({"router": "acme"}, "router 'acme' with policy"),
        ):
            unknown = replace(decision, **change)
            market.memory.database.commands[command.key] = attrs.evolve(command, decision=unknown.encode())
            found = await market.billing.routing.verify(checkout.receipt)
            assert found.again is None
            assert why in found.why_not

    run(work)


# --- explained -----------------------------------------------------------------------------------


def test_explaining_decides_and_does_nothing() -> None:
    async def work(market: Market) -> None:
        decision = await market.billing.routing.explain(customer="ana", offer="app:pro", context=GOLD)
        assert (decision.order, decision.rule) == (("paddle", "stripe"), "gold")
        assert (await market.billing.routing.explain(customer="ana", offer="app:pro")).order[0] == "stripe"
        assert market.memory.database.commands == {}
        assert market.stripe.calls == market.paddle.calls == []
        with pytest.raises(UnknownOffer):
            await market.billing.routing.explain(customer="ana", offer="app:prp")

    run(work, router=RULED)


def test_explaining_needs_no_connection_and_no_secret() -> None:
    async def work(market: Market) -> None:
        opening = market.opening()
        opening._environ = {}
        async with opening.reading() as reading:
            decision = await reading.routing.explain(customer="ana", offer="app:pro")
            assert decision.order == ("stripe", "paddle")

    run(work)


def test_what_explain_says_is_what_start_does() -> None:
    async def work(market: Market) -> None:
        for number in range(20):
            said = await market.billing.routing.explain(customer=f"user_{number}", offer="book:full")
            done = await market.start(f"cart-{number}", customer=f"user_{number}", offer="book:full")
            assert done.connection == said.order[0]
        assert market.stripe.sessions
        assert market.paddle.sessions

    run(work, router={"share": {"stripe": 50, "paddle": 50}})


# --- bad input -----------------------------------------------------------------------------------

BAD: dict[str, RouteContext] = {
    "an attribute that is not declared": RouteContext(attributes={"tyre": "gold"}),
    "a value that an attribute does not have": RouteContext(attributes={"tier": "golden"}),
    "a number for a text": RouteContext(attributes={"tier": 7}),
    "a text for a number": RouteContext(attributes={"seats": "7"}),
    "a yes for a number": RouteContext(attributes={"seats": True}),
    "a number for a yes": RouteContext(attributes={"staff": 1}),
    "a number beyond what JSON holds": RouteContext(attributes={"seats": 2**53}),
    "a country in lower case": RouteContext(country="de"),
    "a country of three letters": RouteContext(country="DEU"),
    "a country that is no text": RouteContext(country=49),  # type: ignore[arg-type]
    "a country with a lone surrogate": RouteContext(country="\ud800"),
    "a channel with a NUL": RouteContext(channel="we\x00b"),
    "a channel without end": RouteContext(channel="w" * 1_000),
    "a need that is none": RouteContext(needs=["refund"]),  # type: ignore[list-item]
}


@pytest.mark.parametrize("name", BAD)
def test_a_context_that_cannot_be_read_is_refused_before_anything(name: str) -> None:
    async def work(market: Market) -> None:
        with pytest.raises(InvalidArgument):
            await market.start(context=BAD[name])
        assert market.memory.database.commands == {}

    run(work, router=RULED)


def test_needs_are_met_or_refused() -> None:
    async def work(market: Market) -> None:
        needs = RouteContext(needs=[Capability.EXPIRE_CHECKOUT])
        assert (await market.start(context=needs)).connection == "stripe"
        with pytest.raises(NoRoute) as refused:
            await market.start("cart-2", context=RouteContext(needs=[Capability.PORTAL]))
        assert refused.value.kind == "none_fits"
        assert refused.value.reasons == (
            "stripe: stripe-shaped has no portal", "paddle: paddle-shaped has no portal",
        )  # fmt: skip

    run(work)


def test_a_policy_that_contradicts_itself_or_the_catalog_opens_nothing() -> None:
    market = Market(
        router={"share": {"acme": 60, "stripe": 30}, "rules": [{"name": "a", "when": {"moon": "full"}}]}
    )

    with pytest.raises(PolicyInvalid) as invalid:
        asyncio.run(enter(market))
    assert len(invalid.value.problems) == 2
    with pytest.raises(PolicyInvalid, match="'acme', which is not configured"):
        asyncio.run(enter(Market(router={"share": {"acme": 100}})))


async def enter(market: Market) -> None:
    async with market.opening():
        raise AssertionError("it opened")


def test_when_all_are_down_it_is_closed_and_may_be_asked_again() -> None:
    async def work(market: Market) -> None:
        for number in range(5):
            market.stripe.troubles.append(Trouble.DOWN)
            market.paddle.troubles.append(Trouble.DOWN)
            with pytest.raises(ProviderUnavailable):
                await market.start(f"cart-{number}")
        with pytest.raises(NoRoute) as refused:
            await market.start("cart-9")
        assert (refused.value.kind, refused.value.retryable) == ("all_unhealthy", True)
        assert refused.value.reasons == ("stripe: is down", "paddle: is down")
        market.clock.advance(seconds=61)
        assert (await market.start("cart-9")).connection

    run(work)


def test_the_breaker_sends_the_next_customers_elsewhere_at_once() -> None:
    async def work(market: Market) -> None:
        for number in range(5):
            market.stripe.troubles.append(Trouble.DOWN)
            assert (await market.start(f"cart-{number}")).connection == "paddle"
        tried = len(market.stripe.calls)
        assert (await market.start("cart-9")).connection == "paddle"
        assert len(market.stripe.calls) == tried
        decision = decode_decision(market.command("cart-9").decision)
        assert decision.candidates[0].health.state == "open"
        assert decision.verdicts[0].excluded == "is down"

    run(work)


class Scorer:
    """Scores as it is told."""

    def __init__(self, scores: Sequence[RouteScore] | Exception) -> None:
        self.scores = scores

    @hookimpl
    async def purchase_score_routes(self, candidates: tuple[Candidate, ...]) -> Sequence[RouteScore]:
        if isinstance(self.scores, Exception):
            raise self.scores
        return self.scores


@pytest.mark.parametrize(
    ("scores", "kind"),
    [
        (ValueError("secret"), "raised"),
        ([RouteScore("paddle", float("nan"))], "invalid"),
        ([RouteScore("paddle", float("inf"))], "invalid"),
        ([RouteScore("acme", 9.0)], "foreign"),
    ],
)
def test_a_scorer_that_fails_abstains_and_is_recorded_and_the_decision_can_still_be_verified(
    scores: Any, kind: str
) -> None:
    async def work(market: Market) -> None:
        async with another(market, Scorer(scores)) as process:
            checkout = await market.start(billing=process)
            assert checkout.connection == "stripe"
            decision = decode_decision(market.command().decision)
            assert [one.kind for one in decision.troubles] == [kind]
            assert b"secret" not in market.command().decision
            assert (await process.routing.verify(checkout.receipt)).same

    run(work)


# --- a second policy, without effect ---------------------------------------------------------------


@pytest.mark.parametrize(("weight", "said"), [(100, "agrees: stripe"), (0, "differs: paddle")])
def test_a_shadow_decides_without_effect_and_is_recorded(weight: int, said: str) -> None:
    shadow: dict[str, object] = {"share": {"stripe": weight, "paddle": 100 - weight}}

    async def work(market: Market) -> None:
        checkout = await market.start()
        assert checkout.connection == "stripe"
        assert market.stages()[1] == ("shadow", f"{said} by {read_policy(shadow).hash}")
        (outcome,) = await market.billing.routing.outcomes(START)
        assert outcome.shadow.startswith(said)

    run(work, shadow=shadow)


class Broken(Router):
    """Fails whenever it is asked."""

    name = "broken"

    def decide(self, request: RouteRequest, candidates: tuple[Candidate, ...]) -> RoutingDecision:
        raise KeyError(request.customer)


class BringsBroken:
    @hookimpl
    def purchase_register_routers(self) -> Sequence[RouterPlugin[Any]]:
        return [RouterPlugin("broken", NoConfig, lambda _config: Broken())]


def test_a_shadow_that_fails_takes_nothing_along() -> None:
    async def work(market: Market) -> None:
        async with another(market, BringsBroken(), shadow={"plugin": "broken"}) as process:
            assert (await market.start(billing=process)).connection == "stripe"
            assert market.stages()[1] == ("shadow", "failed: PluginFailed")

    run(work)
