"""Guests: what they buy is nobody's until it is claimed, and then the claimer's, wholly and for ever."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchase_core.errors import ConfigurationError, InvalidArgument, NotFound, SecretMissing, WrongState
from purchase_core.facts.fact import intent_key
from purchase_core.facts.rows import CaseRow, SubscriptionRow
from purchase_core.records.lane import guest_lane
from purchase_core.secret import Secret
from purchase_core.testing.bench import problems
from purchase_core.workflows.checkout_result import Checkout
from purchase_core.workflows.claims import VALID_SECONDS
from tests.faults.shop import Session, Shop, rows_in, run
from tests.workflows.guests import SECRET, guests


async def bought(shop: Shop, key: str = "cart-1", **wish: Any) -> Checkout:
    """A guest's purchase, paid and told."""
    return await shop.sold(key, customer=None, **wish)


def lane_of(checkout: Checkout) -> str:
    return guest_lane(intent_key(checkout.id))


def test_what_a_guest_bought_waits_and_becomes_the_claimers() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with guests(shop):
                checkout = await bought(shop)
                assert checkout.claim
                assert checkout.claim not in repr(checkout)
                waiting = await rows_in(shop.billing.store, lane_of(checkout))
                kinds = [row.kind for row in waiting if isinstance(row, CaseRow)]
                assert set(kinds) == {"unclaimed"}
                assert [row.bound for row in waiting if isinstance(row, SubscriptionRow)] == [True]
                assert not (await shop.rights()).has("export")

                await shop.billing.checkout.claim(checkout.claim, customer="ana")
                assert (await shop.rights()).has("export")
                assert await rows_in(shop.billing.store, lane_of(checkout)) == []
                assert not [row for row in await shop.rows() if isinstance(row, CaseRow)]
                before = await shop.checked_hash()
                await shop.billing.checkout.claim(checkout.claim, customer="ana")
                assert await shop.checked_hash() == before, "claiming again changes nothing"

                shop.advance(days=32)
                await shop.deliver()
                (row,) = await shop.billing.subscriptions.list("ana")
                assert row.period_start > shop.clock.now() - 3 * 86_400_000_000, "its renewals come along"
                await shop.checked_hash()

    run(work)


def test_whoever_was_merged_claims_for_whom_they_were_merged_into() -> None:
    """Before and behind the merge; and claiming again is no trouble."""

    async def work() -> None:
        async with Shop() as shop:
            with guests(shop):
                first, second = await bought(shop), await bought(shop, "cart-2", offer="book:full")
                await shop.sold("cart-3", customer="ben", offer="book:full")
                await shop.billing.checkout.claim(first.claim, customer="ana")
                await shop.billing.customers.merge("ana", into="ben", reason="", by="mia")
                for one in (first, second):
                    await shop.billing.checkout.claim(one.claim, customer="ana")
                rights = await shop.rights("ben")
                assert (rights.has("export"), rights.has("book")) == (True, True)
                assert len(await shop.billing.purchases.list("ben")) == 2
                assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)


def test_renewals_before_the_claim_come_along() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with guests(shop):
                checkout = await bought(shop)
                shop.advance(days=32)
                await shop.deliver()
                await shop.billing.checkout.claim(checkout.claim, customer="ana")
                assert len(await shop.billing.invoices.list("ana")) == 2
                assert (await shop.rights()).balance("ai") == 100, "the first hundred have expired"
                await shop.checked_hash()

    run(work)


def test_the_second_claimer_gets_nothing() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with guests(shop):
                checkout = await bought(shop)
                answers = await asyncio.gather(
                    shop.billing.checkout.claim(checkout.claim, customer="ana"),
                    shop.billing.checkout.claim(checkout.claim, customer="ben"),
                    return_exceptions=True,
                )
                assert [type(one) for one in answers if one is not None] == [WrongState]
                owners = [name for name in ("ana", "ben") if (await shop.rights(name)).has("export")]
                assert len(owners) == 1
                with pytest.raises(WrongState):
                    await shop.billing.checkout.claim(checkout.claim, customer="cho")

    run(work)


