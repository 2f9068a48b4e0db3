"""Plans and products as they are declared."""

from __future__ import annotations

import pytest

from purchase_core.calendar import Interval, Unit
from purchase_core.catalog.grants import FlagGrant
from purchase_core.catalog.products import Plan, Product, credit_pack, one_time, plan, subscription
from purchase_core.errors import InvalidArgument
from purchase_core.money import Money

USD, EUR = Money("12.00", "USD"), Money("11.00", "EUR")


def test_a_plan_with_nothing_said_is_free_and_gives_nothing() -> None:
    assert plan("free") == Plan(
        id="free",
        name="free",
        prices=(),
        interval=None,
        trial_days=0,
        quantity_min=1,
        quantity_max=1,
        group="",
        default=False,
        includes=(),
        metadata={},
        provider_ids={},
        trial_card=True,
        tax="",
        tax_category="",
    )


def test_a_plan_keeps_all_that_is_said() -> None:
    assert plan(
        "pro",
        name="Pro",
        prices=[USD, EUR],
        every=(3, "month"),
        trial_days=14,
        quantity=(2, 50),
        group="tiers",
        default=True,
        includes=[FlagGrant("export")],
        metadata={"color": "red"},
        provider_ids={"stripe-eu": "price_1"},
        trial_card=False,
        tax="inclusive",
        tax_category="saas",
    ) == Plan(
        id="pro",
        name="Pro",
        prices=(USD, EUR),
        interval=Interval("month", 3),
        trial_days=14,
        quantity_min=2,
        quantity_max=50,
        group="tiers",
        default=True,
        includes=(FlagGrant("export"),),
        metadata={"color": "red"},
        provider_ids={"stripe-eu": "price_1"},
        trial_card=False,
        tax="inclusive",
        tax_category="saas",
    )


@pytest.mark.parametrize("unit", ["day", "week", "month", "year"])
def test_every_unit_is_one_of_it(unit: Unit) -> None:
    assert plan("a", every=unit).interval == plan("a", every=(1, unit)).interval == Interval(unit, 1)


def test_one_price_is_a_list_of_one_and_both_are_a_contradiction() -> None:
    assert plan("a", price=USD).prices == plan("a", prices=[USD]).prices == (USD,)
    with pytest.raises(InvalidArgument, match="plan 'a': give price or prices, not both"):
        plan("a", price=USD, prices=[EUR])


def test_what_was_passed_in_can_change_without_changing_the_plan() -> None:
    metadata, ids, includes, prices = {"a": "b"}, {"c": "d"}, [FlagGrant("e")], [USD]
    made = plan("a", metadata=metadata, provider_ids=ids, includes=includes, prices=prices)
    for passed in (metadata, ids, includes, prices):
        passed.clear()
    assert (made.metadata, made.provider_ids) == ({"a": "b"}, {"c": "d"})
    assert (made.includes, made.prices) == ((FlagGrant("e"),), (USD,))


def test_products_differ_by_kind_and_are_named_by_id_unless_told_otherwise() -> None:
    plans = [plan("a"), plan("b")]
    assert subscription("x", plans=plans) == Product("x", "subscription", "x", tuple(plans))
    assert one_time("x", plans=plans, name="X") == Product("x", "one_time", "X", tuple(plans))
    assert credit_pack("x", plans=plans) == Product("x", "credit_pack", "x", tuple(plans))
