"""Outcomes decided by hand: the provider is asked first, and what it shows counts, then and later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from unittest.mock import patch

import attrs
import pytest

from purchase_core.errors import (
    ExceedsBalance,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
    WrongState,
)
from purchase_core.instants import DAY, Instant
from purchase_core.operations.outcomes import Outcomes, Word
from purchase_core.records.command import CONFIRMED, REFUSED, SENDING, UNKNOWN, Command, Stage
from purchase_core.records.run import FINISHED
from purchase_core.workflows.resolving import ABSENT_SECONDS, KEY_MARGIN_SECONDS
from purchase_sandbox.account.objects import Refund, Session
from purchase_sandbox.config import KEY_LIFETIME_SECONDS
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault
from tests.faults.shop import SESSIONS, Shop, run
from tests.workflows.bought import REFUNDS, bought, invoice

LATER = KEY_LIFETIME_SECONDS - KEY_MARGIN_SECONDS + ABSENT_SECONDS + 1


def happened(object_id: str, *, insists: bool = False) -> Word:
    return Word(object_id, "olga", "seen in the dashboard", insists)


def did_not(*, insists: bool = False) -> Word:
    return Word("", "olga", "not in the dashboard", insists)


@asynccontextmanager
async def lost(fault: Fault = Fault.LOST_ANSWER) -> AsyncIterator[tuple[Shop, Outcomes, str]]:
    """A shop in which the answer to a refund of 5.00 was lost, what decides it, and its receipt."""
    async with Shop() as shop:
        row = await bought(shop)
        with shop.trouble(REFUNDS, fault), pytest.raises(OutcomeUnknown):
            await shop.billing.purchases.refund("ana", row.key, amount=500, idempotency_key="r")
        (receipt,) = [one.id for one in shop.memory.commands.values() if one.state == UNKNOWN]
        yield shop, shop.billing.outcomes, receipt


@asynccontextmanager
async def opened_unheard(fault: Fault = Fault.LOST_ANSWER) -> AsyncIterator[tuple[Shop, Outcomes, str]]:
    """The same of a checkout."""
    async with Shop() as shop:
        with shop.trouble(SESSIONS, fault), pytest.raises(OutcomeUnknown):
            await shop.start()
        (command,) = shop.memory.commands.values()
        yield shop, shop.billing.outcomes, command.id


@contextmanager
def nobody_there(shop: Shop) -> Iterator[None]:
    """While the block lasts, the provider cannot be asked."""
    shop.chaos.set(Fault.UNREACHABLE, CERTAIN_PPM)
    yield
    shop.chaos.set(Fault.UNREACHABLE, 0)


async def as_it_is(shop: Shop, receipt: str) -> Command:
    command = await shop.billing.store.command_by_id(receipt)
    assert command is not None
    return command


# --- the provider shows it ------------------------------------------------------------------------


def test_what_happened_is_confirmed_by_what_the_provider_shows_and_kept_with_who_said_so() -> None:
    async def work() -> None:
        async with lost() as (shop, outcomes, receipt):
            (refund,) = shop.made(Refund)
            done = await outcomes.decide(receipt, happened(refund.id), key="run_1")
            assert (done.kind, done.scope, done.counts) == ("by-hand-decide-outcome", receipt, {"seen": 1})
            assert done.note.startswith("olga: seen in the dashboard")
            command = await as_it_is(shop, receipt)
            assert (command.state, command.is_by_hand) == (CONFIRMED, False)
            bill = await invoice(shop)
            assert (bill.refunding, bill.refunded) == (0, 500)
            assert await outcomes.decide(receipt, happened(refund.id), key="run_1") == done, "said once"
            with pytest.raises(WrongState, match="is confirmed, and not to be decided"):
                await outcomes.decide(receipt, did_not())
            assert len(shop.made(Refund)) == 1
            await shop.checked_hash()

    run(work)


def test_the_object_is_fetched_where_our_reference_finds_nothing() -> None:
    async def work() -> None:
        async with lost() as (shop, outcomes, receipt):
            (refund,) = shop.made(Refund)
            with patch.object(shop.provider, "find_refund", nothing):
                done = await outcomes.decide(receipt, happened(refund.id))
            assert done.counts == {"seen": 1}
            assert (await invoice(shop)).refunded == 500

    run(work)


async def nothing(*_: object, **__: object) -> tuple[()]:
    return ()


def test_an_object_of_another_command_or_of_nobody_confirms_nothing() -> None:
    async def work() -> None:
        async with lost(Fault.BROKEN) as (shop, outcomes, receipt):
            row = (await shop.billing.purchases.list("ana"))[0]
            await shop.billing.purchases.refund("ana", row.key, amount=300, idempotency_key="another")
            (other,) = shop.made(Refund)
            for wrong in (other.id, "re_none"):
                with pytest.raises(WrongState, match="shows nothing that came of"):
                    await outcomes.decide(receipt, happened(wrong, insists=True))
            assert (await as_it_is(shop, receipt)).state == UNKNOWN
            assert (await invoice(shop)).refunding == 500

    run(work)


def test_that_it_did_not_happen_is_refused_where_the_provider_shows_it() -> None:
    async def work() -> None:
        async with lost() as (shop, outcomes, receipt):
            with pytest.raises(WrongState, match="did happen: the provider shows it"):
                await outcomes.decide(receipt, did_not(insists=True))
            assert (await as_it_is(shop, receipt)).state == CONFIRMED
            assert (await invoice(shop)).refunded == 500

    run(work)


# --- the provider shows nothing -------------------------------------------------------------------


def test_that_it_did_not_happen_is_believed_once_it_cannot_turn_up_any_more() -> None:
    """Sooner, the refund could be asked for again, and both be made."""

    async def work() -> None:
        async with lost(Fault.BROKEN) as (shop, outcomes, receipt):
            with pytest.raises(WrongState, match="may still happen"):
                await outcomes.decide(receipt, did_not(insists=True))
            assert (await invoice(shop)).refunding == 500
            shop.advance(seconds=LATER)
            assert (await outcomes.decide(receipt, did_not())).counts == {"believed": 1}
            command = await as_it_is(shop, receipt)
            assert (command.state, command.is_by_hand) == (REFUSED, True)
            assert command.stages[-2].detail == "it did not happen, says olga: not in the dashboard"
            assert (await invoice(shop)).refunding == 0
            row = (await shop.billing.purchases.list("ana"))[0]
            with pytest.raises(ProviderRefused, match="by hand"):
                await shop.billing.purchases.refund("ana", row.key, amount=500, idempotency_key="r")
            assert shop.made(Refund) == []
            assert await shop.billing.commands.resolve() == 0, "nobody sends it again"

    run(work)


def test_what_cannot_be_done_twice_is_believed_not_to_have_happened_at_once() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            (row,) = await shop.billing.subscriptions.list("ana")
            path = f"/v1/subscriptions/{row.provider_id}/cancel"
            with shop.trouble(path, Fault.BROKEN), pytest.raises(OutcomeUnknown):
                await shop.billing.subscriptions.cancel("ana", row.key, idempotency_key="c")
            (receipt,) = [one.id for one in shop.memory.commands.values() if one.state == UNKNOWN]
            with pytest.raises(WrongState, match="shows nothing"):
                await shop.billing.outcomes.decide(receipt, happened(row.provider_id))
            await shop.billing.outcomes.decide(receipt, did_not())
            assert (await as_it_is(shop, receipt)).state == REFUSED

    run(work)


# --- the provider cannot be asked ------------------------------------------------------------------


def test_without_the_provider_a_word_counts_only_of_whoever_insists() -> None:
    async def work() -> None:
        async with lost() as (shop, outcomes, receipt):
            (refund,) = shop.made(Refund)
            with nobody_there(shop):
                with pytest.raises(ProviderUnavailable) as caught:
                    await outcomes.decide(receipt, happened(refund.id))
                assert "or insist" in caught.value.hint
                assert (await as_it_is(shop, receipt)).state == UNKNOWN
                done = await outcomes.decide(receipt, happened(refund.id, insists=True))
            assert done.counts == {"believed": 1}
            assert (await as_it_is(shop, receipt)).state == CONFIRMED
            bill = await invoice(shop)
            assert (bill.refunding, bill.refunded) == (500, 0), "no fact was made up"
            row = (await shop.billing.purchases.list("ana"))[0]
            with pytest.raises(ExceedsBalance):
                await shop.billing.purchases.refund("ana", row.key, amount=1_600, idempotency_key="more")

    run(work)


def test_a_worker_goes_on_looking_for_what_was_believed_and_what_it_finds_counts() -> None:
    async def work() -> None:
        async with lost() as (shop, outcomes, receipt):
            (refund,) = shop.made(Refund)
            with nobody_there(shop):
                await outcomes.decide(receipt, happened(refund.id, insists=True))
                assert await outcomes.look_again() == 0
            assert await outcomes.look_again() == 1
            assert await outcomes.look_again() == 0, "it is known now"
            command = await as_it_is(shop, receipt)
            assert (command.state, command.is_by_hand) == (CONFIRMED, False)
            bill = await invoice(shop)
            assert (bill.refunding, bill.refunded) == (0, 500)
            await shop.checked_hash()

    run(work)


def test_the_later_truth_wins_over_a_no_by_webhook_and_by_a_look_and_has_its_effect_once() -> None:
    async def work() -> None:
        async with lost() as (shop, outcomes, receipt):
            shop.advance(seconds=LATER)
            with nobody_there(shop):
                await outcomes.decide(receipt, did_not(insists=True))
            assert (await invoice(shop)).refunding == 0
            await shop.deliver()
            bill = await invoice(shop)
            assert (bill.refunding, bill.refunded) == (0, 500)
            assert await outcomes.ask(receipt), "asked by hand, as a worker does"
            assert (await as_it_is(shop, receipt)).state == CONFIRMED
            assert (await invoice(shop)).refunded == 500
            assert len(shop.made(Refund)) == 1
            await shop.checked_hash()

    run(work)


def test_what_was_only_said_can_be_taken_back_and_a_no_takes_a_witness() -> None:
    async def work() -> None:
        async with lost(Fault.BROKEN) as (shop, outcomes, receipt):
            shop.advance(seconds=LATER)
            with nobody_there(shop):
                await outcomes.decide(receipt, happened("re_mistyped", insists=True))
                assert (await invoice(shop)).refunding == 500
                await outcomes.decide(receipt, did_not(insists=True))
                assert (await invoice(shop)).refunding == 0
                with pytest.raises(WrongState):
                    await outcomes.decide(receipt, happened("re_mistyped", insists=True))
            assert (await as_it_is(shop, receipt)).state == REFUSED

    run(work)


# --- checkouts ---------------------------------------------------------------------------------------


def test_a_checkout_that_was_opened_is_found_with_its_address() -> None:
    async def work() -> None:
        async with opened_unheard() as (shop, outcomes, receipt):
            (session,) = shop.made(Session)
            await outcomes.decide(receipt, happened(session.id))
            checkout = await shop.start()
            assert (checkout.session, checkout.url) == (session.id, session.url)
            assert len(shop.made(Session)) == 1

    run(work)


def test_a_session_that_was_named_by_hand_is_that_of_the_order_or_nothing() -> None:
    async def work() -> None:
        async with opened_unheard() as (shop, outcomes, receipt):
            (mine,) = shop.made(Session)
            other = await shop.start("cart-2")
            with patch.object(shop.provider, "find_checkout", none):
                with pytest.raises(WrongState, match="shows nothing"):
                    await outcomes.decide(receipt, happened(other.session))
                await outcomes.decide(receipt, happened(mine.id))
            assert (await shop.start()).session == mine.id
            await shop.harness.pay(mine.id)
            await shop.deliver()
            assert (await shop.rights()).has("export")
            await shop.checked_hash()

    run(work)


async def none(*_: object, **__: object) -> None:
    return None


def test_a_checkout_that_was_only_said_to_be_there_is_made_whole_once_it_is_seen() -> None:
    async def work() -> None:
        async with opened_unheard() as (shop, outcomes, receipt):
            (session,) = shop.made(Session)
            with nobody_there(shop):
                await outcomes.decide(receipt, happened(session.id, insists=True))
            said = await shop.start()
            assert (said.session, said.url, said.id) == (
                session.id,
                "",
                (await as_it_is(shop, receipt)).reference,
            )
            await shop.harness.pay(session.id)
            await shop.deliver()
            assert await outcomes.look_again() == 1
            assert (await shop.start()).url == session.url
            assert (await shop.rights()).has("export")
            assert len(shop.made(Session)) == 1
            await shop.checked_hash()

    run(work)


def test_a_checkout_that_never_came_about_is_not_opened_again() -> None:
    async def work() -> None:
        async with opened_unheard(Fault.BROKEN) as (shop, outcomes, receipt):
            with pytest.raises(WrongState, match="may still happen"):
                await outcomes.decide(receipt, did_not())
            shop.advance(seconds=LATER)
            await outcomes.decide(receipt, did_not())
            with pytest.raises(ProviderRefused, match="by hand"):
                await shop.start()
            assert shop.made(Session) == []

    run(work)


# --- what is refused ---------------------------------------------------------------------------------


def test_a_decision_is_about_what_was_seen_and_says_who_and_why() -> None:
    async def work() -> None:
        async with lost() as (shop, outcomes, receipt):
            (refund,) = shop.made(Refund)
            with pytest.raises(WrongState, match="has changed since it was looked at"):
                await outcomes.decide(receipt, happened(refund.id), seen="another version")
            version = (await shop.billing.receipts.get(receipt)).version
            shop.advance(seconds=120)
            with nobody_there(shop):
                assert await shop.billing.commands.resolve() == 0
            for word in (
                Word(refund.id, "olga", " "),
                Word(refund.id, "", "why"),
                Word(" re", "olga", "why"),
            ):
                with pytest.raises(InvalidArgument):
                    await outcomes.decide(receipt, word)
            with pytest.raises(NotFound):
                await outcomes.decide("receipt_none", did_not())
            done = await outcomes.decide(receipt, happened(refund.id), seen=version)
            assert done.counts == {"seen": 1}, "that a worker has asked in vain since changes nothing of it"

    run(work)


def test_what_may_be_on_its_way_to_the_provider_is_not_decided() -> None:
    async def work() -> None:
        async with Shop() as shop:
            row = await bought(shop)
            with (
                patch.object(shop.provider, "refund", side_effect=asyncio.CancelledError),
                pytest.raises(asyncio.CancelledError),
            ):
                await shop.billing.purchases.refund("ana", row.key, amount=500, idempotency_key="r")
            (receipt,) = [one.id for one in shop.memory.commands.values() if one.state == SENDING]
            with pytest.raises(WrongState, match="is sending"):
                await shop.billing.outcomes.decide(receipt, did_not())
            shop.advance(seconds=LATER)
            assert [one.about for one in await shop.billing.attention.list()] == [receipt]
            await shop.billing.outcomes.decide(receipt, did_not())
            assert (await as_it_is(shop, receipt)).state == REFUSED

    run(work)


def test_a_deed_that_ends_in_a_fault_of_ours_is_over_and_says_so() -> None:
    """Whoever sends it again would be told that it goes on, for ever."""

    async def work() -> None:
        async with lost() as (shop, outcomes, receipt):
            key = "run_of_the_page"
            with (
                patch.object(shop.provider, "find_refund", side_effect=ZeroDivisionError),
                pytest.raises(ZeroDivisionError),
            ):
                await outcomes.decide(receipt, did_not(), key=key)
            again = await outcomes.decide(receipt, did_not(), key=key)
            assert (again.state, again.counts) == (FINISHED, {"ZeroDivisionError": 1})

    run(work)


def test_what_waited_for_days_and_is_being_sent_now_is_for_nobody_to_decide() -> None:
    """It was decided long ago, and whoever sends it is not gone."""

    async def work() -> None:
        async with lost() as (shop, outcomes, receipt):
            command, now = await outcomes.get(receipt), shop.clock.now()
            stages = (*command.stages, Stage(SENDING, now))
            sent = attrs.evolve(command, state=SENDING, created_at=Instant(now - 5 * DAY), stages=stages)
            assert not outcomes.may_be_decided(sent)
            shop.advance(seconds=ABSENT_SECONDS + 1)
            assert outcomes.may_be_decided(sent), "no request takes that long"

    run(work)
