"""Faults of meaning: signed, but not what was ordered, not theirs, or not any more (docs/faults.md)."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.features import feature
from purchase_core.catalog.products import one_time, plan
from purchase_core.facts.bodies import InvoiceSeen
from purchase_core.facts.rows import CaseRow, IntentRow, InvoiceRow, PurchaseRow
from purchase_core.identifiers import SeededIds
from purchase_core.money import Money
from purchase_core.records.delivery import DONE, QUARANTINED
from purchase_core.testing.memory_store import MemoryDatabase
from purchase_sandbox.account import checkout as hosted
from tests.faults.deliveries import OURS, paid, take
from tests.faults.shop import Session, Shop, run


async def cases(shop: Shop, customer: str = "ana") -> list[tuple[str, int]]:
    """Kinds of the cases of a customer, and the money in them."""
    return [(row.kind, row.amount) for row in await shop.rows(customer) if isinstance(row, CaseRow)]


# --- F32, F34: metadata --------------------------------------------------------------------------

STRIPPED = ("checkout.session.created", "checkout.session.completed", "subscription.created", "invoice.paid")


@pytest.mark.parametrize(
    "stripped",
    [some for count in range(1, 5) for some in itertools.combinations(STRIPPED, count)],
    ids=lambda some: "+".join(one.rpartition(".")[0][-7:] for one in some),
)
def test_f32_metadata_that_was_stripped_costs_nobody_what_they_paid_for(stripped: tuple[str, ...]) -> None:
    """The ids that we stored tell whose it is; in every order of the last two."""

    async def work() -> None:
        for backwards in (False, True):
            async with Shop() as shop:
                events = await paid(shop)
                for kind in stripped:
                    events[kind]["data"]["object"]["metadata"] = {}
                ordered = list(events.values())
                assert set(await take(shop, *(reversed(ordered) if backwards else ordered))) == {DONE}
                rights = await shop.rights()
                assert rights.has("export")
                assert rights.balance("ai") == 100
                assert await cases(shop) == []
                await shop.checked_hash()

    run(work)


def test_f32_what_nobody_can_be_found_for_is_shown_with_its_money_until_it_is_linked() -> None:
    async def work() -> None:
        async with Shop() as shop, Shop(harness=shop.harness, ids=SeededIds(123)) as elsewhere:
            events = await paid(elsewhere)
            await shop.start("other", customer="bob")  # so that the price is known here
            for event in events.values():
                event["data"]["object"]["metadata"] = {}
            await take(shop, *events.values())
            waiting = [row for row in shop.memory.rows.values() if isinstance(row, CaseRow)]
            assert {(row.kind, row.amount) for row in waiting} == {("unmatched", 1_000)}
            payer = events["invoice.paid"]["data"]["object"]["customer"]
            assert {row.provider_customer for row in waiting} == {payer}
            assert not (await shop.rights()).has("export")
            await shop.billing.customers.link("ana", "sandbox", payer)
            assert (await shop.rights()).has("export")
            assert not [row for row in shop.memory.rows.values() if isinstance(row, CaseRow)]
            await shop.checked_hash()

    run(work)


def test_f32_once_a_payer_is_linked_nothing_of_theirs_waits_any_more() -> None:
    """A bill that names nothing but the provider's customer: whoever that is linked to paid it."""

    async def work() -> None:
        async with Shop() as shop, Shop(harness=shop.harness, ids=SeededIds(123)) as elsewhere:
            events = await paid(elsewhere, offer="book:full")
            await shop.start("other", customer="bob", offer="book:full")  # so that the price is known here
            bill = events["invoice.paid"]
            bill["data"]["object"]["metadata"] = {}
            await shop.billing.customers.link("ana", "sandbox", bill["data"]["object"]["customer"])
            assert await take(shop, bill) == [DONE]
            assert [row.paid for row in await shop.rows("ana") if isinstance(row, InvoiceRow)] == [2_000]
            assert not [row for row in shop.memory.rows.values() if isinstance(row, CaseRow)]
            assert not (await shop.rights("bob")).has("book")
            await shop.checked_hash()

    run(work)


