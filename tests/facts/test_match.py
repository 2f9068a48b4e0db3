"""I10: only money for what was ordered counts. Each field is mutated alone and in pairs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import pytest
from msgspec.structs import replace

from purchase_core.facts.bodies import AttemptMade, CountryAmount, IntentPlaced, InvoiceSeen, SubscriptionSeen
from purchase_core.facts.fact import Fact, decided
from purchase_core.facts.fold import fold, rows_of
from purchase_core.facts.match import invoice_mismatch, trial_mismatch
from purchase_core.facts.rows import CaseRow, IntentRow, InvoiceRow, LotRow, PurchaseRow, Row, SubscriptionRow
from purchase_core.testing.bench import mapped
from purchase_core.testing.sales import CONNECTIONS, VERSIONS, Sale, again

SALE = Sale(quantity=2)
TRIAL = Sale(offer="app:team")

T = TypeVar("T")
Mutation = Callable[[InvoiceSeen], InvoiceSeen]


def but(body: T, **changes: object) -> T:
    """The same with some fields changed."""
    return cast("T", replace(cast("Any", body), **changes))


def line(**changes: object) -> Mutation:
    """Change the only line of a bill."""
    return lambda body: but(body, lines=(but(body.lines[0], **changes),))


MUTATIONS: dict[str, Mutation] = {
    "unit amount": line(unit_amount=1),
    "line amount": line(amount=1),
    "line amount above": line(amount=2_001),
    "quantity": line(quantity=1),
    "quantity above": line(quantity=3),
    "price": line(price="price_other"),
    "line currency": line(currency="USD"),
    "proration": line(proration=True),
    "trial": line(trial=True),
    "currency": lambda body: but(body, currency="USD"),
    "customer": lambda body: but(body, customer="cus_bob"),
    "no customer": lambda body: but(body, customer=""),
    "total": lambda body: but(body, total=1),
    "paid": lambda body: but(body, paid=1),
    "no lines": lambda body: but(body, lines=()),
    "a discount line": lambda body: but(
        body,
        lines=(*body.lines, but(body.lines[0], price="x", amount=-1_999, unit_amount=-1_999)),
        total=1,
        paid=1,
    ),
}


def body_of(fact: Fact) -> InvoiceSeen:
    """The bill in a fact."""
    assert isinstance(fact.body, InvoiceSeen)
    return fact.body


def order_of(sale: Sale) -> tuple[IntentPlaced, list[AttemptMade]]:
    """The intent and the attempts of a sale."""
    intent, attempt = sale.placed().body, sale.tried().body
    assert isinstance(intent, IntentPlaced)
    assert isinstance(attempt, AttemptMade)
    return intent, [attempt]


def mismatch(invoice: InvoiceSeen, sale: Sale = SALE, connection: str = "stripe-eu") -> str:
    """What is wrong with an invoice as the answer to a sale."""
    return invoice_mismatch(*order_of(sale), connection, invoice)


def rows(*facts: Fact) -> list[Row]:
    """The rows of one customer."""
    return rows_of(fold("customer:alice", mapped(facts)), VERSIONS)


def test_what_was_ordered_matches() -> None:
    """The invoice as the checkout makes it; tax on top changes nothing."""
    assert mismatch(body_of(SALE.invoice())) == ""
    assert mismatch(but(body_of(SALE.invoice()), total=2_380, paid=2_380)) == ""


@pytest.mark.parametrize(
    "names", [*itertools.combinations(MUTATIONS, 1), *itertools.combinations(MUTATIONS, 2)]
)
def test_f33_what_was_not_ordered_grants_nothing(names: tuple[str, ...]) -> None:
    """Signed, paid, and for something else: no rights, no credits, and a case that shows it."""
    body = body_of(SALE.invoice())
    for name in sorted(names, key=list(MUTATIONS).index, reverse=True):
        if body.lines or name in ("currency", "customer", "no customer", "total", "paid"):
            body = MUTATIONS[name](body)
    assert mismatch(body) != ""
    found = rows(
        SALE.placed(), SALE.tried(), SALE.session(), SALE.subscription(), again(SALE.invoice(), body)
    )
    assert [row.bound for row in found if isinstance(row, SubscriptionRow)] == [False]
    assert [row for row in found if isinstance(row, LotRow | PurchaseRow)] == []
    assert [row.status for row in found if isinstance(row, IntentRow)] == ["mismatched"]
    assert [row.match for row in found if isinstance(row, InvoiceRow)] == ["mismatched"]
    assert [(row.kind, row.amount) for row in found if isinstance(row, CaseRow)] == [("mismatch", body.paid)]


@pytest.mark.parametrize(("paid_on", "ordered_on"), list(itertools.permutations(CONNECTIONS, 2)))
@pytest.mark.parametrize("offer", ["app:pro", "book:full", "tokens:small"])
def test_f24_one_provider_cannot_settle_the_order_of_another(
    paid_on: str, ordered_on: str, offer: str
) -> None:
    """Our reference on the wrong connection is not enough."""
    ordered, paid = Sale(offer=offer, connection=ordered_on), Sale(offer=offer, connection=paid_on)
    found = rows(ordered.placed(), ordered.tried(), paid.invoice())
    assert [row.status for row in found if isinstance(row, IntentRow)] == ["mismatched"]
    assert [row for row in found if isinstance(row, LotRow | PurchaseRow)] == []
    settled = rows(paid.placed(), paid.tried(), paid.invoice())
    assert [row.status for row in settled if isinstance(row, IntentRow)] == ["settled"]


def test_f24_an_attempt_counts_on_its_own_connection_only() -> None:
    """With the very ids that its own connection uses; and the prices of one are not those of another."""
    intent, (attempt,) = order_of(SALE)
    invoice = body_of(SALE.invoice())
    assert invoice_mismatch(intent, [attempt], "other", invoice) == "no attempt was made on connection other"
    elsewhere = but(attempt, connection="other", price="price_other")
    assert invoice_mismatch(intent, [attempt, elsewhere], attempt.connection, invoice) == ""
    assert invoice_mismatch(intent, [attempt, elsewhere], "other", invoice) == "no line has price price_other"


@pytest.mark.parametrize("offer", ["app:pro", "book:full", "tokens:small"])
def test_f64_the_same_amount_in_another_currency_is_not_the_price(offer: str) -> None:
    """A thousand yen are not ten euros."""
    sale = Sale(offer=offer)
    body = but(line(currency="JPY")(body_of(sale.invoice())), currency="JPY")
    found = rows(sale.placed(), sale.tried(), again(sale.invoice(), body))
    assert [row.status for row in found if isinstance(row, IntentRow)] == ["mismatched"]
    assert [(row.currency, row.amount) for row in found if isinstance(row, CaseRow)] == [("JPY", sale.due)]


def test_a_discount_counts_where_the_checkout_allowed_one() -> None:
    """All of it may be taken off; without permission, nothing."""
    free = but(line(amount=0)(body_of(SALE.invoice())), total=0, paid=0)
    intent, attempts = order_of(SALE)
    assert mismatch(free) == "line amount 0 is not 2000"
    assert invoice_mismatch(but(intent, discounts=True), attempts, "stripe-eu", free) == ""


def test_a_mismatch_that_cost_nothing_is_shown_too() -> None:
    """A free subscription that nobody ordered holds no money, but somebody should look at it."""
    free = but(line(amount=0)(body_of(SALE.invoice())), total=0, paid=0)
    found = rows(SALE.placed(), SALE.tried(), SALE.subscription(), again(SALE.invoice(), free))
    assert [(row.kind, row.detail) for row in found if isinstance(row, CaseRow)] == [
        ("mismatch", "line amount 0 is not 2000")
    ]


def test_a_price_that_was_replaced_between_two_attempts_matches() -> None:
    """Each attempt was opened with the price of its day; both stand for what was ordered."""
    intent, (first,) = order_of(SALE)
    second = but(first, id="attempt_1_2", price="price_new")
    paid = line(price="price_new")(body_of(SALE.invoice()))
    assert invoice_mismatch(intent, [first, second], "stripe-eu", paid) == ""
    assert invoice_mismatch(intent, [first], "stripe-eu", paid).startswith("no line has price")


def test_a_customer_is_compared_only_where_the_checkout_named_one() -> None:
    """Some checkouts make their customer; then whoever pays for it is the one."""
    intent, (attempt,) = order_of(SALE)
    anyone = but(attempt, customer="")
    paid = but(body_of(SALE.invoice()), customer="cus_new")
    assert invoice_mismatch(intent, [anyone], "stripe-eu", paid) == ""
    assert "cus_new is not the one" in invoice_mismatch(intent, [attempt], "stripe-eu", paid)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, ""),
        ({"status": "incomplete"}, "status incomplete confirms no trial"),
        ({"status": "unpaid"}, "status unpaid confirms no trial"),
        ({"trial_end": None}, "status trialing confirms no trial"),
        ({"customer": "cus_bob"}, "customer cus_bob is not the one that the checkout was opened for"),
        ({"items": ()}, "no item has price price_app_team_stripe-eu"),
    ],
)
def test_a_trial_binds_by_the_providers_confirmation(changes: dict[str, object], wrong: str) -> None:
    """With nothing due, what the provider confirms must be what was ordered."""
    body = TRIAL.subscription("trialing").body
    assert isinstance(body, SubscriptionSeen)
    assert trial_mismatch(*order_of(TRIAL), "stripe-eu", but(body, **changes)) == wrong


@pytest.mark.parametrize("field", ["quantity", "unit_amount", "currency", "price"])
def test_a_trial_of_something_else_is_no_trial(field: str) -> None:
    """Each field of the item counts."""
    body = TRIAL.subscription("trialing").body
    assert isinstance(body, SubscriptionSeen)
    other: dict[str, object] = {"quantity": 9, "unit_amount": 1, "currency": "USD", "price": "price_other"}
    item = but(body.items[0], **{field: other[field]})
    changed = but(body, items=(item,))
    assert trial_mismatch(*order_of(TRIAL), "stripe-eu", changed) != ""
    found = rows(TRIAL.placed(), TRIAL.tried(), again(TRIAL.subscription("trialing"), changed))
    assert [row.bound for row in found if isinstance(row, SubscriptionRow)] == [False]
    assert "mismatch" in {row.kind for row in found if isinstance(row, CaseRow)}


def test_no_trial_where_none_was_ordered() -> None:
    """A confirmed trial does not pay for an order that had none."""
    body = but(SALE.subscription("trialing").body, trial_end=SALE.subscription().order)
    assert isinstance(body, SubscriptionSeen)
    assert trial_mismatch(*order_of(SALE), "stripe-eu", body) == "no trial was ordered"
    found = rows(SALE.placed(), SALE.tried(), again(SALE.subscription("trialing"), body))
    assert [row.bound for row in found if isinstance(row, SubscriptionRow)] == [False]


def test_f34_two_intents_in_one_cluster_are_not_both_paid_by_one_payment() -> None:
    """Mixed-up metadata joins two orders: the money answers the first, the other stays open."""
    one, two = Sale(1, offer="book:full"), Sale(2, offer="book:full")
    both = but(body_of(one.invoice()), intent=two.intent)
    found = rows(
        one.placed(), one.tried(), two.placed(), two.tried(), one.invoice(), again(one.invoice(), both)
    )
    assert [row.status for row in found if isinstance(row, IntentRow)] == ["settled", "open"]
    assert [row.intent for row in found if isinstance(row, PurchaseRow)] == ["intent_1"]


def test_f34_an_intent_that_does_not_exist_pays_for_nothing() -> None:
    """Made-up metadata: the money waits, and nothing is granted."""
    sale = Sale(offer="tokens:small")
    found = rows(sale.invoice())
    assert [row.match for row in found if isinstance(row, InvoiceRow)] == ["waiting"]
    assert [row for row in found if isinstance(row, LotRow | PurchaseRow)] == []
    assert [row.bound for row in rows(Sale().subscription()) if isinstance(row, SubscriptionRow)] == [False]


def test_an_intent_with_its_attempt_refused_has_no_price_to_match() -> None:
    """Without any attempt on the connection nothing can answer the intent."""
    intent, _ = order_of(SALE)
    assert invoice_mismatch(intent, [], "stripe-eu", body_of(SALE.invoice())) == (
        "no attempt was made on connection stripe-eu"
    )
    assert decided(SALE.placed().order, intent) == SALE.placed()


# --- amounts of countries ------------------------------------------------------------------------

ABROAD = (CountryAmount("DE", 900, "EUR"), CountryAmount("GB", 800, "GBP"))


@pytest.mark.parametrize(
    ("unit", "currency", "wrong"),
    [
        (900, "EUR", ""),
        (800, "GBP", ""),
        (1_000, "EUR", ""),
        (800, "EUR", "unit amount 800 is not 1000"),
        (1_000, "GBP", "currency GBP is not EUR"),
    ],
)
def test_what_is_sold_for_less_in_a_country_may_be_paid_so(unit: int, currency: str, wrong: str) -> None:
    intent, attempts = order_of(SALE)
    body = cast("Any", SALE.invoice().body)
    first = but(body.lines[0], unit_amount=unit, amount=2 * unit, currency=currency)
    paid = but(body, lines=(first,), currency=currency, total=2 * unit, paid=2 * unit)
    assert invoice_mismatch(but(intent, countries=ABROAD), attempts, "stripe-eu", paid) == wrong
    less = but(paid, total=2 * unit - 1, paid=2 * unit - 1)
    assert invoice_mismatch(but(intent, countries=ABROAD), attempts, "stripe-eu", less) != ""
    elsewhere = but(paid, currency="USD")
    assert invoice_mismatch(but(intent, countries=ABROAD), attempts, "stripe-eu", elsewhere) != ""


def test_the_free_time_of_a_trial_may_have_no_unit_amount() -> None:
    intent, attempts = order_of(TRIAL)
    body = cast("Any", TRIAL.invoice().body)
    free = but(body.lines[0], unit_amount=0, amount=0, trial=True)
    nothing = but(body, lines=(free,), total=0, paid=0)
    assert invoice_mismatch(intent, attempts, "stripe-eu", nothing) == ""
    assert invoice_mismatch(but(intent, trial_days=0), attempts, "stripe-eu", nothing) != ""
    two = but(nothing, lines=(but(free, quantity=2),))
    assert invoice_mismatch(intent, attempts, "stripe-eu", two) == "quantity 2 is not 1"
    paid = but(nothing, lines=(but(free, amount=5),), total=5, paid=5)
    assert invoice_mismatch(intent, attempts, "stripe-eu", paid) == "a trial line of 5 was not ordered"
