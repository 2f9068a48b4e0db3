"""Several lanes are told at once, and what goes wrong with one ends no other half-way."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import pytest

from purchase_core.errors import StoreUnavailable
from purchase_core.plugins.descriptors import Subscriber
from purchase_core.ports.batch import Batch
from purchase_core.records.effect import Effect
from tests.faults.shop import Shop, run

TURNS = 20  # of the event loop, until somebody who is told has understood


def test_a_lane_that_cannot_be_settled_waits_for_those_that_are_told_beside_it() -> None:
    """Whoever works would begin the next else, or end, while they are in the middle of it."""
    begun, heard = list[str](), list[str]()

    async def slowly(effect: Effect) -> None:
        begun.append(effect.lane)
        for _ in range(TURNS if effect.customer == "ben" else 0):
            await asyncio.sleep(0)
        heard.append(effect.lane)

    async def work() -> None:
        async with Shop(subscribers=[Subscriber("mail", slowly, lanes_at_once=2)]) as shop:
            await shop.sold()
            await shop.sold("cart-2", customer="ben")
            commit = shop.billing.store.commit

            async def broken(batch: Batch) -> None:
                if [one.lane for one in batch.told] == ["customer:ana"]:
                    raise StoreUnavailable("the disk is full")
                await commit(batch)

            with patch.object(shop.billing.store, "commit", broken), pytest.raises(StoreUnavailable):
                await shop.billing.subscribers.work("mail")
            assert sorted(begun) == sorted(heard) == ["customer:ana", "customer:ben"]

    run(work)
