"""Cases: what a person should look at in the facts of one sale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import attrs
from msgspec.structs import replace

from purchase_core.facts.fact import Fact, seen
from purchase_core.facts.rows import (
    CaseRow,
    SubscriptionRow,
)
from purchase_core.testing.sales import T0, Sale, later
from tests.facts.sale_rows import AGAIN, BOOK, PRO, but, cases, of, paid, the


def test_f32_money_of_nobody_is_a_case_until_it_goes_back() -> None:
    """Unmatched payments are visible with the money that is left."""
    lane = "object:invoice:stripe-eu:in_1_1"
    lost = attrs.evolve(BOOK, tagged=False)
    assert cases([lost.invoice()], lane) == [("unmatched", "in_1_1", 2_000)]
    assert cases([lost.invoice(), lost.refund(500)], lane) == [("unmatched", "in_1_1", 1_500)]
    assert cases([lost.invoice(), lost.refund(2_000)], lane) == []
    assert cases([lost.invoice("open")], lane) == []


def test_a_subscription_of_nobody_and_its_first_payment_are_one_case_with_its_money_once() -> None:
    """Where both are told, the bill's case is about both; else the subscription's has no money in it."""
    lane = "object:subscription:stripe-eu:sub_1_1"
    lost = attrs.evolve(PRO, tagged=False)
    bill, alone = ("unmatched", "in_1_1", 1_000), ("unmatched", "sub_1_1", 0)
    both = [lost.subscription(), lost.invoice()]
    assert cases(both, lane) == cases(both[::-1], lane) == [bill]
    assert cases(both[:1], lane) == cases([both[0], lost.invoice("open")], lane) == [alone]
    assert cases([*both, lost.refund(400)], lane) == [("unmatched", "in_1_1", 600)]
    assert cases([*both, lost.refund(1_000)], lane) == [alone], "it goes on, and bills again"
    assert cases([*both, lost.subscription("canceled", later(days=1))], lane) == [bill]
    renewed = cases([*both, lost.renewal(1)], lane)
    assert sum(amount for _, _, amount in renewed) == 2_000, "each payment once"
    guest = [attrs.evolve(PRO, customer="").placed(), PRO.tried(), PRO.subscription(), PRO.invoice()]
    assert cases(guest, "guest:1") == [("unclaimed", "in_1_1", 1_000)]


def test_an_item_that_no_offer_is_known_for_is_a_case_of_its_owner() -> None:
    """A price made at the provider's dashboard maps to nothing until it is adopted."""
    made = attrs.evolve(PRO, tagged=False)
    item = replace(cast("Any", made.subscription().body).items[0], price="price_dashboard")
    facts = [but(made.subscription(), items=(item,))]
    assert cases(facts) == [("unmapped", "sub_1_1", 0)]
    assert cases([*facts, made.subscription("canceled", later(days=1))]) == []


def test_what_was_paid_for_an_order_that_is_not_known_is_a_case_of_the_customer() -> None:
    """A database that was restored has lost the order: nothing is granted, and the money is not forgotten."""
    lost = [PRO.subscription(), PRO.invoice(), PRO.renewal(1)]
    assert the(SubscriptionRow, lost).bound is False
    assert cases(lost) == [("unordered", "in_1_1", 1_000)]
    assert cases([*lost, PRO.refund(1_000)]) == [("unordered", "sub_1_1", 0)]
    assert cases([*lost, PRO.placed(), PRO.tried()]) == []
    ended = PRO.subscription("canceled", later(days=1))
    assert cases([*lost, ended, PRO.refund(1_000)]) == []
    assert cases([PRO.subscription("incomplete_expired"), PRO.invoice("open")]) == []
    bare = attrs.evolve(PRO, tagged=False)
    assert cases([bare.subscription(), bare.invoice()]) == [], "made at the provider, it needs no order"


def test_a_case_is_opened_when_its_object_was_first_seen() -> None:
    """Whatever is told first."""
    facts: Sequence[Fact] = [*paid(BOOK, AGAIN), AGAIN.invoice("open", Sale().placed().order)]
    assert {row.opened_at for row in of(CaseRow, facts)} == {
        row.opened_at for row in of(CaseRow, facts[::-1])
    }


def test_a_status_that_this_code_has_never_heard_of_is_data() -> None:
    """It ranks below what is known, and breaks nothing."""
    odd = seen("stripe-eu", T0, replace(cast("Any", PRO.subscription().body), status="hibernating"))
    assert the(SubscriptionRow, [odd]).status == "hibernating"
    assert the(SubscriptionRow, [odd, PRO.subscription()]).status == "active"