HOSTILE_METADATA: dict[str, dict[str, Any]] = {
    "dunder names": {"__class__": "x", "__proto__": "y", "constructor": "z"},
    "fifty keys": {f"key_{n}": "v" * 500 for n in range(50)},
    "a reserved name of ours that we do not know": {f"{OURS}admin": "true"},
    "another customer": {f"{OURS}customer": "bob"},
    "an unknown customer": {f"{OURS}customer": "mallory"},
    "another attempt": {f"{OURS}attempt": "attempt_x"},
    "another version": {f"{OURS}offer_version": "0" * 32},
}


@pytest.mark.parametrize("what", HOSTILE_METADATA)
def test_f34_metadata_that_an_attacker_chose_moves_nothing(what: str) -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.start("bobs", customer="bob")
            shop.webhooks()
            events = await paid(shop)
            for event in events.values():
                event["data"]["object"]["metadata"].update(HOSTILE_METADATA[what])
            bob = await shop.checked_hash("bob")
            assert set(await take(shop, *reversed(events.values()))) == {DONE}
            assert (await shop.rights("ana")).has("export")
            assert not (await shop.rights("bob")).has("export")
            assert not (await shop.rights("mallory")).has("export")
            assert await shop.checked_hash("bob") == bob
            await shop.checked_hash("ana")

    run(work)


@pytest.mark.parametrize("value", ["\x00", "x" * 10_000, " ", "a\nb"])
@pytest.mark.parametrize("name", ["intent", "attempt", "customer", "offer_version"])
def test_f34_a_reference_that_cannot_be_ours_is_quarantined(name: str, value: str) -> None:
    async def work() -> None:
        async with Shop() as shop:
            events = await paid(shop)
            events["invoice.paid"]["data"]["object"]["metadata"][f"{OURS}{name}"] = value
            assert await take(shop, events["invoice.paid"]) == [QUARANTINED]
            assert not (await shop.rights()).has("export")

    run(work)


# --- F31: lists --------------------------------------------------------------------------------


def lengthened(event: dict[str, Any], count: int) -> None:
    """Put free lines before the one that was ordered, until there are so many."""
    invoice = event["data"]["object"]
    (ordered,) = invoice["lines"]
    free = {**ordered, "price": "price_gift", "unit_amount": 0, "amount": 0}
    invoice["lines"] = [*[free] * (count - 1), ordered]


@pytest.mark.parametrize("count", [1, 9, 10, 11, 101, 1_000])
def test_f31_every_line_of_a_bill_is_read(count: int) -> None:
    """What was ordered stands last, and is found."""

    async def work() -> None:
        async with Shop() as shop:
            events = await paid(shop, offer="book:full")
            lengthened(events["invoice.paid"], count)
            assert await take(shop, events["invoice.paid"]) == [DONE]
            facts = [one.fact.body for one in shop.memory.facts.values()]
            assert [len(body.lines) for body in facts if isinstance(body, InvoiceSeen)] == [count]
            assert (await shop.rights()).has("book")

    run(work)


def test_f31_a_list_that_is_too_long_to_read_is_not_read_in_part() -> None:
    async def work() -> None:
        async with Shop() as shop:
            events = await paid(shop, offer="book:full")
            before = await shop.checked_hash()
            lengthened(events["invoice.paid"], 1_001)
            assert await take(shop, events["invoice.paid"]) == [QUARANTINED]
            assert await shop.checked_hash() == before

    run(work)


# --- F33: signed, but not what was ordered --------------------------------------------------------

MUTATIONS: dict[str, dict[str, Any]] = {
    "amount": {"unit_amount": 1, "amount": 1},
    "currency": {"currency": "JPY"},
    "price": {"price": "price_of_something_else"},
    "quantity": {},
    "customer": {},
}


