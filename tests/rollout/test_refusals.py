"""Plans that must not be applied, and rollouts that stop: nothing is done, or it is told how much was."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest
from msgspec.structs import replace

from purchase_core import Catalog, Money, plan, subscription
from purchase_core.billing import Billing
from purchase_core.errors import (
    CapabilityMissing,
    NotFound,
    OutcomeUnknown,
    PlanInvalid,
    ProviderRefused,
    ProviderUnavailable,
    RolloutBusy,
)
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Capability, PricePage, ProductRequest
from purchase_core.rollout.plan import decode_plan
from purchase_core.workflows.rollout_log import LEASE_SECONDS
from tests.rollout.street import PROVIDERS, Street, run
from tests.rollout.test_rollout import CATALOG, PACK, app, told


async def untouched(street: Street, billing: Billing) -> None:
    """Nothing was made at any provider, nor written down."""
    for name, connection in billing.connections.items():
        assert (await connection.products(cursor="")).products == ()
        assert await billing.store.prices_of(name) == []


def test_a_plan_that_was_edited_by_hand_is_refused() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            planned = await billing.rollout.plan()
            file = planned.encode()
            assert decode_plan(file) == planned
            for edited in (
                file.replace(b"12.00 USD", b" 2.00 USD", 1),
                file.replace(b'"create"', b'"archive"', 1),
                file.replace(planned.catalog.encode(), b"0" * 32),
                file.replace(b"paddle", b"stripe"),
            ):
                assert edited != file
                with pytest.raises(PlanInvalid) as refused:
                    decode_plan(edited)
                assert refused.value.kind == "edited"
            for nonsense in (b"", b"{}", b"[]", b"null", b"{", file[:-20], b"[" * 100_000, b" " * 40_000_000):
                with pytest.raises(PlanInvalid) as refused:
                    decode_plan(nonsense)
                assert refused.value.kind == "unreadable"
            steps = tuple(replace(step, after="0.01 USD") for step in planned.steps)
            forged = replace(planned, steps=steps).sealed()  # by somebody who knows how seals are made
            assert decode_plan(forged.encode()) == forged
            with pytest.raises(PlanInvalid) as refused:
                await billing.rollout.apply(forged)
            assert refused.value.kind == "stale"
            await untouched(street, billing)

    run(work)


@pytest.mark.parametrize(
    "elsewhere",
    [{"project": "other"}, {"environment": "production"}, {"providers": ["sandbox"]}],
    ids=["project", "environment", "connections"],
)
def test_a_plan_of_another_place_is_refused(elsewhere: dict[str, Any]) -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            planned = await billing.rollout.plan()
        async with street.opening(CATALOG, **elsewhere) as billing:
            with pytest.raises(PlanInvalid) as refused:
                await billing.rollout.apply(planned)
            assert refused.value.kind == "elsewhere"
            await untouched(street, billing)

    run(work)


def test_a_plan_of_another_account_is_refused() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            planned = await billing.rollout.plan()
            accounts = tuple(replace(one, account="acct_other") for one in planned.accounts)
            with pytest.raises(PlanInvalid) as refused:
                await billing.rollout.apply(replace(planned, accounts=accounts).sealed())
            assert refused.value.kind == "elsewhere"
            await untouched(street, billing)

    run(work, ["sandbox"])


def test_a_plan_is_stale_once_the_catalog_or_a_provider_has_moved() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            planned = await billing.rollout.plan()
        async with street.opening(Catalog(app("13.00"), PACK)) as billing:
            with pytest.raises(PlanInvalid) as refused:
                await billing.rollout.apply(planned)
            assert refused.value.kind == "stale"
        async with street.opening(CATALOG) as billing:
            await street.start(billing, "app:pro")  # a checkout makes a price
            with pytest.raises(PlanInvalid) as refused:
                await billing.rollout.apply(planned)
            assert refused.value.kind == "stale"
            await billing.rollout.apply(await billing.rollout.plan())
            assert (await billing.rollout.plan()).steps == ()

    run(work, ["sandbox"])


def test_who_subscribes_meanwhile_makes_no_plan_stale() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            await street.buy(billing, "app:pro")
        async with street.opening(Catalog(app("15.00"), PACK)) as billing:
            planned = await billing.rollout.plan()
            async with street.opening(CATALOG) as old:
                await street.buy(old, "app:pro", "cart-2", "ben")
            await billing.rollout.apply(planned)

    run(work, ["sandbox"])


def test_a_plan_that_was_applied_is_done_once() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            planned = await billing.rollout.plan()
            first = await billing.rollout.apply(planned)
            again = await billing.rollout.apply(planned)
            assert (again.receipt, again.done) == (first.receipt, ())
            receipt = await billing.receipts.get(first.receipt)
            assert receipt.stages[0].name == "begun"
            assert receipt.stages[-1].name == "done"
            assert len(receipt.stages) == len(planned.steps) + 2

    run(work, ["sandbox"])


def test_a_plan_that_was_undone_since_is_stale_and_says_what_undid_it() -> None:
    async def work(street: Street) -> None:
        first, dearer = Catalog(app(), PACK), Catalog(app("15.00"), PACK)
        async with street.opening(first) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
        async with street.opening(dearer) as billing:
            planned = await billing.rollout.plan()
            receipt = (await billing.rollout.apply(planned)).receipt
            street.clock.advance(seconds=5)
            back = await billing.rollout.plan(to=first.content_hash[:8])
            await billing.rollout.apply(back)
            with pytest.raises(PlanInvalid) as refused:
                await billing.rollout.apply(planned)
            assert refused.value.kind == "stale"
            assert f"({receipt}), and catalog {first.content_hash[:8]} was rolled out" in str(refused.value)
            assert f"--to {dearer.content_hash[:8]}" in refused.value.hint
            assert (await billing.rollout.plan(to=first.content_hash)).steps == ()  # nothing was done
            street.clock.advance(seconds=5)
            await billing.rollout.apply(await billing.rollout.plan())
            # What it led to is in force again, by another plan: there is nothing left to do.
            assert (await billing.rollout.apply(planned)).done == ()
            with pytest.raises(PlanInvalid, match="carried out"):
                await billing.rollout.apply(back)

    run(work, ["sandbox"])


def test_a_plan_that_stopped_does_not_go_on_once_another_was_rolled_out() -> None:
    async def work(street: Street) -> None:
        first, dearer = Catalog(app(), PACK), Catalog(app("15.00"), PACK)
        async with street.opening(first) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
        async with street.opening(dearer) as billing:
            planned = await billing.rollout.plan()

            async def failing(*_: object, **__: object) -> str:
                raise ProviderRefused("no", provider_code="no")

            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(billing.connections["sandbox"], "create_price", failing)
                with pytest.raises(ProviderRefused):
                    await billing.rollout.apply(planned)
        dearest = Catalog(app("19.00"), PACK)
        street.clock.advance(seconds=5)
        async with street.opening(dearest) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
        async with street.opening(dearer) as billing:
            with pytest.raises(PlanInvalid) as refused:
                await billing.rollout.apply(planned)
            assert refused.value.kind == "stale"
            assert "begun (receipt_" in str(refused.value)
            assert f"catalog {dearest.content_hash[:8]} was rolled out since" in str(refused.value)

    run(work, ["sandbox"])


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


def test_what_is_not_there_is_said_to_be_missing() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            with pytest.raises(NotFound) as missing:
                await billing.rollout.plan(connections=["stripe-us"])
            assert "Configured: sandbox" in missing.value.hint
            with pytest.raises(NotFound):
                await billing.rollout.plan(to="abc")

    run(work, ["sandbox"])


def test_a_provider_that_cannot_list_its_catalog_is_refused_before_any_call() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            connection: Any = billing.connections["sandbox"]
            declared = connection.capabilities.declared - {Capability.CATALOG}
            connection.capabilities = attrs.evolve(connection.capabilities, declared=declared)
            with pytest.raises(CapabilityMissing):
                await billing.rollout.plan(connections=["sandbox"])
            planned = await billing.rollout.plan()
            assert (planned.steps, planned.accounts) == ((), ())
            assert [one.text for one in planned.notices] == ["not looked at: it has no catalog"]

    run(work, ["sandbox"])


# --- and back again ------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_way_back_reinstates_what_was_replaced_and_moves_nobody(provider: str) -> None:
    async def work(street: Street) -> None:
        dearer = Catalog(app("15.00"), PACK)
        first = Catalog(app(), PACK)
        async with street.opening(first) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            await street.buy(billing, "app:pro")
            old = {one.price for one in await billing.store.prices_of(provider) if one.offer == "app:pro"}
        async with street.opening(dearer) as billing:
            street.clock.advance(seconds=5)
            await billing.rollout.apply(await billing.rollout.plan())
            await street.buy(billing, "app:pro", "cart-2", "ben")
            assert [one.catalog for one in await billing.rollout.versions()] == [
                first.content_hash, dearer.content_hash,
            ]  # fmt: skip
            back = await billing.rollout.plan(to=first.content_hash[:8])
            acts = {step.act for step in back.steps}
            assert acts == {"reinstate", "retire"}
            assert {step.object for step in back.steps if step.act == "reinstate"} == old
            keeping = {step.currency: step.holders for step in back.steps if step.act == "retire"}
            assert keeping == ({"USD": 1} if provider == "stripe" else {"USD": 1, "EUR": 0})
            street.clock.advance(seconds=5)
            await billing.rollout.apply(decode_plan(back.encode()))
            assert (await billing.rollout.plan(to=first.content_hash)).steps == ()
            assert (await billing.rollout.plan()).steps != ()
            await street.deliver(billing)
            rows = {row.lane: row.unit_amount for row in await street.subscriptions(billing)}
            assert rows == {"customer:ana": 1_200, "customer:ben": 1_500}
        async with street.opening(first) as billing:
            assert (await billing.rollout.plan()).steps == ()
            before = await billing.store.prices_of(provider)
            await street.buy(billing, "app:pro", "cart-3", "cid")
            assert await billing.store.prices_of(provider) == before

    run(work, [provider])


def test_several_providers_are_planned_and_brought_there_together() -> None:
    async def work(street: Street) -> None:
        async with street.opening(CATALOG) as billing:
            planned = await billing.rollout.plan()
            assert [one.name for one in planned.accounts] == ["paddle", "sandbox", "stripe"]
            assert {step.connection for step in planned.steps} == set(PROVIDERS)
            some = await billing.rollout.plan(connections=["stripe"])
            assert {step.connection for step in some.steps} == {"stripe"}
            await billing.rollout.apply(some)
            rest = await billing.rollout.plan()
            assert {step.connection for step in rest.steps} == {"paddle", "sandbox"}
            await billing.rollout.apply(rest)
            assert (await billing.rollout.plan()).steps == ()

    run(work)


def test_a_free_plan_needs_nothing_at_a_provider() -> None:
    async def work(street: Street) -> None:
        free = Catalog(subscription("app", plans=[plan("free", default=True)]))
        async with street.opening(free) as billing:
            planned = await billing.rollout.plan()
            assert (told(planned), planned.notices) == ([], ())
        paid = plan("pro", price=Money("5.00", "USD"), every="month")
        both = Catalog(subscription("app", plans=[plan("free", default=True), paid]))
        async with street.opening(both) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
        async with street.opening(free) as billing:  # what was paid is free now
            assert {step.act for step in (await billing.rollout.plan()).steps} == {"archive"}

    run(work)
