"""Refunds by unit and line, exact to the last cent, and refunds that wait until the provider allows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.features import credit_unit
from purchase_core.catalog.products import credit_pack, plan
from purchase_core.errors import (
    ExceedsBalance,
    InvalidArgument,
    NotFound,
    NotYetAllowed,
    ProviderRefused,
    WrongState,
)
from purchase_core.facts.bodies import InvoiceLine, InvoiceSeen
from purchase_core.money import Money
from purchase_core.records.command import PLANNED, REFUSED
from purchase_core.workflows.commands import WAITS_DAYS_MAX
from purchase_core.workflows.resolving import RESOLVE_AFTER_SECONDS
from purchase_core.workflows.shares import line_share, units_share
from purchase_sandbox.account.objects import Refund
from tests.faults.shop import Shop, run

PACKS = Catalog(
    credit_pack(
        "tokens",
        plans=[
            plan(
                "small",
                price=Money("3.33", "EUR"),
                quantity=(1, 9),
                includes=[credit_unit("ai")(amount=100)],
            )
        ],
    )
)


async def packs(shop: Shop, quantity: int = 3) -> str:
    await shop.sold(offer="tokens:small", quantity=quantity)
    (row,) = await shop.billing.purchases.list("ana")
    return row.key


def test_some_of_the_packs_go_back_with_their_credits() -> None:
    async def work() -> None:
        async with Shop(catalog=PACKS) as shop:
            key = await packs(shop)
            refund = shop.billing.purchases.refund
            first = await refund("ana", key, quantity=1, idempotency_key="1")
            assert first.refund.amount == 333
            assert (await shop.rights()).balance("ai") == 200
            await refund("ana", key, quantity=2, idempotency_key="2")
            assert (await shop.rights()).balance("ai") == 0
            assert sum(one.amount for one in shop.made(Refund)) == 999
            with pytest.raises(ExceedsBalance, match="0 of 3 are left"):
                await refund("ana", key, quantity=1, idempotency_key="3")
            again = await refund("ana", key, quantity=1, idempotency_key="1")
            assert again == first, "the same key is the same refund"

    run(work)


@pytest.mark.parametrize("wrong", [{"quantity": 0}, {"quantity": True}, {"quantity": 1, "amount": 5}])
def test_units_that_are_none_are_refused(wrong: dict[str, Any]) -> None:
    async def work() -> None:
        async with Shop(catalog=PACKS) as shop:
            key = await packs(shop)
            with pytest.raises(InvalidArgument):
                await shop.billing.purchases.refund("ana", key, idempotency_key="r", **wrong)
            with pytest.raises(ExceedsBalance, match="3 of 3"):
                await shop.billing.purchases.refund("ana", key, quantity=4, idempotency_key="r")
            assert not shop.made(Refund)

    run(work)


def test_a_line_is_named_by_its_offer() -> None:
    async def work() -> None:
        async with Shop(catalog=PACKS) as shop:
            await packs(shop)
            (bill,) = await shop.billing.invoices.list("ana")
            invoices = shop.billing.invoices
            done = await invoices.refund(
                "ana", bill.key, offer="tokens:small", quantity=2, idempotency_key="r"
            )
            assert done.refund.amount == 666
            with pytest.raises(NotFound, match="no line of app:pro"):
                await invoices.refund("ana", bill.key, offer="app:pro", quantity=1, idempotency_key="s")

    run(work)


# --- shares ----------------------------------------------------------------------------------------


def bill(paid: int, *amounts: int, currency: str = "EUR") -> InvoiceSeen:
    lines = tuple(
        InvoiceLine(f"price_{place}", 1, amount, amount, currency) for place, amount in enumerate(amounts)
    )
    return InvoiceSeen("in_1", "paid", "first", "cus_1", currency, paid, paid, lines)


@given(
    st.integers(0, 10**12),
    st.lists(st.integers(0, 10**9), min_size=1, max_size=20),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_f68_the_shares_of_all_lines_add_up_to_what_was_paid(
    paid: int, amounts: list[int], currency: str
) -> None:
    one = bill(paid, *amounts, currency=currency)
    if len(amounts) > 1 and not any(amounts):
        with pytest.raises(WrongState):
            line_share(one, one.lines[0])
        return
    assert sum(line_share(one, line) for line in one.lines) == paid


@given(st.integers(0, 10**12), st.integers(1, 50), st.data())
def test_f68_units_that_go_back_one_after_the_other_add_up_to_all_of_it(
    amount: int, quantity: int, data: st.DataObject
) -> None:
    gone, left = 0, quantity
    # What costs less than its units cannot be told apart by what went back.
    if amount < quantity:
        return
    while left:
        count = data.draw(st.integers(1, left))
        share = units_share(amount, "EUR", quantity, count, gone)
        assert abs(share * quantity - amount * count) <= quantity * count
        gone, left = gone + share, left - count
    assert gone == amount
    with pytest.raises(ExceedsBalance):
        units_share(amount, "EUR", quantity, 1, gone)


def test_a_line_that_takes_off_has_no_share() -> None:
    one = bill(500, 700, -200)
    with pytest.raises(WrongState, match="take off"):
        line_share(one, one.lines[0])


# --- waiting ---------------------------------------------------------------------------------------


@contextmanager
def not_yet(shop: Shop) -> Iterator[list[int]]:
    """While the block lasts, the provider allows no refund yet; how often it was asked."""
    asked: list[int] = []

    async def refuse(*_: object, **__: object) -> None:
        asked.append(1)
        raise NotYetAllowed("not completed", provider_code="not_completed")

    with patch.object(shop.provider, "refund", refuse):
        yield asked


async def resolved(shop: Shop) -> int:
    shop.advance(seconds=RESOLVE_AFTER_SECONDS + 1)
    return await shop.billing.commands.resolve()


def test_a_refund_that_is_not_allowed_yet_waits_and_is_sent_by_the_worker() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(offer="book:full")
            (row,) = await shop.billing.purchases.list("ana")
            with not_yet(shop) as asked:
                waiting = await shop.billing.purchases.refund("ana", row.key, idempotency_key="r")
                assert (waiting.waits, waiting.refund.status) == (True, "asked")
                assert [await resolved(shop) for _ in range(4)] == [0] * 4, "none of them has ended"
                shop.advance(seconds=RESOLVE_AFTER_SECONDS + 1)
                assert not await shop.billing.outcomes.ask(waiting.receipt)
                assert len(asked) == 6
            receipt = await shop.billing.receipts.get(waiting.receipt)
            assert receipt.state == PLANNED
            assert [one.name for one in receipt.stages] == ["recorded", "planned"], "and not one a try"
            (invoice,) = await shop.billing.invoices.list("ana")
            assert (invoice.refunding, invoice.refunded) == (2_000, 0), "it counts as on its way"
            with pytest.raises(ExceedsBalance):
                await shop.billing.purchases.refund("ana", row.key, idempotency_key="other")
            await resolved(shop)
            assert [one.amount for one in shop.made(Refund)] == [2_000]
            done = await shop.billing.purchases.refund("ana", row.key, idempotency_key="r")
            assert (done.waits, done.refund.status) == (False, "succeeded")

    run(work)


def test_what_is_never_allowed_is_refused_in_the_end_and_sets_the_money_free() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(offer="book:full")
            (row,) = await shop.billing.purchases.list("ana")
            with not_yet(shop):
                waiting = await shop.billing.purchases.refund("ana", row.key, idempotency_key="r")
                shop.manual.advance(days=WAITS_DAYS_MAX, seconds=60)
                await resolved(shop)
                assert (await shop.billing.receipts.get(waiting.receipt)).state == REFUSED
                with pytest.raises(ProviderRefused):
                    await shop.billing.purchases.refund("ana", row.key, idempotency_key="r")
            (invoice,) = await shop.billing.invoices.list("ana")
            assert invoice.refunding == 0

    run(work)


def test_a_refund_that_waits_leaves_its_case_open() -> None:
    from tests.workflows.paid_twice import paid_twice, the_case  # noqa: PLC0415

    async def work() -> None:
        async with Shop() as shop:
            await paid_twice(shop, "book:full")
            case = await the_case(shop)
            with not_yet(shop):
                done = await shop.billing.cases.settle(case.key)
                assert [one.state for one in done.taken] == [PLANNED]
                assert done.case is not None
            await resolved(shop)
            assert not await shop.billing.cases.list()

    run(work)
