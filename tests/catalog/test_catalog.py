"""The catalog: offers by id, defaults by group, one hash over all that is sold."""

from __future__ import annotations

import pytest

from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.features import credit_unit, feature, quota
from purchase_core.catalog.grants import CreditGrant, FlagGrant, QuotaGrant
from purchase_core.catalog.products import credit_pack, one_time, plan, subscription
from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import UnknownOffer
from purchase_core.money import Money

export = feature("export")
api = quota("api_calls")
credits_ = credit_unit("ai_credits", unit="credits")

APP = subscription("app", name="App", plans=[
    plan("free", default=True, includes=[api(limit=100, reset="month")]),
    plan("pro_monthly", price=Money("12.00", "USD"), every="month", trial_days=14,
         includes=[export(), api(limit=100_000, reset="month")]),
])  # fmt: skip
LIFETIME = one_time("lifetime", plans=[plan("lifetime", price=Money("199.00", "EUR"), includes=[export()])])
AI = credit_pack(
    "ai",
    plans=[plan("ai_500", price=Money("10.00", "USD"), includes=[credits_(amount=500, expires_days=365)])],
)
CATALOG = Catalog(APP, LIFETIME, AI)


def test_offers_are_named_by_product_and_plan_in_the_order_of_declaration() -> None:
    assert list(CATALOG.offers) == ["app:free", "app:pro_monthly", "lifetime:lifetime", "ai:ai_500"]
    assert list(CATALOG.plans) == list(CATALOG.offers)
    assert CATALOG.plans["app:pro_monthly"] is APP.plans[1]
    assert CATALOG.products == (APP, LIFETIME, AI)


def test_an_offer_says_all_that_a_holder_gets() -> None:
    assert CATALOG.version("app:pro_monthly") == OfferVersion(
        offer="app:pro_monthly",
        product="subscription",
        name="App pro_monthly",
        group="app",
        prices=(Money("12.00", "USD"),),
        interval="month",
        interval_count=1,
        trial_days=14,
        quantity_min=1,
        quantity_max=1,
        grants=(FlagGrant("export"), QuotaGrant("api_calls", 100_000, "month")),
    )
    assert CATALOG.version("ai:ai_500").grants == (CreditGrant("ai_credits", 500, 365),)
    assert CATALOG.version("lifetime:lifetime").product == "one_time"


def test_defaults_are_the_free_plans_of_each_group() -> None:
    several = Catalog(
        subscription(
            "app",
            plans=[plan("free", default=True), plan("other"), plan("basic", default=True, group="support")],
        )
    )
    assert [(offer.offer, offer.group) for offer in several.defaults] == [
        ("app:free", "app"),
        ("app:basic", "support"),
    ]
    assert Catalog(LIFETIME).defaults == ()


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("app:pro_montly", "Did you mean app:pro_monthly?"),
        ("pro_monthly", "Did you mean app:pro_monthly?"),
        ("lifetime", "Did you mean lifetime:lifetime?"),
        ("zzz", "`purchase catalog show` lists the offers."),
        ("", "`purchase catalog show` lists the offers."),
    ],
)
def test_an_unknown_offer_is_told_with_the_nearest_names(asked: str, hint: str) -> None:
    with pytest.raises(UnknownOffer) as told:
        CATALOG.version(asked)
    assert told.value.message == f"no offer {asked!r} in the catalog"
    assert told.value.hint == hint


def test_at_most_three_names_are_suggested() -> None:
    many = Catalog(subscription("app", plans=[plan(f"plan{at}") for at in range(9)]))
    with pytest.raises(UnknownOffer) as told:
        many.version("app:plan")
    assert told.value.hint.count("app:plan") == 3


@pytest.mark.parametrize("asked", [None, 7, ["app:free"], b"app:free", "x" * 10_000])
def test_whatever_is_asked_for_the_answer_is_typed_and_short(asked: object) -> None:
    with pytest.raises(UnknownOffer) as told:
        CATALOG.version(asked)  # type: ignore[arg-type]
    assert len(told.value.message) < 150


def test_a_catalog_does_not_change() -> None:
    with pytest.raises(TypeError):
        CATALOG.offers["app:new"] = CATALOG.version("app:free")  # type: ignore[index]
    with pytest.raises(TypeError):
        CATALOG.plans["app:new"] = APP.plans[0]  # type: ignore[index]


def test_its_hash_is_of_what_is_sold_and_not_of_labels_or_order() -> None:
    relabelled = subscription("app", name="The App", plans=[*reversed(APP.plans)])
    assert Catalog(AI, relabelled, LIFETIME).content_hash == CATALOG.content_hash
    assert CATALOG.content_hash == Catalog(APP, LIFETIME, AI).content_hash


@pytest.mark.parametrize(
    "other",
    [
        Catalog(),
        Catalog(APP, LIFETIME),
        Catalog(
            APP,
            AI,
            one_time("lifetime", plans=[plan("lifetime", price=Money("199.01", "EUR"), includes=[export()])]),
        ),
        Catalog(APP, AI, one_time("lifetime", plans=[plan("lifetime", price=Money("199.00", "EUR"))])),
        Catalog(
            APP,
            AI,
            one_time("life", plans=[plan("lifetime", price=Money("199.00", "EUR"), includes=[export()])]),
        ),
    ],
)
def test_its_hash_changes_with_anything_that_is_sold(other: Catalog) -> None:
    assert other.content_hash != CATALOG.content_hash
