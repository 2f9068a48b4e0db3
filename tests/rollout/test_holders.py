"""Holders of an older version: counted, told of, and moved when the time has come; once, and nobody else."""

from __future__ import annotations

import pytest

from purchase_core import Catalog
from purchase_core.errors import InvalidArgument, NotFound, OfferNotSellable, WrongState
from purchase_core.instants import DAY, Instant
from tests.rollout.street import PROVIDERS, Street, run
from tests.rollout.test_rollout import PACK, app

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
