"""Money that goes back: never more than is left, once for a key, and known for what it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchase_core.errors import (
    ExceedsBalance,
    IdempotencyConflict,
    InvalidArgument,
    NotFound,
    ProviderRefused,
    WrongState,
)
from purchase_core.facts.bodies import DisputeSeen
from purchase_core.facts.fact import seen
from purchase_core.facts.rows import IntentRow, InvoiceRow, PurchaseRow, RefundRow
from purchase_core.identifiers import SeededIds
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.records.command import CONFIRMED, REFUSED
from purchase_core.testing.memory_store import MemoryStore
from purchase_sandbox.account import refunds
from purchase_sandbox.account.objects import Invoice, Refund
from tests.faults.shop import Shop, run
from tests.workflows.bought import PAID, bought, invoice, slowly


def test_a_purchase_is_paid_back_whole() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            assert (await shop.rights()).has("book")
            done = await shop.billing.purchases.refund("ana", row.key, idempotency_key="r")
            assert (done.refund.amount, done.refund.status) == (PAID, "succeeded")
            assert done.refund.command == done.receipt
            assert not (await shop.rights()).has("book")
            before = await shop.checked_hash()
            await shop.deliver()
            assert await shop.checked_hash() == before, "the webhook is the second witness"
            assert (await invoice(shop)).refunded == PAID
            receipt = await shop.billing.receipts.get(done.receipt)
            assert (receipt.kind, receipt.state) == ("refund", CONFIRMED)

    run(work)


def test_parts_add_up_and_no_further() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            purchases = shop.billing.purchases
            await purchases.refund("ana", row.key, amount=1_500, idempotency_key="1")
            with pytest.raises(
                ExceedsBalance,
                match=r"5.01 EUR cannot go back of .*: of 20.00 EUR, 15.00 EUR went back, 0.00 EUR are on",
            ):
                await purchases.refund("ana", row.key, amount=501, idempotency_key="2")
            assert (await shop.rights()).has("book")
            done = await purchases.refund("ana", row.key, idempotency_key="2")
            assert done.refund.amount == 500
            with pytest.raises(ExceedsBalance):
                await purchases.refund("ana", row.key, idempotency_key="3")
            assert sum(one.amount for one in shop.made(Refund)) == PAID

    run(work)


@pytest.mark.parametrize("amount", [0, -1, True, 1.5, "1", PAID + 1])
def test_f52_an_amount_that_cannot_go_back_is_refused(amount: object) -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            with pytest.raises(InvalidArgument if amount != PAID + 1 else ExceedsBalance):
                await shop.billing.purchases.refund("ana", row.key, amount=amount, idempotency_key="r")  # type: ignore[arg-type]
            assert not shop.made(Refund)
            assert (await invoice(shop)).refunding == 0

    run(work)


def test_t10_what_is_another_customers_is_not_found() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            bill = await invoice(shop)
            with pytest.raises(NotFound):
                await shop.billing.purchases.refund("ben", row.key, idempotency_key="r")
            with pytest.raises(NotFound):
                await shop.billing.invoices.refund("ben", bill.key, idempotency_key="r")

    run(work)


def test_what_was_never_paid_cannot_go_back() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(offer="app:team")  # a trial
            bill = await invoice(shop)
            with pytest.raises(WrongState):
                await shop.billing.invoices.refund("ana", bill.key, idempotency_key="r")

    run(work)


def test_the_same_key_is_one_refund() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            purchases = shop.billing.purchases
            done = [await purchases.refund("ana", row.key, amount=400, idempotency_key="r") for _ in range(2)]
            assert done[0] == done[1]
            assert [one.amount for one in shop.made(Refund)] == [400]
            with pytest.raises(IdempotencyConflict):
                await purchases.refund("ana", row.key, amount=401, idempotency_key="r")

    run(work)


# --- F53: two at once ----------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, PAID), min_size=2, max_size=5), st.booleans())
def test_f53_i06_refunds_that_race_never_exceed_what_was_paid(amounts: list[int], processes: bool) -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            billings = [await shop.another() if processes else shop.billing for _ in range(len(amounts))]
            answers = await asyncio.gather(
                *(
                    billing.purchases.refund("ana", row.key, amount=amount, idempotency_key=f"r{number}")
                    for number, (billing, amount) in enumerate(zip(billings, amounts, strict=True))
                ),
                return_exceptions=True,
            )
            refused = [one for one in answers if isinstance(one, BaseException)]
            assert all(isinstance(one, ExceedsBalance) for one in refused), refused
            given_back = [one.amount for one in shop.made(Refund)]
            assert sum(given_back) <= PAID
            assert len(given_back) + len(refused) == len(amounts)
            # Whoever was refused did not fit beside those that went before.
            assert len(given_back) >= 1
            bill = await invoice(shop)
            assert (bill.refunded, bill.refunding) == (sum(given_back), 0)
            await shop.checked_hash()

    run(work)


@pytest.mark.parametrize("processes", [False, True])
def test_f53_whoever_decides_upon_an_old_state_decides_again(processes: bool) -> None:
    """Each read lets the others get on, so that all would decide upon the same state."""

    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            many = 8 if processes else 40
            billings = [await shop.another() if processes else shop.billing for _ in range(many)]
            with patch.object(MemoryStore, "rows", slowly(MemoryStore.rows)):
                answers = await asyncio.gather(
                    *(
                        one.purchases.refund("ana", row.key, amount=PAID // 5, idempotency_key=f"r{number}")
                        for number, one in enumerate(billings)
                    ),
                    return_exceptions=True,
                )
            refused = [one for one in answers if isinstance(one, BaseException)]
            assert [type(one) for one in refused] == [ExceedsBalance] * (many - 5)
            assert [one.amount for one in shop.made(Refund)] == [PAID // 5] * 5
            await shop.checked_hash()

    run(work)


def test_f58_i06_what_a_bank_holds_back_cannot_go_back_as_well() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            bill = await invoice(shop)
            store, now = shop.billing.store, shop.clock.now()
            recorder = Recorder(store, OfferShelf(store, ()), shop.clock, SeededIds(99), lambda batch: None)
            for number, (amount, status) in enumerate([(1_000, "open"), (500, "lost"), (400, "inquiry")]):
                held = DisputeSeen(f"dp_{number}", bill.provider_id, amount, "EUR", status)
                told = Work((seen("sandbox", now, held),))
                await recorder.record(told, cause="test", addition=lambda batch: batch)
            with pytest.raises(ExceedsBalance, match=r"15\.00 EUR are disputed"):
                await shop.billing.purchases.refund("ana", row.key, amount=501, idempotency_key="r")
            done = await shop.billing.purchases.refund("ana", row.key, idempotency_key="r")
            assert done.refund.amount == 500

    run(work)


def test_a_refusal_sets_the_money_free_again() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            no = ProviderRefused("no", provider_code="too old")
            with (
                patch.object(shop.provider, "refund", side_effect=no),
                pytest.raises(ProviderRefused),
            ):
                await shop.billing.purchases.refund("ana", row.key, idempotency_key="r")
            assert shop.memory.commands["refund:r"].state == REFUSED
            assert (await invoice(shop)).refunding == 0
            done = await shop.billing.purchases.refund("ana", row.key, idempotency_key="again")
            assert done.refund.amount == PAID
            await shop.checked_hash()

    run(work)


def test_what_was_refunded_elsewhere_is_known_before_and_after() -> None:
    """The provider refuses what was decided without knowing of a refund from its dashboard."""

    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            refunds.refund(shop.account.book, shop.made(Invoice)[0].id, 1_500)
            with pytest.raises(ProviderRefused):
                await shop.billing.purchases.refund("ana", row.key, idempotency_key="r")
            await shop.deliver()
            bill = await invoice(shop)
            assert (bill.refunded, bill.refunding) == (1_500, 0)
            done = await shop.billing.purchases.refund("ana", row.key, idempotency_key="rest")
            assert done.refund.amount == 500

    run(work)


def test_a_refund_reads_its_own_bill_and_not_all_of_the_customers() -> None:
    async def work() -> None:
        async with Shop() as shop:
            for number in range(4):
                await shop.sold(offer="book:full", key=f"cart-{number}")
            first, *_ = await shop.billing.purchases.list("ana")
            asked, rows = [], shop.billing.store.rows

            async def counted(table: type[Any], **page: Any) -> Sequence[Any]:
                found = await rows(table, **page)
                asked.append((table, len(found)))
                return found

            with patch.object(shop.billing.store, "rows", side_effect=counted):
                await shop.billing.purchases.refund("ana", first.key, idempotency_key="r", amount=700)
            assert {table for table, _ in asked} == {PurchaseRow, IntentRow, InvoiceRow, RefundRow}
            assert max(count for _, count in asked) == 1

    run(work)
