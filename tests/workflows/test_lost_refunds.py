"""Refunds whose answer was lost: on their way until it is known, found or sent again, and never twice."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from unittest.mock import patch

import attrs
import pytest

from purchase_core.errors import (
    ExceedsBalance,
    NotYetAllowed,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
    StoreUnavailable,
)
from purchase_core.facts.fact import Fact
from purchase_core.instants import SECOND
from purchase_core.ports.batch import Batch
from purchase_core.records.command import CONFIRMED, REFUSED, SENDING, UNKNOWN
from purchase_core.testing.memory_store import MemoryStore
from purchase_core.workflows.resolving import ABSENT_SECONDS, KEY_MARGIN_SECONDS, RESOLVE_AFTER_SECONDS
from purchase_sandbox.account.objects import Refund
from purchase_sandbox.config import KEY_LIFETIME_SECONDS
from purchase_simulators.wire.chaos import Fault
from tests.faults.shop import Shop, run
from tests.workflows.bought import PAID, REFUNDS, bought, invoice, slowly


def test_f57_i06_a_refund_whose_answer_was_lost_counts_as_on_its_way() -> None:
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


# --- what is known of it, and what is not ----------------------------------------------------------


async def unseen(invoice: str, command: str) -> tuple[Fact, ...]:
    """No refund is to be found: the provider's lists lag behind."""
    return ()


def test_f35_what_cannot_be_found_is_sent_again_under_its_own_key_and_made_once() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            with patch.object(shop.provider, "find_refund", unseen):
                with shop.trouble(REFUNDS, Fault.LOST_ANSWER), pytest.raises(OutcomeUnknown):
                    await shop.billing.purchases.refund("ana", row.key, amount=500, idempotency_key="r")
                shop.advance(seconds=RESOLVE_AFTER_SECONDS + 1)
                assert await shop.billing.commands.resolve() == 1
            assert [one.amount for one in shop.made(Refund)] == [500]
            assert (await invoice(shop)).refunded == 500

    run(work)


