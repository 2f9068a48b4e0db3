"""Money that goes back: never more than is left, once for a key, and known for what it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from unittest.mock import patch

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchase_core.errors import (
    ExceedsBalance,
    IdempotencyConflict,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    ProviderRefused,
    WrongState,
)
from purchase_core.facts.bodies import DisputeSeen
from purchase_core.facts.fact import Fact, seen
from purchase_core.facts.rows import InvoiceRow, PurchaseRow
from purchase_core.identifiers import SeededIds
from purchase_core.instants import SECOND
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.records.command import CONFIRMED, REFUSED, UNKNOWN
from purchase_core.testing.memory_store import MemoryStore
from purchase_core.workflows.resolving import ABSENT_SECONDS, KEY_MARGIN_SECONDS
from purchase_sandbox.account import refunds
from purchase_sandbox.account.objects import Invoice, Refund
from purchase_sandbox.config import KEY_LIFETIME_SECONDS
from purchase_simulators.wire.chaos import Fault
from tests.faults.shop import Shop, run

REFUNDS = "/v1/refunds"
PAID = 2_000


async def bought(shop: Shop) -> PurchaseRow:
    """Ana's book, for 20.00 EUR."""
    await shop.sold(offer="book:full")
    (row,) = await shop.billing.purchases.list("ana")
    return row


async def invoice(shop: Shop) -> InvoiceRow:
    (row,) = await shop.billing.invoices.list("ana")
    return row


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
            with pytest.raises(ExceedsBalance, match="1500 went back"):
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


def slowly(method: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    """A read of the store after which others get on first: what was read is old by then."""

    async def reading(*arguments: object, **options: object) -> object:
        found = await method(*arguments, **options)
        await asyncio.sleep(0)
        return found

    return reading


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
            with pytest.raises(ExceedsBalance, match="1500 are disputed"):
                await shop.billing.purchases.refund("ana", row.key, amount=501, idempotency_key="r")
            done = await shop.billing.purchases.refund("ana", row.key, idempotency_key="r")
            assert done.refund.amount == 500

    run(work)


# --- F57: lost answers ---------------------------------------------------------------------------


def test_f57_a_refund_whose_answer_was_lost_counts_as_on_its_way() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            purchases = shop.billing.purchases
            with shop.trouble(REFUNDS, Fault.LOST_ANSWER), pytest.raises(OutcomeUnknown):
                await purchases.refund("ana", row.key, amount=1_500, idempotency_key="r")
            bill = await invoice(shop)
            assert (bill.refunding, bill.refunded) == (1_500, 0)
            with pytest.raises(ExceedsBalance):
                await purchases.refund("ana", row.key, amount=600, idempotency_key="other")
            shop.advance(seconds=120)
            assert await shop.billing.commands.resolve() == 1
            bill = await invoice(shop)
            assert (bill.refunding, bill.refunded) == (0, 1_500)
            assert [one.amount for one in shop.made(Refund)] == [1_500]
            await shop.checked_hash()

    run(work)


def test_f54_the_webhook_of_a_lost_answer_is_the_same_refund() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            with shop.trouble(REFUNDS, Fault.LOST_ANSWER), pytest.raises(OutcomeUnknown):
                await shop.billing.purchases.refund("ana", row.key, amount=500, idempotency_key="r")
            await shop.deliver()
            bill = await invoice(shop)
            assert (bill.refunding, bill.refunded) == (0, 500)
            done = await shop.billing.purchases.refund("ana", row.key, amount=500, idempotency_key="r")
            assert (done.refund.status, done.refund.amount) == ("succeeded", 500)
            assert len(shop.made(Refund)) == 1

    run(work)


def test_f36_a_refund_is_not_sent_again_once_its_key_is_forgotten() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            purchases = shop.billing.purchases
            with shop.trouble(REFUNDS, Fault.BROKEN), pytest.raises(OutcomeUnknown):
                await purchases.refund("ana", row.key, amount=500, idempotency_key="r")
            assert not shop.made(Refund)
            shop.advance(seconds=KEY_LIFETIME_SECONDS - KEY_MARGIN_SECONDS + 60)
            with pytest.raises(OutcomeUnknown):
                await purchases.refund("ana", row.key, amount=500, idempotency_key="r")
            assert (await invoice(shop)).refunding == 500
            shop.advance(seconds=ABSENT_SECONDS)
            with pytest.raises(ProviderRefused):
                await purchases.refund("ana", row.key, amount=500, idempotency_key="r")
            assert (await invoice(shop)).refunding == 0
            assert not shop.made(Refund)

    run(work)


def test_f36_without_keys_a_refund_is_never_sent_again_not_even_at_once() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            purchases, sent = shop.billing.purchases, []
            keyless = attrs.evolve(shop.provider.capabilities, key_lifetime_seconds=0)

            async def lost(*_: object, key: str, **__: object) -> tuple[Fact, ...]:
                sent.append(key)
                raise OutcomeUnknown("the answer was lost")

            with (
                patch.object(shop.provider, "capabilities", keyless),
                patch.object(shop.provider, "refund", lost),
            ):
                for _ in range(2):
                    with pytest.raises(OutcomeUnknown):
                        await purchases.refund("ana", row.key, amount=500, idempotency_key="r")
            assert len(sent) == 1
            assert (await invoice(shop)).refunding == 500

    run(work)


@pytest.mark.parametrize("lag_seconds", [0, 60, ABSENT_SECONDS - 1])
def test_f51_what_is_not_to_be_found_yet_is_not_absent(lag_seconds: int) -> None:
    """The provider shows a refund only some time after it was made; nobody takes that for a refusal."""

    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            keyless = attrs.evolve(shop.provider.capabilities, key_lifetime_seconds=0)
            find, started = shop.provider.find_refund, shop.clock.now()

            async def late(invoice: str, command: str) -> tuple[Fact, ...]:
                seen_by_now = shop.clock.now() - started >= lag_seconds * SECOND
                return await find(invoice, command) if seen_by_now else ()

            with (
                patch.object(shop.provider, "capabilities", keyless),
                patch.object(shop.provider, "find_refund", late),
                shop.trouble(REFUNDS),
            ):
                with pytest.raises(OutcomeUnknown):
                    await shop.billing.purchases.refund("ana", row.key, amount=500, idempotency_key="r")
                for _ in range(ABSENT_SECONDS // 120 + 2):
                    assert (await invoice(shop)).refunding + (await invoice(shop)).refunded == 500
                    shop.advance(seconds=120)
                    await shop.billing.commands.resolve()
            assert shop.memory.commands["refund:r"].state == CONFIRMED
            assert [one.amount for one in shop.made(Refund)] == [500]
            assert (await invoice(shop)).refunded == 500

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


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.BROKEN, Fault.BROKEN_AFTER, Fault.GARBLED])
def test_f35_however_often_it_is_asked_for_it_is_done_once(fault: Fault) -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            with shop.trouble(REFUNDS, fault):
                with pytest.raises(OutcomeUnknown):
                    await shop.billing.purchases.refund("ana", row.key, idempotency_key="r")
                assert shop.memory.commands["refund:r"].state == UNKNOWN
                with suppress(OutcomeUnknown):
                    await shop.billing.purchases.refund("ana", row.key, idempotency_key="r")
            for _ in range(2):
                await shop.billing.purchases.refund("ana", row.key, idempotency_key="r")
            assert [one.amount for one in shop.made(Refund)] == [PAID]
            assert shop.memory.commands["refund:r"].state == CONFIRMED

    run(work)
