"""Orders of before: what a page and its bill must say to be one, and what is left alone."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from purchase_core.facts.bodies import AttemptMade, Body, IntentPlaced, InvoiceLine, InvoiceSeen, SessionSeen
from purchase_core.facts.derive import derive
from purchase_core.facts.fact import Fact, seen
from purchase_core.facts.fold import fold
from purchase_core.facts.rows import InvoiceRow, PurchaseRow, Row
from purchase_core.importing.orders import order_before, versions_sold
from purchase_core.instants import Instant
from purchase_core.testing.sales import CATALOG

AT = Instant(1_790_000_000_000_000)
BOOK, PRO = CATALOG.offers["book:full"], CATALOG.offers["app:pro"]
OFFERS = {one.hash: one for one in CATALOG.offers.values()}
PRICE = BOOK.prices[0]
LINE = InvoiceLine("price_1", 2, PRICE.minor, 2 * PRICE.minor, PRICE.currency, version=BOOK.hash)
BILL = InvoiceSeen(
    "in_1", "paid", "manual", "cus_1", PRICE.currency, LINE.amount, LINE.amount, (LINE,), paid_at=AT
)
PAGE = SessionSeen("cs_1", "complete", "paid", "cus_1", invoice="in_1")
LANE = "customer:ana"


def facts(*bodies: Body) -> list[Fact]:
    return [seen("main", AT, one) for one in bodies]


def rows(told: list[Fact]) -> list[Row]:
    return [row for one in fold(LANE, told).clusters.values() for row in derive(one, OFFERS).values()]


@pytest.mark.parametrize("reason", ["first", "manual"])
def test_a_page_and_its_bill_are_an_order_and_a_purchase_comes_of_it(reason: str) -> None:
    told = facts(replace(BILL, reason=reason), PAGE)
    assert versions_sold(told) == (BOOK.hash,)
    intent, attempt = order_before("main", "ana", told, OFFERS)
    assert isinstance(intent.body, IntentPlaced)
    assert (intent.body.customer, intent.body.offer, intent.body.quantity) == ("ana", "book:full", 2)
    assert isinstance(attempt.body, AttemptMade)
    assert (attempt.body.session, attempt.body.price) == ("cs_1", "price_1")
    assert order_before("main", "ana", told, OFFERS) == (intent, attempt), "it is always the same one"
    (bought,) = [one for one in rows([*told, intent, attempt]) if isinstance(one, PurchaseRow)]
    assert (bought.quantity, bought.due, bought.paid) == (2, LINE.amount, LINE.amount)
    assert order_before("main", "ana", [*told, intent, attempt], OFFERS) == (), "it is ordered now"


@pytest.mark.parametrize(
    ("bill", "page"),
    [
        (BILL, replace(PAGE, invoice="")),
        (BILL, replace(PAGE, payment="unpaid")),
        (BILL, replace(PAGE, intent="intent_of_somebody")),
        (BILL, replace(PAGE, subscription="sub_1")),
        (replace(BILL, status="open", paid=0), PAGE),
        (replace(BILL, reason="renewal"), PAGE),
        (replace(BILL, subscription="sub_1"), PAGE),
        (replace(BILL, intent="intent_of_somebody"), PAGE),
        (replace(BILL, lines=()), PAGE),
        (replace(BILL, lines=(LINE, LINE)), PAGE),
        (replace(BILL, lines=(replace(LINE, proration=True),)), PAGE),
        (replace(BILL, lines=(replace(LINE, version=""),)), PAGE),
        (replace(BILL, lines=(replace(LINE, version=PRO.hash),)), PAGE),
        (replace(BILL, id="in_2"), PAGE),
    ],
)
def test_nothing_is_made_up(bill: InvoiceSeen, page: SessionSeen) -> None:
    assert order_before("main", "ana", facts(bill, page), OFFERS) == ()


def test_a_bill_beside_it_that_was_paid_on_no_page_answers_no_order() -> None:
    order = order_before("main", "ana", facts(BILL, PAGE), OFFERS)
    period = replace(LINE, period_start=AT, period_end=Instant(AT + 1))
    on_page = replace(BILL, lines=(period,), subscription="sub_1")
    by_hand = replace(on_page, id="in_2")
    told = [*facts(on_page, by_hand, PAGE), *order]
    assert len(fold(LANE, told).clusters) == 1, "they stand together"
    assert {one.key: one.match for one in rows(told) if isinstance(one, InvoiceRow)} == {
        "invoice:main:in_1": "matched",
        "invoice:main:in_2": "unneeded",
    }
