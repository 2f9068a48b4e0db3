"""What was made by hand is recognised or asked about, and never guessed."""

from __future__ import annotations

import pytest

from purchase_core.errors import PlanInvalid
from purchase_core.rollout.comparing import NEW, RENAME, REPLACE
from tests.rollout.catalogs import told
from tests.rollout.changing import by_hand, sold
from tests.rollout.street import PROVIDERS, Street, run


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_was_made_by_hand_is_asked_about_and_adopted(provider: str) -> None:
    async def work(street: Street) -> None:
        product, price = await by_hand(street, provider)
        async with street.opening(sold()) as billing:
            planned = await billing.rollout.plan()
            (doubt,) = planned.doubts
            assert doubt.id == f"{provider}:app:pro:USD"
            assert [choice.answer for choice in doubt.choices] == [price, NEW]
            assert doubt.choices[0].confidence == "likely, name and price agree"
            with pytest.raises(PlanInvalid) as refused:
                await billing.rollout.apply(planned)
            assert refused.value.kind == "undecided"
            assert await billing.store.prices_of(provider) == []
            decided = await billing.rollout.plan(answers={doubt.id: price})
            assert {(step.act, step.kind) for step in decided.steps} == {
                ("adopt", "product"),
                ("adopt", "price"),
            }
            await billing.rollout.apply(decided)
            assert (await billing.rollout.plan()).steps == ()
            connection = billing.connections[provider]
            assert [one.id for one in (await connection.products(cursor="")).products] == [product]
            assert [one.id for one in (await connection.prices(cursor="")).prices] == [price]
            await street.buy(billing, "app:pro")
            (record,) = await billing.store.prices_of(provider)
            assert record.price == price

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_said_to_be_another_is_left_alone(provider: str) -> None:
    async def work(street: Street) -> None:
        _, price = await by_hand(street, provider)
        async with street.opening(sold()) as billing:
            (doubt,) = (await billing.rollout.plan()).doubts
            decided = await billing.rollout.plan(answers={doubt.id: NEW})
            assert told(decided) == [("create", "product", "app:pro"), ("create", "price", "app:pro")]
            await billing.rollout.apply(decided)
            listed = {one.id: one for one in (await billing.connections[provider].prices(cursor="")).prices}
            assert len(listed) == 2
            assert listed[price].mark is None
            assert (await billing.rollout.plan(answers={doubt.id: NEW})).steps == ()

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_product_of_our_name_at_another_price_is_somebody_elses(provider: str) -> None:
    async def work(street: Street) -> None:
        await by_hand(street, provider, amount=900)
        async with street.opening(sold()) as billing:
            planned = await billing.rollout.plan()
            assert (planned.doubts, {step.act for step in planned.steps}) == ((), {"create"})
            assert planned.accounts[0].foreign == 1

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_price_that_the_catalog_names_is_adopted_without_asking(provider: str) -> None:
    async def work(street: Street) -> None:
        _, price = await by_hand(street, provider, name="Whatever")
        async with street.opening(sold(provider_ids={provider: price})) as billing:
            planned = await billing.rollout.plan()
            confident = {step.confidence for step in planned.steps if step.kind == "price"}
            assert confident == {"certain, the catalog names it"}
            await billing.rollout.apply(planned)
            assert [one.price for one in await billing.store.prices_of(provider)] == [price]
            assert (await billing.rollout.plan()).steps == ()

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("answer", [RENAME, REPLACE])
def test_an_offer_under_another_id_is_asked_about(provider: str, answer: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(sold()) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            await street.buy(billing, "app:pro")
            (old,) = (await billing.connections[provider].products(cursor="")).products
        async with street.opening(sold("plus")) as billing:
            planned = await billing.rollout.plan()
            (doubt,) = planned.doubts
            assert doubt.id == f"{provider}:app:pro->app:plus"
            decided = await billing.rollout.plan(answers={doubt.id: answer})
            assert sum(step.holders for step in decided.steps) == 1
            await billing.rollout.apply(decided)
            products = (await billing.connections[provider].products(cursor="")).products
            active = [one for one in products if one.active]
            assert [one.mark and one.mark.offer for one in active] == ["app:plus"]
            assert (active[0].id == old.id) == (answer == RENAME)
            assert (await billing.rollout.plan(answers={doubt.id: answer})).steps == ()
            await street.deliver(billing)
            (row,) = await street.subscriptions(billing)
            assert (row.status, row.bound) == ("active", True)
            await street.buy(billing, "app:plus", "cart-2", "ben")
            assert await street.cases(billing) == []

    run(work, [provider])