def mutate(event: dict[str, Any], what: str) -> None:
    """Make the provider say something else than what was ordered, consistently in itself."""
    thing = event["data"]["object"]
    if what == "customer" and "customer" in thing:
        thing["customer"] = "cus_of_somebody_else"
    for line in [*thing.get("lines", ()), *thing.get("items", ())]:
        line.update({name: value for name, value in MUTATIONS[what].items() if name in line})
    if what == "amount" and "total" in thing:
        thing["total"] = thing["amount_paid"] = 1
    if what == "quantity":
        multiply(thing, 7)
    if what == "currency" and "currency" in thing:
        thing["currency"] = "JPY"


def multiply(thing: dict[str, Any], quantity: int) -> None:
    """Sell and bill so many instead of one, in full."""
    for line in [*thing.get("lines", ()), *thing.get("items", ())]:
        line["quantity"] = quantity
        line.update({"amount": line["unit_amount"] * quantity} if "amount" in line else {})
    if "total" in thing:
        thing["total"] = thing["amount_paid"] = sum(line["amount"] for line in thing["lines"])


@pytest.mark.parametrize("offer", ["app:pro", "book:full", "tokens:small"])
@pytest.mark.parametrize(
    "mutated",
    [some for count in (1, 2) for some in itertools.combinations(MUTATIONS, count)],
    ids="+".join,
)
def test_f33_money_that_does_not_match_the_order_grants_nothing(mutated: tuple[str, ...], offer: str) -> None:
    async def work() -> None:
        async with Shop() as shop:
            events = await paid(shop, offer=offer)
            for event in events.values():
                for what in mutated:
                    mutate(event, what)
            await take(shop, *events.values())
            rights = await shop.rights()
            assert not rights.features
            assert rights.balance("ai") == rights.licence("seats") == 0
            kept = events["invoice.paid"]["data"]["object"]["amount_paid"]
            everywhere = [row for row in shop.memory.rows.values() if isinstance(row, CaseRow)]
            assert ("mismatch", kept) in {(row.kind, row.amount) for row in everywhere}
            invoices = [row for row in shop.memory.rows.values() if isinstance(row, InvoiceRow)]
            assert [(row.match, row.paid) for row in invoices] == [("mismatched", kept)]

    run(work)


@pytest.mark.parametrize("payer", ["mallory", "ana"])
def test_f24_the_payment_of_one_order_does_not_settle_another(payer: str) -> None:
    """A cheap cart, and the reference of a dear one, of somebody else or of the same customer.

    In the same shop, and signed by the same provider.
    """

    async def work() -> None:
        async with Shop() as shop:
            dear = await shop.start("dear", offer="book:full", customer="ana")
            shop.webhooks()
            events = await paid(shop, offer="tokens:small", customer=payer)
            for event in events.values():
                event["data"]["object"]["metadata"][f"{OURS}intent"] = dear.id
            await take(shop, events["invoice.paid"], events["checkout.session.completed"])
            assert not (await shop.rights("ana")).has("book")
            assert not (await shop.rights("mallory")).has("book")
            (intent,) = [
                row
                for row in await shop.rows("ana")
                if isinstance(row, IntentRow) and row.offer == "book:full"
            ]
            assert intent.status != "settled"
            bill = events["invoice.paid"]["data"]["object"]["amount_paid"]
            found = [row for row in shop.memory.rows.values() if isinstance(row, CaseRow)]
            assert [(row.kind, row.amount) for row in found] == [("mismatch", bill)]

    run(work)


@pytest.mark.parametrize("claimed", ["bob", "ana"])
def test_f24_a_payment_on_one_connection_settles_no_order_on_another_with_the_same_ids(claimed: str) -> None:
    """Both accounts number alike, so that only the connection tells their prices and customers apart."""

    async def work() -> None:
        database = MemoryDatabase()
        async with (
            Shop(database, account="acct_a", name="a") as first,
            Shop(database, account="acct_b", name="b") as second,
        ):
            order = await first.start("anas", offer="book:full", customer="ana")
            events = await paid(second, offer="book:full", customer="bob", key="bobs")
            assert [one.price for one in first.made(Session)] == [one.price for one in second.made(Session)]
            for event in events.values():
                event["data"]["object"]["metadata"].update(
                    {f"{OURS}intent": order.id, f"{OURS}customer": claimed}
                )
            await take(second, events["invoice.paid"], events["checkout.session.completed"])
            assert not (await first.rights("ana")).has("book")
            assert not (await second.rights("bob")).has("book")
            (intent,) = [row for row in await first.rows("ana") if isinstance(row, IntentRow)]
            assert intent.status != "settled"
            money = [row.amount for row in database.rows.values() if isinstance(row, CaseRow)]
            assert money == [2_000], "it is shown"

    run(work)


