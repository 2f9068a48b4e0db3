"""Plans that must not be applied, and rollouts that stop: nothing is done, or it is told how much was."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from msgspec.structs import replace

from purchase_core import Catalog
from purchase_core.billing import Billing
from purchase_core.errors import (
    CapabilityMissing,
    NotFound,
    PlanInvalid,
    ProviderRefused,
)
from purchase_core.ports.provider import Capability
from purchase_core.rollout.plan import decode_plan
from tests.rollout.catalogs import CATALOG, PACK, app
from tests.rollout.street import Street, run


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
