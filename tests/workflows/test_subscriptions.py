"""What an application does about subscriptions: once, under its guard, and only as the provider confirms."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

import attrs
import pytest

from purchase_core.errors import (
    CapabilityMissing,
    IdempotencyConflict,
    InvalidArgument,
    NotFound,
    OfferNotSellable,
    ProviderRefused,
    UnknownOffer,
    WrongState,
)
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.instants import Instant
from purchase_core.ports.provider import Proration
from purchase_core.records.command import CONFIRMED
from purchase_sandbox.account import subscriptions as account
from tests.faults.shop import Shop, Subscription, run
from tests.workflows.subscribing import subscribed

# --- reads ---------------------------------------------------------------------------------------


def test_the_current_subscription_is_the_best_of_the_newest() -> None:
    async def work() -> None:
        async with Shop() as shop:
            subscriptions = shop.billing.subscriptions
            assert await subscriptions.current("ana") is None
            assert await subscriptions.list("ana") == []
            first = await subscribed(shop)
            await subscriptions.cancel("ana", first.key, idempotency_key="now", at_period_end=False)
            assert await subscriptions.current("ana") is None
            shop.advance(days=1)
            await shop.sold("cart-2", offer="app:team")
            second = await subscriptions.current("ana")
            assert second is not None
            assert [row.key for row in await subscriptions.list("ana")] == [second.key, first.key]
            assert (await subscriptions.current("ana", "app")) == second
            assert await subscriptions.current("ana", "book") is None

    run(work)


# --- cancelling ----------------------------------------------------------------------------------


def test_a_cancellation_keeps_the_period_that_is_paid() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            done = await shop.billing.subscriptions.cancel("ana", row.key, idempotency_key="c")
            assert (done.subscription.status, done.subscription.cancel_at) == ("active", row.period_end)
            assert (await shop.rights()).has("export")
            receipt = await shop.billing.receipts.get(done.receipt)
            assert (receipt.kind, receipt.state, receipt.customer) == (
                "subscription.cancel",
                CONFIRMED,
                "ana",
            )
            assert [stage.name for stage in receipt.stages] == ["recorded", CONFIRMED]
            assert receipt.facts
            shop.advance(days=32)
            await shop.deliver()
            assert not (await shop.rights()).has("export")
            await shop.checked_hash()

    run(work)


def test_an_answer_and_its_webhook_are_two_witnesses_of_one_fact() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            await shop.billing.subscriptions.cancel("ana", row.key, idempotency_key="c")
            before = await shop.checked_hash()
            await shop.deliver()
            assert await shop.checked_hash() == before

    run(work)


def test_a_cancellation_can_be_taken_back_before_it_comes() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            subscriptions = shop.billing.subscriptions
            with pytest.raises(WrongState):
                await subscriptions.uncancel("ana", row.key, idempotency_key="u")
            await subscriptions.cancel("ana", row.key, idempotency_key="c")
            done = await subscriptions.uncancel("ana", row.key, idempotency_key="u")
            assert done.subscription.cancel_at is None

    run(work)


def test_what_has_ended_cannot_be_changed() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            subscriptions = shop.billing.subscriptions
            await subscriptions.cancel("ana", row.key, idempotency_key="c", at_period_end=False)
            with pytest.raises(WrongState):
                await subscriptions.change("ana", row.key, offer="app:team", idempotency_key="x")
            with pytest.raises(WrongState):
                await subscriptions.cancel("ana", row.key, idempotency_key="again")

    run(work)


# --- both sides at once --------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["theirs", "ours"])
def test_f99_what_is_changed_at_the_provider_meanwhile_is_what_counts(first: str) -> None:
    """It ends there at once while we ask for its end with the period, and we are told before our answer."""

    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            shop.webhooks()
            ask = shop.provider.cancel_subscription

            async def ended() -> None:
                shop.advance(seconds=1)
                account.cancel(shop.account.book, row.provider_id, at_period_end=False)
                await shop.deliver()

            async def crossing(*request: Any, **named: Any) -> Any:
                if first == "theirs":
                    await ended()
                    return await ask(*request, **named)
                answer = await ask(*request, **named)
                await ended()
                return answer

            asked = shop.billing.subscriptions.cancel("ana", row.key, idempotency_key="c")
            refused = pytest.raises(ProviderRefused) if first == "theirs" else nullcontext()
            with patch.object(shop.provider, "cancel_subscription", crossing), refused:
                await asked
            (after,) = await shop.billing.subscriptions.list("ana")
            assert (after.status, after.ended_at is None) == ("canceled", False)
            assert not (await shop.rights()).has("export")
            await shop.checked_hash()

    run(work)


def test_f99_a_command_that_was_decided_on_what_has_changed_is_decided_again() -> None:
    """It ends at the provider, and we are told, between our look at it and our decision."""

    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            account.cancel(shop.account.book, row.provider_id, at_period_end=False)
            store, told = shop.billing.store, shop.webhooks()
            look = store.rows

            async def overtaken(kind: Any, **named: Any) -> Any:
                found = await look(kind, **named)
                if kind is SubscriptionRow and told:
                    await shop.deliver([told.pop() for _ in range(len(told))])
                return found

            with (
                patch.object(store, "rows", overtaken),
                patch.object(shop.provider, "cancel_subscription", side_effect=AssertionError),
                pytest.raises(WrongState),
            ):
                await shop.billing.subscriptions.cancel("ana", row.key, idempotency_key="c")
            assert not told, "nobody was told meanwhile"
            assert [one.kind for one in shop.memory.commands.values()] == ["checkout.start"]
            await shop.checked_hash()

    run(work)


# --- one command a key ---------------------------------------------------------------------------


def test_f37_the_same_key_is_one_command() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            subscriptions = shop.billing.subscriptions
            first = await subscriptions.cancel("ana", row.key, idempotency_key="c")
            again = await subscriptions.cancel("ana", row.key, idempotency_key="c")
            assert again.receipt == first.receipt
            assert len([one for one in shop.memory.commands.values() if one.kind.endswith("cancel")]) == 1
            with pytest.raises(IdempotencyConflict):
                await subscriptions.cancel("ana", row.key, idempotency_key="c", at_period_end=False)

    run(work)


def test_t10_another_customers_key_is_of_no_use() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            subscriptions = shop.billing.subscriptions
            with pytest.raises(NotFound):
                await subscriptions.cancel("ben", row.key, idempotency_key="c")
            with pytest.raises(NotFound):
                await subscriptions.change("ben", row.key, offer="app:team", idempotency_key="x")
            assert shop.made(Subscription)[0].cancel_at is None

    run(work)


# --- changing ------------------------------------------------------------------------------------


def test_a_change_puts_the_customer_on_another_offer() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            shop.advance(days=3)
            done = await shop.billing.subscriptions.change(
                "ana", row.key, offer="app:team", quantity=2, idempotency_key="up"
            )
            assert (done.subscription.unit_amount, done.subscription.quantity) == (3_000, 2)
            assert done.subscription.version == shop.catalog.version("app:team").hash
            rights = await shop.rights()
            assert rights.has("audit")
            assert not rights.has("export")
            await shop.deliver()
            await shop.checked_hash()

    run(work)


def test_what_cannot_be_changed_to_is_refused_before_anything_is_sent() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            subscriptions = shop.billing.subscriptions
            made = len(shop.memory.commands)
            with pytest.raises(UnknownOffer):
                await subscriptions.change("ana", row.key, offer="app:gold", idempotency_key="x")
            with pytest.raises(OfferNotSellable):
                await subscriptions.change("ana", row.key, offer="app:free", idempotency_key="x")
            with pytest.raises(OfferNotSellable):
                await subscriptions.change("ana", row.key, offer="book:full", idempotency_key="x")
            with pytest.raises(InvalidArgument):
                await subscriptions.change("ana", row.key, offer="app:team", quantity=11, idempotency_key="x")
            assert len(shop.memory.commands) == made

    run(work)


def test_what_the_provider_cannot_do_is_refused_with_a_way_out() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            subscriptions = shop.billing.subscriptions
            declared = shop.provider.capabilities.declared
            made = len(shop.memory.commands)
            with patch.object(type(shop.provider), "capabilities", no_more(shop, "cancel_now")):
                with pytest.raises(CapabilityMissing) as missing:
                    await subscriptions.cancel("ana", row.key, idempotency_key="c", at_period_end=False)
                assert "end of its period" in missing.value.hint
            with (
                patch.object(type(shop.provider), "capabilities", no_more(shop, "change_at_period_end")),
                pytest.raises(CapabilityMissing),
            ):
                await subscriptions.change(
                    "ana", row.key, offer="app:team", idempotency_key="x", at_period_end=True
                )
            with (
                patch.object(type(shop.provider), "capabilities", no_more(shop, "change_on_next_invoice")),
                pytest.raises(CapabilityMissing),
            ):
                await subscriptions.preview_change(
                    "ana", row.key, offer="app:team", proration=Proration.NEXT_INVOICE
                )
            assert shop.provider.capabilities.declared == declared
            assert len(shop.memory.commands) == made

    run(work)


def test_a_pause_needs_an_end_in_the_future_and_something_to_pause() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            with pytest.raises(InvalidArgument):
                await shop.billing.subscriptions.pause(
                    "ana", row.key, idempotency_key="p", resumes_at=Instant(1)
                )
            with pytest.raises(WrongState):
                await shop.billing.subscriptions.resume("ana", row.key, idempotency_key="r")

    run(work)


def no_more(shop: Shop, capability: str) -> object:
    """What the provider declares, without one thing."""
    known = shop.provider.capabilities
    return attrs.evolve(known, declared=frozenset(one for one in known.declared if one != capability))
