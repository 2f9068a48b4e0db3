"""One key, one wish: another argument under a key that was used is refused, and nothing is sent."""

from __future__ import annotations

from typing import Any

import pytest

from purchase_core.errors import IdempotencyConflict
from purchase_core.instants import DAY, Instant
from purchase_core.ports.provider import Proration, RefundReason
from purchase_sandbox.account.objects import Refund
from tests.faults.shop import START, Shop, Subscription, run

UNTIL = Instant(START + 40 * DAY)

REFUND: dict[str, Any] = {"amount": 400, "reason": RefundReason.REQUESTED}
CHANGE: dict[str, Any] = {
    "offer": "app:team",
    "quantity": 2,
    "proration": Proration.NOW,
    "at_period_end": False,
    "preview": "",
}
PAUSE: dict[str, Any] = {"at_period_end": False, "resumes_at": UNTIL, "collection_only": False}


@pytest.mark.parametrize(
    ("wish", "other"),
    [
        (REFUND, {"amount": 401}),
        (REFUND, {"amount": None}),
        (REFUND, {"reason": RefundReason.DUPLICATE}),
        (REFUND, {"purchase": "second"}),
        ({"quantity": 1}, {"quantity": None}),  # all of it, in other words
    ],
    ids=str,
)
def test_f37_a_refund_is_of_one_bill_amount_and_reason(wish: dict[str, Any], other: dict[str, Any]) -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(offer="book:full")
            (first,) = await shop.billing.purchases.list("ana")
            await shop.sold("cart-2", offer="book:full")
            second = next(one for one in await shop.billing.purchases.list("ana") if one.key != first.key)
            done = await shop.billing.purchases.refund("ana", first.key, idempotency_key="k", **wish)
            asked = {**wish, **other}
            about = second if asked.pop("purchase", "") else first
            with pytest.raises(IdempotencyConflict):
                await shop.billing.purchases.refund("ana", about.key, idempotency_key="k", **asked)
            assert [one.amount for one in shop.made(Refund)] == [done.refund.amount]
            again = await shop.billing.purchases.refund("ana", first.key, idempotency_key="k", **wish)
            assert again == done

    run(work)


@pytest.mark.parametrize(
    ("ask", "wish", "other"),
    [
        *(
            ("change", CHANGE, one)
            for one in (
                {"offer": "app:pro"},
                {"quantity": 3},
                {"proration": Proration.NONE},
                {"at_period_end": True},
                {"preview": "another"},
            )
        ),
        ("cancel", {"at_period_end": True}, {"at_period_end": False}),
        *(
            ("pause", PAUSE, one)
            for one in (
                {"at_period_end": True},
                {"resumes_at": Instant(UNTIL + DAY)},
                {"resumes_at": None},
                {"collection_only": True},
            )
        ),
    ],
    ids=str,
)
def test_f37_a_command_is_of_one_subscription_and_all_its_arguments(
    ask: str, wish: dict[str, Any], other: dict[str, Any]
) -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            (row,) = await shop.billing.subscriptions.list("ana")
            shop.advance(days=3)
            asked = getattr(shop.billing.subscriptions, ask)
            done = await asked("ana", row.key, idempotency_key="k", **wish)
            before = shop.made(Subscription)
            with pytest.raises(IdempotencyConflict):
                await asked("ana", row.key, idempotency_key="k", **{**wish, **other})
            assert shop.made(Subscription) == before
            assert (await asked("ana", row.key, idempotency_key="k", **wish)).receipt == done.receipt

    run(work)
