"""Starting a checkout: what is refused, and what a key is worth."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import patch

import pytest

from purchase_core.errors import (
    AuthenticationFailed,
    CheckoutVetoed,
    IdempotencyConflict,
    InvalidArgument,
    InvalidText,
    NoRoute,
    NotFound,
    OfferNotSellable,
    ProviderRefused,
    ProviderUnavailable,
    PurchaseError,
    UnknownOffer,
)
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.ports.router import RouteRequest, RoutingDecision
from purchase_core.records.command import CONFIRMED, REFUSED, SENDING
from purchase_core.workflows.checkout import KIND
from purchase_core.workflows.links import Links
from purchase_simulators.wire.chaos import Fault
from tests.faults.shop import CUSTOMERS, SESSIONS, Customer, Price, Session, Shop, run

HOSTILE: dict[str, tuple[dict[str, Any], type[PurchaseError]]] = {
    "an unknown offer": ({"offer": "app:prp"}, UnknownOffer),
    "a free offer": ({"offer": "app:free"}, OfferNotSellable),
    "no offer": ({"offer": ""}, InvalidArgument),
    "an offer that is no text": ({"offer": 7}, InvalidText),
    "an offer with a lone surrogate": ({"offer": "\ud800"}, InvalidText),
    "quantity zero": ({"quantity": 0}, InvalidArgument),
    "quantity negative": ({"quantity": -1}, InvalidArgument),
    "quantity above the plan's": ({"quantity": 11}, InvalidArgument),
    "quantity beyond 64 bits": ({"quantity": 10**30}, InvalidArgument),
    "quantity true": ({"quantity": True}, InvalidArgument),
    "quantity a float": ({"quantity": 1.0}, InvalidArgument),
    "another currency": ({"currency": "USD"}, InvalidArgument),
    "a currency in lower case": ({"currency": "eur"}, InvalidArgument),
    "a currency that is no text": ({"currency": ["EUR"]}, InvalidText),
    "a currency with a lone surrogate": ({"currency": "\udc00"}, InvalidText),
    "no customer": ({"customer": ""}, InvalidArgument),
    "a customer of 10,000 characters": ({"customer": "x" * 10_000}, InvalidText),
    "a customer with a NUL": ({"customer": "an\x00a"}, InvalidText),
    "a customer with a lone surrogate": ({"customer": "\ud83d"}, InvalidText),
    "a customer with a line break": ({"customer": "ana\nbob"}, InvalidArgument),
    "a customer that is no text": ({"customer": 7}, InvalidText),
    "no key": ({"key": ""}, InvalidArgument),
    "a key of 10,000 characters": ({"key": "k" * 10_000}, InvalidText),
    "a key with a NUL": ({"key": "k\x00"}, InvalidText),
    "an e-mail with a lone surrogate": ({"email": "a\udfff@example.org"}, InvalidText),
    "an e-mail with a line break": ({"email": "a@example.org\nbcc: b@example.org"}, InvalidArgument),
    "a script": ({"success_url": "javascript:alert(1)"}, InvalidArgument),
    "plain http": ({"cancel_url": "http://shop.example/"}, InvalidArgument),
    "a user in the URL": ({"success_url": "https://shop.example@evil.example/"}, InvalidArgument),
    "a URL with a lone surrogate": ({"success_url": "https://shop.example/\ud800"}, InvalidArgument),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_cannot_be_sold_is_refused_and_leaves_nothing(what: str) -> None:
    wish, error = HOSTILE[what]

    async def work() -> None:
        async with Shop() as shop:
            with pytest.raises(error):
                await shop.start(**wish)
            assert not shop.made(Customer)
            assert not shop.made(Price)
            assert not shop.made(Session)
            assert not shop.memory.commands
            assert not shop.memory.facts
            assert not shop.memory.lanes

    run(work)


@pytest.mark.parametrize("what", [one for one in HOSTILE if "key" not in one])
def test_a_known_key_does_not_let_hostile_arguments_through(what: str) -> None:
    """Whatever stands beside a known key, it is refused with one of our errors, and changes nothing."""
    wish, _ = HOSTILE[what]

    async def work() -> None:
        async with Shop() as shop:
            first = await shop.start()
            before = dict(shop.memory.commands)
            with pytest.raises((InvalidArgument, IdempotencyConflict)):
                await shop.start(**wish)
            assert shop.memory.commands == before
            assert await shop.start() == first

    run(work)


def test_an_unknown_offer_is_answered_with_the_nearest() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with pytest.raises(UnknownOffer) as refused:
                await shop.start(offer="app:prp")
            assert refused.value.hint.startswith("Did you mean app:pro ")

    run(work)


def test_an_offer_that_is_gone_does_not_take_a_checkout_with_it() -> None:
    """The same key gives the same checkout, even if the catalog is another one by now."""

    async def work() -> None:
        async with Shop() as shop:
            first = await shop.start(offer="book:full")
            shop.billing.checkout._planner._catalog = type(shop.catalog)(shop.catalog.products[0])
            assert await shop.start(offer="book:full") == first
            with pytest.raises(UnknownOffer):
                await shop.start("cart-2", offer="book:full")

    run(work)


# --- the key -----------------------------------------------------------------------------------


def test_the_same_key_gives_the_same_checkout() -> None:
    async def work() -> None:
        async with Shop() as shop:
            first = await shop.start()
            again = [await shop.start() for _ in range(3)]
            assert again == [first] * 3
            assert len(shop.made(Session)) == len(shop.made(Customer)) == 1
            assert len(shop.memory.commands) == 1

    run(work)


def test_the_same_key_fifty_times_at_once_is_one_checkout() -> None:
    async def work() -> None:
        async with Shop() as shop:
            found = await asyncio.gather(*(shop.start() for _ in range(50)))
            assert set(found) == {found[0]}
            assert len(shop.made(Session)) == len(shop.made(Customer)) == len(shop.made(Price)) == 1

    run(work)


def test_the_same_key_in_two_processes_at_once_is_one_checkout() -> None:
    async def work() -> None:
        async with Shop() as shop:
            other = await shop.another()
            both = [shop.start(billing=one) for _ in range(10) for one in (shop.billing, other)]
            found = await asyncio.gather(*both)
            assert set(found) == {found[0]}
            assert len(shop.made(Session)) == len(shop.made(Customer)) == len(shop.made(Price)) == 1
            (command,) = shop.memory.commands.values()
            assert command.state == CONFIRMED
            assert [stage.name for stage in command.stages] == ["routed", "recorded", "opened"]
            assert sum(1 for one in shop.memory.facts.values() if one.fact.kind == "intent") == 1

    run(work)


@pytest.mark.parametrize(
    "other",
    [
        {"customer": "bob"},
        {"offer": "app:team"},
        {"quantity": 2},
        {"currency": "EUR"},
        {"success_url": "https://shop.example/other"},
        {"cancel_url": "https://shop.example/other"},
    ],
    ids=lambda one: next(iter(one)),
)
def test_a_key_that_is_used_for_something_else_is_refused(other: dict[str, Any]) -> None:
    async def work() -> None:
        async with Shop() as shop:
            first = await shop.start()
            with pytest.raises(IdempotencyConflict) as refused:
                await shop.start(**other)
            assert "'cart-1'" in refused.value.message
            assert len(shop.made(Session)) == 1
            assert await shop.start() == first

    run(work)


def test_the_email_is_no_part_of_what_a_key_stands_for() -> None:
    async def work() -> None:
        async with Shop() as shop:
            assert await shop.start(email="a@example.org") == await shop.start(email="b@example.org")

    run(work)


def test_carts_of_one_customer_at_once_share_one_provider_customer() -> None:
    """Also when each knows another e-mail: the provider sees one key with different requests (F37, F49)."""

    async def work() -> None:
        async with Shop() as shop:
            other = await shop.another()
            carts = [
                shop.start(f"cart-{n}", email=f"ana{n}@example.org", billing=(shop.billing, other)[n % 2])
                for n in range(20)
            ]
            found = await asyncio.gather(*carts)
            assert len({one.session for one in found}) == 20
            assert len(shop.made(Customer)) == 1
            assert len(await shop.billing.store.references_of("customer:ana", "customer")) == 1

    run(work)


# --- refusals ----------------------------------------------------------------------------------


def test_what_was_refused_stays_refused() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.start("other")
            (price,) = shop.made(Price)
            del shop.account.book._things[Price][price.id]
            with pytest.raises(ProviderRefused):
                await shop.start()
            command = shop.memory.commands[f"{KIND}:cart-1"]
            assert (command.state, command.stages[-1].name) == (REFUSED, "refused")
            shop.account.book._things[Price][price.id] = price
            with pytest.raises(ProviderRefused):
                await shop.start()
            assert len(shop.made(Session)) == 1
            assert await shop.billing.checkout.resolve() == 0

    run(work)


def test_a_wrong_api_key_does_not_end_the_checkout() -> None:
    async def work() -> None:
        async with Shop() as shop:
            keys, shop.harness.sandbox._keys = shop.harness.sandbox._keys, []
            with pytest.raises(AuthenticationFailed):
                await shop.start()
            assert shop.memory.commands[f"{KIND}:cart-1"].state == SENDING
            shop.advance(seconds=120)
            assert await shop.billing.checkout.resolve() == 0
            shop.harness.sandbox._keys = keys
            assert (await shop.start()).session == shop.made(Session)[0].id

    run(work)


@pytest.mark.parametrize("path", [CUSTOMERS, SESSIONS])
def test_a_busy_provider_does_not_end_the_checkout(path: str) -> None:
    async def work() -> None:
        async with Shop() as shop:
            with shop.trouble(path, Fault.BUSY), pytest.raises(ProviderUnavailable):
                await shop.start()
            assert shop.memory.commands[f"{KIND}:cart-1"].state == SENDING
            with pytest.raises(ProviderUnavailable, match="left alone"):
                await shop.start()
            shop.advance(seconds=1)  # as long as it asked for
            assert (await shop.start()).session == shop.made(Session)[0].id

    run(work)


def test_a_connection_that_is_gone_says_so_and_waits() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with shop.trouble(SESSIONS, Fault.BUSY), pytest.raises(ProviderUnavailable):
                await shop.start()
            gone = await shop.another(connections={})
            with pytest.raises(ProviderUnavailable) as refused:
                await shop.start(billing=gone)
            assert "'sandbox', which is gone" in refused.value.message
            with pytest.raises(NoRoute):
                await shop.start("cart-2", billing=gone)
            assert f"{KIND}:cart-2" not in shop.memory.commands

    run(work)


class Veto:
    """Stops every checkout."""

    @hookimpl
    async def purchase_before_checkout(self, request: RouteRequest, decision: RoutingDecision) -> None:
        raise CheckoutVetoed(f"{request.customer} cannot buy at {decision.order[0]}")


def test_a_veto_leaves_nothing() -> None:
    async def work() -> None:
        async with Shop(plugins=[Veto()]) as shop:
            with pytest.raises(CheckoutVetoed, match="ana cannot buy at sandbox"):
                await shop.start()
            assert not shop.memory.commands
            assert not shop.memory.facts
            assert not shop.made(Customer)
            assert not shop.made(Session)

    run(work)


# --- receipts ----------------------------------------------------------------------------------


def test_a_receipt_tells_what_really_happened() -> None:
    async def work() -> None:
        async with Shop() as shop:
            with shop.trouble(SESSIONS, Fault.BUSY), pytest.raises(ProviderUnavailable):
                await shop.start()
            command = shop.memory.commands[f"{KIND}:cart-1"]
            sent = await shop.billing.receipts.get(command.id)
            assert (sent.state, [stage.name for stage in sent.stages]) == (SENDING, ["routed", "recorded"])
            shop.advance(seconds=1)
            checkout = await shop.sold()
            receipt = await shop.billing.receipts.get(checkout.receipt)
            assert receipt.id == command.id
            assert (receipt.kind, receipt.state, receipt.customer) == (KIND, CONFIRMED, "ana")
            assert (receipt.connection, receipt.reference) == ("sandbox", checkout.id)
            assert [(stage.name, stage.detail) for stage in receipt.stages] == [
                ("routed", "sandbox"),
                ("recorded", checkout.id),
                ("opened", checkout.session),
            ]
            assert receipt.decision is not None
            assert receipt.decision.order == ("sandbox",)
            assert (receipt.decision.request.offer, receipt.decision.request.unit_amount) == (
                "app:pro",
                1_000,
            )
            kinds = {line.key.partition(":")[0] for line in receipt.facts}
            assert kinds == {"intent", "attempt", "session", "subscription", "invoice"}
            causes = {line.key.partition(":")[0]: line.cause.partition("_")[0] for line in receipt.facts}
            assert (causes["intent"], causes["attempt"]) == ("receipt", "receipt")
            assert (causes["invoice"], causes["subscription"]) == ("delivery", "delivery")
            with pytest.raises(NotFound):
                await shop.billing.receipts.get("receipt_none")

    run(work)


def test_a_checkout_reads_once_who_its_customer_is_at_the_provider() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy("cart-1")
            read = Links.of
            with patch.object(Links, "of", autospec=True, side_effect=read) as counted:
                await shop.buy("cart-2")
            assert counted.call_count == 1

    run(work)