def test_f51_what_waited_for_days_is_looked_for_since_it_was_sent() -> None:
    """Decided days ago, sent a minute ago: that nothing is to be found of it yet proves nothing."""

    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            refund = shop.billing.purchases.refund
            keyless = attrs.evolve(shop.provider.capabilities, key_lifetime_seconds=0)
            not_yet = NotYetAllowed("not completed")
            with patch.object(shop.provider, "refund", side_effect=not_yet):
                assert (await refund("ana", row.key, amount=1_500, idempotency_key="r")).waits
            shop.advance(days=5)
            with patch.object(shop.provider, "capabilities", keyless):
                with patch.object(shop.provider, "find_refund", unseen):
                    with shop.trouble(REFUNDS, Fault.LOST_ANSWER):
                        assert await shop.billing.commands.resolve() == 0
                    for _ in range(3):
                        shop.advance(seconds=ABSENT_SECONDS // 4)
                        assert await shop.billing.commands.resolve() == 0
                    assert (await invoice(shop)).refunding == 1_500
                    with pytest.raises(ExceedsBalance):
                        await refund("ana", row.key, amount=600, idempotency_key="other")
                shop.advance(seconds=RESOLVE_AFTER_SECONDS + 1)
                assert await shop.billing.commands.resolve() == 1
            assert shop.memory.commands["refund:r"].state == CONFIRMED
            assert [one.amount for one in shop.made(Refund)] == [1_500]

    run(work)


def test_f35_a_refund_that_two_have_sent_is_not_one_that_was_never_sent() -> None:
    """One hears that nothing came of its own try; the answer to the other's was lost meanwhile."""

    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            other = await shop.another()

            async def overtaken(*_: object, **__: object) -> tuple[Fact, ...]:
                lost = OutcomeUnknown("no answer")
                with (
                    patch.object(other.connections["sandbox"], "refund", side_effect=lost),
                    pytest.raises(OutcomeUnknown),
                ):
                    await other.purchases.refund("ana", row.key, amount=500, idempotency_key="r")
                raise ProviderUnavailable("nobody answers")

            with patch.object(shop.provider, "refund", overtaken), pytest.raises(ProviderUnavailable):
                await shop.billing.purchases.refund("ana", row.key, amount=500, idempotency_key="r")
            assert shop.memory.commands["refund:r"].state == UNKNOWN

    run(work)


class Failing(MemoryStore):
    """A store that fails at its n-th commit of a command from now on, and at all that follow."""

    left = 0

    async def commit(self, batch: Batch) -> None:
        """As ever, until it fails."""
        if batch.command is not None and self.left:
            self.left -= 1
            if not self.left:
                self.left = 1
                raise StoreUnavailable("the disk is full")
        await super().commit(batch)


def test_f57_a_refund_that_was_done_and_could_not_be_written_down_is_found_and_not_done_again() -> None:
    async def work() -> None:
        stores: list[Failing] = []

        def failing(store: object) -> Failing:
            assert isinstance(store, MemoryStore)
            stores.append(Failing(store.database))
            return stores[-1]

        async with Shop(meddle=failing) as shop:
            row = await bought(shop)
            stores[0].left = 2  # the command is written down, and what came of it is not
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    await shop.billing.purchases.refund("ana", row.key, amount=1_500, idempotency_key="r")
            assert shop.memory.commands["refund:r"].state == SENDING
            bill = await invoice(shop)
            assert (bill.refunding, bill.refunded) == (1_500, 0)
            stores[0].left = 0
            restarted = await shop.another()
            with pytest.raises(ExceedsBalance):
                await restarted.purchases.refund("ana", row.key, amount=501, idempotency_key="other")
            shop.advance(days=3)  # the provider has forgotten the key
            assert await restarted.commands.resolve() == 1
            assert [one.amount for one in shop.made(Refund)] == [1_500]
            bill = await invoice(shop)
            assert (bill.refunding, bill.refunded) == (0, 1_500)
            await shop.checked_hash()

    run(work)


@pytest.mark.parametrize("effect", [True, False])
def test_f39_a_500_that_is_kept_under_the_key_is_unknown_until_it_is_looked_up(*, effect: bool) -> None:
    """Every try under the key meets the same 500, whether the first one had an effect or not."""

    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            tried: list[str] = []

            async def kept(*_: object, key: str) -> tuple[Fact, ...]:
                tried.append(key)
                raise OutcomeUnknown("the provider answered 500")

            with (
                shop.trouble(REFUNDS, Fault.BROKEN_AFTER if effect else Fault.BROKEN),
                suppress(OutcomeUnknown),
            ):
                await shop.billing.purchases.refund("ana", row.key, amount=500, idempotency_key="r")
            with patch.object(shop.provider, "refund", kept):
                for _ in range(2):
                    assert (await invoice(shop)).refunding == 500
                    shop.advance(seconds=3_600)
                    if await shop.billing.commands.resolve():
                        break
                shop.advance(seconds=KEY_LIFETIME_SECONDS)
                await shop.billing.commands.resolve()
            bill = await invoice(shop)
            assert (bill.refunding, bill.refunded) == (0, 500 if effect else 0)
            assert len(shop.made(Refund)) == int(effect)
            assert len(set(tried)) == len(tried[:1]) == int(not effect), "it is looked for before it is sent"
            assert shop.memory.commands["refund:r"].state == (CONFIRMED if effect else REFUSED)

    run(work)


def test_f38_two_processes_that_ask_at_once_send_one_request_where_there_are_no_keys() -> None:
    """Both find no command under the key; whose row is written sends it, and the other one only looks."""

    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            processes = [await shop.another() for _ in range(4)]
            keyless = attrs.evolve(shop.provider.capabilities, key_lifetime_seconds=0)
            sent: list[str] = []

            async def lost(*_: object, key: str) -> tuple[Fact, ...]:
                sent.append(key)
                raise OutcomeUnknown("no answer")

            with ExitStack() as patches:
                patches.enter_context(patch.object(MemoryStore, "command", slowly(MemoryStore.command)))
                for one in processes:
                    provider = one.connections["sandbox"]
                    patches.enter_context(patch.object(provider, "capabilities", keyless))
                    patches.enter_context(patch.object(provider, "refund", lost))
                answers = await asyncio.gather(
                    *(
                        one.purchases.refund("ana", row.key, amount=500, idempotency_key="r")
                        for one in processes
                    ),
                    return_exceptions=True,
                )
            assert [type(one) for one in answers] == [OutcomeUnknown] * 4
            assert len(sent) == 1

    run(work)