def test_f101_a_purchase_is_not_given_to_whoever_the_providers_customer_is_linked_to() -> None:
    """Some providers give one customer to everybody with one e-mail address."""

    async def work() -> None:
        async with Shop() as shop:
            with guests(shop):
                checkout = await shop.start(customer=None)
                await shop.harness.pay(checkout.session)
                paid = shop.made(Session)[0]
                await shop.billing.customers.link("ana", "sandbox", paid.customer or "")
                await shop.deliver()
                shop.advance(days=32)
                await shop.deliver()
                assert not (await shop.rights("ana")).has("export")
                await shop.billing.checkout.claim(checkout.claim, customer="ben")
                assert (await shop.rights("ben")).has("export")
                assert not (await shop.rights("ana")).has("export")
                await shop.checked_hash("ben")

    run(work)


def test_f101_whoever_is_merged_while_they_claim_has_it_where_they_are_by_then() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold("hers", offer="book:full")
            await shop.sold("his", customer="ben", offer="book:full")
            claims = shop.billing.checkout._claims
            with guests(shop):
                checkout = await bought(shop)
                record = claims._recorder.record

                async def overtaken(*work: Any, **named: Any) -> Any:
                    with patch.object(claims._recorder, "record", record):
                        await shop.billing.customers.merge("ana", into="ben", reason="one", by="mia")
                    return await record(*work, **named)

                with patch.object(claims._recorder, "record", overtaken):
                    await shop.billing.checkout.claim(checkout.claim, customer="ana")
            for customer in ("ana", "ben"):
                assert (await shop.rights(customer)).has("export")
            assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)


def test_a_claim_before_the_money_is_a_claim_all_the_same() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with guests(shop):
                checkout = await shop.start(customer=None)
                await shop.billing.checkout.claim(checkout.claim, customer="ana")
                assert not (await shop.rights()).has("export")
                await shop.harness.pay(checkout.session)
                await shop.deliver()
                assert (await shop.rights()).has("export")
                await shop.checked_hash()

    run(work)


def test_the_same_key_gives_the_guest_the_same_checkout() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with guests(shop):
                first = await shop.start(customer=None)
                again = await shop.start(customer=None)
                assert (again.id, again.session) == (first.id, first.session)

    run(work)


# --- tokens --------------------------------------------------------------------------------------


def test_t01_a_token_is_this_applications_and_of_this_checkout() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with guests(shop):
                one, two = await bought(shop), await bought(shop, "cart-2")
                message, signature = one.claim.split(".")
                forged = [
                    "",
                    ".",
                    message,
                    f"{message}.",
                    f".{signature}",
                    f"{message}.{two.claim.split('.')[1]}",
                    f"{two.claim.split('.')[0]}.{signature}",
                    one.claim + "A",
                    one.claim[:-1],
                    one.claim.swapcase(),
                    "é" + one.claim,
                    "x" * 10_000,
                ]
                for token in forged:
                    with pytest.raises(InvalidArgument, match="no token of a checkout"):
                        await shop.billing.checkout.claim(token, customer="ana")
                claims = shop.billing.checkout._claims
                with patch.object(claims, "_secret", Secret(SECRET + "!")), pytest.raises(InvalidArgument):
                    await shop.billing.checkout.claim(one.claim, customer="ana")
                with pytest.raises(NotFound):
                    await shop.billing.checkout.claim(claims.token("intent_unknown"), customer="ana")
                assert not (await shop.rights()).has("export")

    run(work)


def test_a_token_has_an_end() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with guests(shop):
                checkout = await bought(shop)
                shop.advance(seconds=VALID_SECONDS)
                with pytest.raises(InvalidArgument):
                    await shop.billing.checkout.claim(checkout.claim, customer="ana")

    run(work)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_no_text_is_a_token(token: str) -> None:
    async def work() -> None:
        async with Shop() as shop:
            with guests(shop), pytest.raises(InvalidArgument):
                await shop.billing.checkout.claim(token, customer="ana")

    run(work)


def test_without_a_secret_there_are_no_guests() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with pytest.raises(ConfigurationError, match="claim_secret"):
                await shop.start(customer=None)
            assert not shop.memory.commands
            with pytest.raises(SecretMissing):
                await shop.another(claim_secret="env:KEY_THAT_IS_NOT_SET")

    run(work)
