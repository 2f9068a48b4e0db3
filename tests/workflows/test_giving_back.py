"""Money back by hand: known by what it says, so that two people who ask for the same ask for one refund."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import pytest

from purchase_core.errors import ExceedsBalance, InvalidArgument, ProviderRefused
from purchase_sandbox.account.objects import Refund
from tests.faults.shop import Shop, run


def test_f53_two_operators_at_the_same_time_give_back_once() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(offer="book:full")
            (bill,) = await shop.billing.invoices.list("ana")
            done = await asyncio.gather(
                *(
                    one.invoices.give_back("ana", bill.key, amount=300, because=f"{who} says", by=who)
                    for one, who in ((shop.billing, "mia"), (await shop.another(), "noah"))
                )
            )
            assert sorted(one.is_new for one in done) == [False, True]
            assert len({(one.by, one.because, one.receipt) for one in done}) == 1, "both hear who it was"
            assert [one.amount for one in shop.made(Refund)] == [300]

    run(work)


def test_the_application_and_an_operator_ask_for_refunds_of_their_own() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(offer="book:full")
            (bill,) = await shop.billing.invoices.list("ana")
            await shop.billing.invoices.refund("ana", bill.key, amount=300, idempotency_key="by the shop")
            done = await shop.billing.invoices.give_back(
                "ana", bill.key, amount=300, because="late", by="mia"
            )
            assert (done.is_new, done.by, done.because) == (True, "mia", "late")
            assert [one.amount for one in shop.made(Refund)] == [300, 300]
            with pytest.raises(ExceedsBalance, match=r"14\.01 EUR cannot go back"):
                await shop.billing.invoices.give_back("ana", bill.key, amount=1_401, because="late", by="mia")

    run(work)


def test_one_that_the_provider_refused_is_asked_for_anew() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(offer="book:full")
            (bill,) = await shop.billing.invoices.list("ana")
            back = shop.billing.invoices
            no = ProviderRefused("no", provider_code="too old")
            with patch.object(shop.provider, "refund", side_effect=no), pytest.raises(ProviderRefused):
                await back.give_back("ana", bill.key, amount=300, because="late", by="mia")
            second = await back.give_back("ana", bill.key, amount=300, because="late", by="noah")
            assert (second.is_new, second.by) == (True, "noah")

    run(work)


@pytest.mark.parametrize(("because", "by"), [(" ", "mia"), ("late", ""), ("x" * 501, "mia")])
def test_it_is_done_by_somebody_and_for_a_reason(because: str, by: str) -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(offer="book:full")
            (bill,) = await shop.billing.invoices.list("ana")
            with pytest.raises(InvalidArgument):
                await shop.billing.invoices.give_back("ana", bill.key, because=because, by=by)
            assert not shop.made(Refund)

    run(work)
