"""Holders of an older version: counted, told of, and moved when the time has come; once, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from purchase_core import Catalog, Money, plan, subscription
from purchase_core.errors import InvalidArgument, NotFound, OfferNotSellable, OutcomeUnknown, WrongState
from purchase_core.instants import DAY, Instant
from tests.rollout.catalogs import PACK, app
from tests.rollout.street import PROVIDERS, Street, run

FIRST, DEARER = Catalog(app(), PACK), Catalog(app("15.00"), PACK)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_holders_are_moved_when_they_were_told_and_not_before(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(FIRST) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            for customer in ("ana", "ben", "cid"):
                await street.buy(billing, "app:pro", customer, customer)
            row = (await street.subscriptions(billing))[0]
            await billing.subscriptions.cancel(
                row.lane.partition(":")[2], row.key, idempotency_key="over", at_period_end=False
            )
            street.clock.advance(seconds=5)
            await street.deliver(billing)
            assert await billing.holders.cohorts("app:pro") == []
        async with street.opening(DEARER) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            (cohort,) = await billing.holders.cohorts("app:pro")
            assert (cohort.was, cohort.becomes, cohort.holders, cohort.scheduled) == (1_200, 1_500, 2, 0)
            begins = Instant(street.clock.now() + 20 * DAY)
            announced = await billing.holders.announce("app:pro", begins_at=begins)
            assert await billing.holders.announce("app:pro", begins_at=begins) == announced
            with pytest.raises(WrongState):
                [move async for move in billing.holders.move(announced)]
            street.clock.advance(days=21)
            getattr(street, provider).advance(seconds=1)
            await street.deliver(billing)  # trials have ended meanwhile, at what was agreed
            assert {one.unit_amount for one in await street.subscriptions(billing)} == {1_200}
            again = await billing.holders.announcement(announced.id)
            first = [move async for move in billing.holders.move(again, limit=1)]
            assert [move.outcome for move in first] == ["moved"]
            rest = [move async for move in billing.holders.move(again)]
            assert [move.outcome for move in rest] == ["moved"]
            assert [move async for move in billing.holders.move(again)] == []
            street.clock.advance(seconds=5)
            await street.deliver(billing)
            left = await billing.holders.cohorts("app:pro")
            if provider == "paddle":  # it has no change with the next renewal
                assert left == []
            else:
                assert [(one.holders, one.scheduled) for one in left] == [(2, 2)]
            getattr(street, provider).advance(days=31)
            await street.deliver(billing)
            live = [one for one in await street.subscriptions(billing) if one.ended_at is None]
            assert {(one.unit_amount, one.status) for one in live} == {(1_500, "active")}
            assert await billing.holders.cohorts("app:pro") == []
            assert await street.cases(billing) == []

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_move_whose_answer_was_lost_is_made_once(provider: str) -> None:
    async def work(street: Street) -> None:
        async with street.opening(FIRST) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            for customer in ("ana", "ben"):
                await street.buy(billing, "app:pro", customer, customer)
        async with street.opening(DEARER) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            begins = Instant(street.clock.now() + DAY)
            announced = await billing.holders.announce("app:pro", begins_at=begins)
            street.clock.set_to(begins)
            connection: Any = billing.connections[provider]
            change, keys = connection.change_subscription, list[str]()

            async def losing(request: Any, *, key: str) -> Any:
                keys.append(key)
                answer = await change(request, key=key)
                if len(keys) == 1:
                    raise OutcomeUnknown("no answer")
                return answer

            connection.change_subscription = losing
            moves = [move async for move in billing.holders.move(announced)]
            outcomes = [move.outcome.split(": ")[:2] for move in moves]
            assert outcomes == [["left", "outcome_unknown"], ["moved"]]
            [move async for move in billing.holders.move(announced)]
            assert len(set(keys)) == 2, "each subscription is changed under one key"
            await street.deliver(billing)
            getattr(street, provider).advance(days=31)
            await street.deliver(billing)
            rows = await street.subscriptions(billing)
            assert {(row.unit_amount, row.status) for row in rows} == {(1_500, "active")}
            assert await street.cases(billing) == []

    run(work, [provider])


def test_who_pays_in_what_the_new_version_is_not_sold_in_is_left() -> None:
    only_dollars = Catalog(
        subscription("app", plans=[plan("pro", price=Money("15.00", "USD"), every="month")]), PACK
    )

    async def work(street: Street) -> None:
        async with street.opening(FIRST) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            await street.buy(billing, "app:pro", currency="EUR")
        async with street.opening(only_dollars) as billing:
            await billing.rollout.apply(await billing.rollout.plan())
            (cohort,) = await billing.holders.cohorts("app:pro")
            assert (cohort.currency, cohort.was, cohort.becomes) == ("EUR", 1_100, None)
            begins = Instant(street.clock.now() + DAY)
            announced = await billing.holders.announce("app:pro", begins_at=begins)
            street.clock.set_to(begins)
            (move,) = [move async for move in billing.holders.move(announced)]
            assert move.outcome.startswith("left: ")
            (row,) = await street.subscriptions(billing)
            assert (row.unit_amount, row.next_items) == (1_100, "")

    run(work, ["sandbox"])


def test_what_cannot_be_announced_is_refused() -> None:
    async def work(street: Street) -> None:
        async with street.opening(FIRST) as billing:
            with pytest.raises(InvalidArgument):
                await billing.holders.announce("app:pro", begins_at=street.clock.now())
            with pytest.raises(OfferNotSellable):
                await billing.holders.cohorts("app:free")
            with pytest.raises(OfferNotSellable):
                await billing.holders.cohorts("ai:small")
            with pytest.raises(NotFound):
                await billing.holders.announcement("nothing")
            told = await billing.holders.announce("app:pro", begins_at=Instant(street.clock.now() + DAY))
        street.clock.advance(days=2)
        async with street.opening(DEARER) as billing:  # it is another version by now
            with pytest.raises(WrongState):
                [move async for move in billing.holders.move(told)]

    run(work, ["sandbox"])