# --- F45, F46, F47 -------------------------------------------------------------------------------


@pytest.mark.parametrize("backwards", [False, True])
def test_f45_money_that_comes_after_the_expiry_wins(*, backwards: bool) -> None:
    async def work() -> None:
        async with Shop() as shop:
            checkout = await shop.start(offer="book:full")
            session = shop.account.book.get(Session, checkout.session)
            expired = hosted.expire_session(shop.account.book, session.id)
            shop.account.book._things[Session][session.id] = session  # paid from a page that was open
            await shop.harness.pay(checkout.session)
            assert expired.status == "expired"
            webhooks = shop.webhooks()
            await shop.deliver(webhooks[::-1] if backwards else webhooks)
            assert (await shop.rights()).has("book")
            (purchase,) = [row for row in await shop.rows() if isinstance(row, PurchaseRow)]
            assert purchase.paid == 2_000
            await shop.checked_hash()

    run(work)


def test_f46_access_comes_with_the_money_and_not_with_the_completed_page() -> None:
    async def work() -> None:
        async with Shop() as shop:
            events = await paid(shop, offer="book:full")
            completed, invoice = events["checkout.session.completed"], events["invoice.paid"]
            days_later = json.loads(json.dumps(completed))
            completed["data"]["object"].update(payment_status="unpaid", invoice=None)
            await take(shop, completed)
            assert not (await shop.rights()).has("book")
            opened = json.loads(json.dumps(invoice))
            opened["id"] = "evt_open"
            opened["created"] -= 1
            opened["data"]["object"].update(status="open", amount_paid=0, paid_at=None)
            await take(shop, opened)
            assert not (await shop.rights()).has("book")
            shop.advance(days=3)
            days_later.update(id="evt_later", created=days_later["created"] + 1)
            await take(shop, days_later, invoice)
            assert (await shop.rights()).has("book")
            assert await cases(shop) == []
            await shop.checked_hash()

    run(work)


def test_f46_a_payment_that_fails_days_later_takes_nothing_that_was_not_given() -> None:
    async def work() -> None:
        async with Shop() as shop:
            events = await paid(shop, offer="book:full")
            events["invoice.paid"]["data"]["object"].update(
                status="uncollectible", amount_paid=0, paid_at=None
            )
            events["checkout.session.completed"]["data"]["object"].update(payment_status="unpaid")
            await take(shop, *events.values())
            assert not (await shop.rights()).has("book")
            await shop.sold("cart-2", offer="book:full")
            assert (await shop.rights()).has("book")
            await shop.checked_hash()

    run(work)


def dearer(minor: str) -> Catalog:
    """A catalog whose book costs something else."""
    return Catalog(
        one_time("book", plans=[plan("full", price=Money(minor, "EUR"), includes=[feature("book")()])])
    )


def test_f47_a_price_that_changes_between_start_and_payment_does_not_matter() -> None:
    """What counts is the snapshot: the old price is paid, and is what was ordered."""

    async def work() -> None:
        database = MemoryDatabase()
        async with Shop(database) as shop:
            await shop.start(offer="book:full")
            (session,) = shop.made(Session)
            async with Shop(database, harness=shop.harness, catalog=dearer("99.00")) as later:
                await later.harness.pay(session.id)
                await later.deliver()
                assert (await later.rights()).has("book")
                assert await cases(later) == []
                fresh = await later.start("cart-2", offer="book:full", customer="bob")
                assert later.account.book.get(Session, fresh.session).price != session.price

    run(work)
