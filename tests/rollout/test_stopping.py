"""Rollouts that stop, wait or meet another: how far they came is told, and they go on."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from purchase_core.errors import (
    OutcomeUnknown,
    PlanInvalid,
    ProviderRefused,
    ProviderUnavailable,
    RolloutBusy,
)
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import PricePage, ProductRequest
from purchase_core.workflows.rollout_log import LEASE_SECONDS
from tests.rollout.catalogs import CATALOG
from tests.rollout.street import PROVIDERS, Street, run


def test_f99_of_two_rollouts_at_once_one_wins_and_the_other_is_told() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as one, street.opening(CATALOG) as two:
            plans = [await billing.rollout.plan() for billing in (one, two)]
            outcomes = await asyncio.gather(
                *(billing.rollout.apply(planned) for billing, planned in zip((one, two), plans, strict=True)),
                return_exceptions=True,
            )
            kinds = sorted(type(outcome).__name__ for outcome in outcomes)
            assert kinds == ["Applied", "RolloutBusy"]
            prices = (await one.connections["sandbox"].prices(cursor="")).prices
            assert len(prices) == len({(price.mark, price.currency) for price in prices}) == 5

    run(work, ["sandbox"])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_f40_a_provider_that_asks_for_a_pause_gets_it(provider: str) -> None:
    async def work(street: Street) -> None:
        pauses: list[float] = []

        async def pause(seconds: float) -> None:
            pauses.append(seconds)

        async with street.opening(CATALOG) as billing:
            planned = await billing.rollout.plan()
            connection: Any = billing.connections[provider]
            create = connection.create_price
            calls = iter(range(100))

            async def busy(request: Any, *, key: str) -> str:
                if next(calls) % 2 == 0:
                    error = ProviderUnavailable("too many requests")
                    error.retry_after_seconds = 7
                    raise error
                return str(await create(request, key=key))

            connection.create_price = busy
            billing.rollout._pause = pause
            await billing.rollout.apply(planned)
            made = sum(step.kind == "price" for step in planned.steps)
            assert pauses == [7] * made
            assert (await billing.rollout.plan()).steps == ()

    run(work, [provider])


@pytest.mark.parametrize(
    "error", [ProviderUnavailable("down"), ProviderRefused("no"), OutcomeUnknown("no answer")], ids=repr
)
def test_a_rollout_that_stops_in_the_middle_says_how_far_it_came_and_goes_on(error: Any) -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            planned = await billing.rollout.plan()
            connection: Any = billing.connections["sandbox"]
            create = connection.create_price
            calls = iter(range(100))

            async def failing(request: Any, *, key: str) -> str:
                if next(calls) == 2:
                    raise error
                return str(await create(request, key=key))

            connection.create_price = failing
            with pytest.raises(type(error)) as stopped:
                await billing.rollout.apply(planned)
            assert f"6 of {len(planned.steps)} steps are done" in stopped.value.hint
            if isinstance(
                error, OutcomeUnknown
            ):  # it may still arrive: nobody goes on before that is settled
                with pytest.raises(RolloutBusy) as busy:
                    await billing.rollout.apply(planned)
                assert "--take-over" in busy.value.hint
                street.clock.advance(seconds=LEASE_SECONDS + 1)
            connection.create_price = create
            await billing.rollout.apply(planned)
            assert (await billing.rollout.plan()).steps == ()
            assert len((await connection.prices(cursor="")).prices) == 5

    run(work, ["sandbox"])


def test_a_rollout_that_goes_on_does_what_was_agreed_to_and_nothing_else() -> None:
    """What somebody has changed since it stopped was in no plan that anybody has seen."""

    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            planned = await billing.rollout.plan()
            connection: Any = billing.connections["sandbox"]
            create = connection.create_price

            async def failing(request: Any, *, key: str) -> str:
                raise ProviderUnavailable("down")

            connection.create_price = failing
            with pytest.raises(ProviderUnavailable):
                await billing.rollout.apply(planned)
            connection.create_price = create
            (first, *_) = (await connection.products(cursor="")).products
            ours = ProductRequest(first.mark.offer, first.name)
            await connection.update_product(first.id, attrs.evolve(ours, name="Mine"), key="by hand")
            with pytest.raises(PlanInvalid) as refused:
                await billing.rollout.apply(planned)
            assert refused.value.kind == "stale"
            assert (await connection.prices(cursor="")).prices == ()
            await connection.update_product(first.id, ours, key="put back")
            await billing.rollout.apply(planned)
            assert (await billing.rollout.plan()).steps == ()

    run(work, ["sandbox"])


@pytest.mark.parametrize("provider", ["sandbox", "stripe"])
def test_what_was_made_and_is_not_listed_yet_is_asked_for_under_its_key(provider: str) -> None:
    """The answer was lost, and the provider's list lags behind: the same key is given the same price."""

    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            planned = await billing.rollout.plan()
            connection: Any = billing.connections[provider]
            create, prices = connection.create_price, connection.prices

            async def lost(request: Any, *, key: str) -> str:
                await create(request, key=key)
                raise OutcomeUnknown("no answer")

            async def behind(*, cursor: str) -> PricePage:
                return PricePage((), "")

            connection.create_price, connection.prices = lost, behind
            with pytest.raises(OutcomeUnknown):
                await billing.rollout.apply(planned)
            connection.create_price = create
            await billing.rollout.apply(planned, take_over=True)
            connection.prices = prices
            made = (await prices(cursor="")).prices
            assert len(made) == sum(step.kind == "price" for step in planned.steps)
            assert (await billing.rollout.plan()).steps == ()

    run(work, [provider])


def test_f73_a_clock_that_is_ahead_delays_nobody_for_longer_than_a_lease() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            planned = await billing.rollout.plan()
            connection: Any = billing.connections["sandbox"]

            async def dying(request: Any, *, key: str) -> str:
                raise KeyboardInterrupt

            connection.create_price = dying
            now = street.clock.now()
            street.clock.set_to(Instant(now + 3_600 * SECOND))
            with pytest.raises(KeyboardInterrupt):
                await billing.rollout.apply(planned)
        street.clock.set_to(now)
        async with street.opening(CATALOG) as billing:
            with pytest.raises(RolloutBusy) as busy:
                await billing.rollout.apply(planned)
            assert "Its clock is ahead" in busy.value.message
            assert f"again in {LEASE_SECONDS} seconds" in busy.value.hint
            await billing.rollout.apply(planned, take_over=True)
            assert (await billing.rollout.plan()).steps == ()

    run(work, ["sandbox"])
