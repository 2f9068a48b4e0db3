"""Commands about subscriptions whose answer was lost: found, sent again where that is safe, or waiting."""

from __future__ import annotations

from contextlib import suppress
from unittest.mock import patch

import attrs
import pytest

from purchase_core.errors import (
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.records.command import CONFIRMED, PLANNED, REFUSED, UNKNOWN
from purchase_simulators.wire.chaos import Fault
from tests.faults.shop import Shop, Subscription, run
from tests.workflows.subscribing import subscribed


def cancel_path(row: SubscriptionRow) -> str:
    return f"/v1/subscriptions/{row.provider_id}/cancel"


def test_f35_a_lost_answer_is_found_in_the_subscription() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            subscriptions = shop.billing.subscriptions
            with shop.trouble(cancel_path(row), Fault.LOST_ANSWER), pytest.raises(OutcomeUnknown):
                await subscriptions.cancel("ana", row.key, idempotency_key="c")
            assert shop.memory.commands["subscription.cancel:c"].state == UNKNOWN
            cancelled = shop.made(Subscription)[0]
            assert await shop.billing.commands.resolve() == 0, "it may still be under way"
            shop.advance(seconds=120)
            assert await shop.billing.commands.resolve() == 1
            assert shop.memory.commands["subscription.cancel:c"].state == CONFIRMED
            assert shop.made(Subscription)[0] == cancelled, "it was not asked for again"
            found = await subscriptions.current("ana")
            assert found is not None
            assert found.cancel_at == row.period_end
            await shop.checked_hash()

    run(work)


def test_f36_what_happened_is_found_when_its_key_is_forgotten() -> None:
    """Asked again, the provider would refuse: it has ended already."""

    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            with shop.trouble(cancel_path(row), Fault.LOST_ANSWER), pytest.raises(OutcomeUnknown):
                await shop.billing.subscriptions.cancel(
                    "ana", row.key, idempotency_key="c", at_period_end=False
                )
            shop.advance(days=3)
            assert await shop.billing.commands.resolve() == 1
            assert shop.memory.commands["subscription.cancel:c"].state == CONFIRMED
            assert await shop.billing.subscriptions.current("ana") is None

    run(work)


@pytest.mark.parametrize("error", [OutcomeUnknown("?"), ProviderRefused("no")])
def test_i08_a_success_is_one_whoever_saw_it(error: Exception) -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            other = await shop.another()

            async def overtaken(*arguments: object, **options: object) -> object:
                await other.subscriptions.cancel("ana", row.key, idempotency_key="c")
                raise error

            with patch.object(shop.provider, "cancel_subscription", overtaken):
                done = await shop.billing.subscriptions.cancel("ana", row.key, idempotency_key="c")
            assert done.subscription.cancel_at == row.period_end
            assert shop.memory.commands["subscription.cancel:c"].state == CONFIRMED

    run(work)


def test_f35_a_request_that_was_lost_is_sent_again() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            with shop.trouble(cancel_path(row), Fault.BROKEN), suppress(OutcomeUnknown):
                await shop.billing.subscriptions.cancel("ana", row.key, idempotency_key="c")
            assert shop.made(Subscription)[0].cancel_at is None
            done = await shop.billing.subscriptions.cancel("ana", row.key, idempotency_key="c")
            assert done.subscription.cancel_at == row.period_end

    run(work)


def test_f35_where_there_are_no_keys_a_lost_request_is_sent_again_as_it_changes_nothing_twice() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            keyless = attrs.evolve(shop.provider.capabilities, key_lifetime_seconds=0)
            with patch.object(shop.provider, "capabilities", keyless):
                with shop.trouble(cancel_path(row), Fault.BROKEN), suppress(OutcomeUnknown):
                    await shop.billing.subscriptions.cancel("ana", row.key, idempotency_key="c")
                assert shop.made(Subscription)[0].cancel_at is None
                shop.advance(seconds=120)
                assert await shop.billing.commands.resolve() == 1
            assert shop.made(Subscription)[0].cancel_at == row.period_end
            assert shop.memory.commands["subscription.cancel:c"].state == CONFIRMED

    run(work)


def test_a_command_that_was_never_sent_waits_for_its_provider() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            nobody = ProviderUnavailable("nobody answers")
            with (
                patch.object(shop.provider, "cancel_subscription", side_effect=nobody),
                pytest.raises(ProviderUnavailable),
            ):
                await shop.billing.subscriptions.cancel("ana", row.key, idempotency_key="c")
            assert shop.memory.commands["subscription.cancel:c"].state == PLANNED
            shop.advance(seconds=120)
            assert await shop.billing.commands.resolve() == 1
            assert shop.memory.commands["subscription.cancel:c"].state == CONFIRMED

    run(work)


def test_a_refusal_is_remembered() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await subscribed(shop)
            no = ProviderRefused("no", provider_code="because")
            with (
                patch.object(shop.provider, "cancel_subscription", side_effect=no),
                pytest.raises(ProviderRefused),
            ):
                await shop.billing.subscriptions.cancel("ana", row.key, idempotency_key="c")
            assert shop.memory.commands["subscription.cancel:c"].state == REFUSED
            with pytest.raises(ProviderRefused, match="because"):
                await shop.billing.subscriptions.cancel("ana", row.key, idempotency_key="c")
            assert shop.made(Subscription)[0].cancel_at is None

    run(work)
