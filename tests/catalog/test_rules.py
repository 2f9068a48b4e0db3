"""The catalog's rules: each broken alone, in the words that people read; and all at once."""

from __future__ import annotations

import pytest

from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.features import credit_unit, feature, licence, quota
from purchase_core.catalog.grants import Grant
from purchase_core.catalog.products import Plan, Product, credit_pack, one_time, plan, subscription
from purchase_core.catalog.rules import problems
from purchase_core.errors import CatalogInvalid, UsageError
from purchase_core.money import Money

USD, EUR = Money("12.00", "USD"), Money("11.00", "EUR")
export, api, credits_, seats = feature("export"), quota("api"), credit_unit("ai"), licence("seats")
ID_RULE = "must be a lower-case letter or digit, then up to 62 of a-z 0-9 _ -"


def pro(plan_id: str = "pro", **said: object) -> Plan:
    """A plan that is right, but for what is said."""
    return plan(plan_id, **{"price": USD, "every": "month", **said})  # type: ignore[arg-type]


def app(*plans: Plan) -> Product:
    """A subscription with these plans."""
    return subscription("app", plans=plans)


def bought(**said: object) -> Product:
    """A one-time product that is right, but for what is said."""
    return one_time("life", plans=[plan("life", **{"price": USD, **said})])  # type: ignore[arg-type]


def pack(*includes: Grant, **said: object) -> Product:
    """A credit pack with these grants."""
    return credit_pack("ai", plans=[plan("p", **{"price": USD, "includes": includes, **said})])  # type: ignore[arg-type]


RIGHT = {
    "nothing for sale yet": [],
    "a free plan and a paid one": [
        app(plan("free", default=True, includes=[api(limit=0, reset="never")]), pro())
    ],
    "each bound": [
        app(
            pro("a" * 63, every=(366, "year"), trial_days=730, quantity=(1, 1_000_000), name="n" * 200),
            pro("0-_", every=(1, "day"), quantity=(5, 5), price=Money("0.01", "USD")),
            pro("c", includes=[api(limit=2**53 - 1, reset="day"), seats(count=2**53 - 1)]),
        )
    ],
    "taxes, and a trial without a card": [
        app(pro(tax="exclusive", tax_category="saas", trial_days=7, trial_card=False))
    ],
    "several currencies": [app(pro(price=None, prices=[USD, EUR]))],
    "other amounts in some countries": [app(pro(countries={"DE": EUR, "US": USD}))],
    "several default groups": [app(plan("free", default=True), plan("none", default=True, group="support"))],
    "one plan id in two products": [app(pro("x")), one_time("life", plans=[plan("x", price=USD)])],
    "credits in any kind": [
        pack(credits_(amount=1)),
        app(pro(includes=[credits_(amount=5, expires_days=36_500)])),
    ],
    "a pack with more than credits": [pack(credits_(amount=1), export())],
    "several of a thing paid once": [bought(quantity=(1, 10))],
    "metadata to the brim": [app(pro(metadata={f"k{at}": "v" * 497 for at in range(20)}))],
}


@pytest.mark.parametrize("products", RIGHT.values(), ids=RIGHT.keys())
def test_a_right_catalog_has_no_problem(products: list[Product]) -> None:
    assert list(problems(products)) == []


WRONG = {
    "app:pro: the price 0.00 USD is not above zero; leave it out for a free plan": app(
        pro(price=Money("0", "USD"))
    ),
    "app:pro: the price -1.00 USD is not above zero; leave it out for a free plan": app(
        pro(price=Money("-1", "USD"))
    ),
    "app:pro: a price is Money, not str": app(pro(price="12.00")),
    "app:pro: country 'de' is not two capital letters, as in ISO 3166": app(pro(countries={"de": EUR})),
    "app:pro: country 'DEU' is not two capital letters, as in ISO 3166": app(pro(countries={"DEU": EUR})),
    "app:pro: a price is Money, not int": app(pro(countries={"DE": 11})),
    "app:pro: the price in DE, 0.00 EUR, is not above zero": app(pro(countries={"DE": Money("0", "EUR")})),
    "app:free: countries= belongs to a plan with a price": app(plan("free", countries={"DE": EUR})),
    "app:pro: a price in 'USD' is there twice": app(
        pro(price=None, prices=[USD, EUR, Money("13.00", "USD")])
    ),
    "life:life: a one_time needs a price": bought(price=None),
    "ai:p: a credit_pack needs a price": pack(credits_(amount=1), price=None),
    "app:pro: a default plan must be free": app(pro(default=True)),
    "app:pro: a subscription with a price needs every=": app(pro(every=None)),
    "app:free: every= belongs to a subscription with a price": app(plan("free", every="month")),
    "life:life: every= belongs to a subscription with a price": bought(every="month"),
    "ai:p: every= belongs to a subscription with a price": pack(credits_(amount=1), every="year"),
    "app:pro: every='fortnight' is none of day, week, month, year": app(pro(every="fortnight")),
    "app:pro: every= counts from 1 to 366, not 0": app(pro(every=(0, "month"))),
    "app:pro: every= counts from 1 to 366, not -1": app(pro(every=(-1, "month"))),
    "app:pro: every= counts from 1 to 366, not 367": app(pro(every=(367, "day"))),
    "app:pro: every= counts from 1 to 366, not 1.5": app(pro(every=(1.5, "month"))),
    "app:pro: every= counts from 1 to 366, not True": app(pro(every=(True, "month"))),
    "app:pro: trial_days is from 0 to 730, not -1": app(pro(trial_days=-1)),
    "app:pro: trial_days is from 0 to 730, not 731": app(pro(trial_days=731)),
    "app:pro: trial_days is from 0 to 730, not 14.0": app(pro(trial_days=14.0)),
    "app:pro: trial_days is from 0 to 730, not '14'": app(pro(trial_days="14")),
    "app:free: a trial belongs to a subscription with a price": app(plan("free", trial_days=14)),
    "app:pro: trial_card=False belongs to a plan with a trial": app(pro(trial_card=False)),
    "app:pro: tax='both' is none of inclusive, exclusive": app(pro(tax="both")),
    f"app:pro: tax_category {ID_RULE}": app(pro(tax_category="SaaS")),
    "app:free: tax belongs to a plan with a price": app(plan("free", tax="inclusive")),
    "life:life: a trial belongs to a subscription with a price": bought(trial_days=14),
    "app:pro: quantity=(0, 1) is not a range within 1 to 1000000": app(pro(quantity=(0, 1))),
    "app:pro: quantity=(5, 4) is not a range within 1 to 1000000": app(pro(quantity=(5, 4))),
    "app:pro: quantity=(1, 1000001) is not a range within 1 to 1000000": app(pro(quantity=(1, 1_000_001))),
    "app:pro: quantity=(1, None) is not a range within 1 to 1000000": app(pro(quantity=(1, None))),
    "app:pro: quantity=(1, 2.0) is not a range within 1 to 1000000": app(pro(quantity=(1, 2.0))),
    "app:pro: quantity=(True, 2) is not a range within 1 to 1000000": app(pro(quantity=(True, 2))),
    "app:pro: includes= holds Feature, not a grant: call the feature, as in export()": app(
        pro(includes=[export])
    ),
    "app:pro: includes= holds str, not a grant: call the feature, as in export()": app(
        pro(includes=["export"])
    ),
    "app:pro: a grant of 'export' is there twice": app(pro(includes=[export(), export()])),
    "app:pro: a grant of 'api' is there twice": app(
        pro(includes=[api(limit=1, reset="day"), api(limit=9, reset="month")])
    ),
    f"app:pro: feature 'Ex port' {ID_RULE}": app(pro(includes=[feature("Ex port")()])),
    f"app:pro: feature '' {ID_RULE}": app(pro(includes=[feature("")()])),
    "app:pro: api: limit=-1 is not a whole number from 0": app(pro(includes=[api(limit=-1, reset="day")])),
    "app:pro: api: limit=1.5 is not a whole number from 0": app(pro(includes=[api(limit=1.5, reset="day")])),  # type: ignore[arg-type]
    "app:pro: api: limit=True is not a whole number from 0": app(
        pro(includes=[api(limit=True, reset="day")])
    ),
    "app:pro: api: limit=9007199254740992 is not a whole number from 0": app(
        pro(includes=[api(limit=2**53, reset="day")])
    ),
    "app:pro: api: zone='Mars/Olympus' is no time zone, such as Europe/Berlin": app(
        pro(includes=[api(limit=1, reset="day", zone="Mars/Olympus")])
    ),
    "app:pro: api: zone='../etc/passwd' is no time zone, such as Europe/Berlin": app(
        pro(includes=[api(limit=1, reset="day", zone="../etc/passwd")])
    ),
    "app:pro: api: reset='hour' is none of day, week, month, year, never": app(
        pro(includes=[api(limit=1, reset="hour")])  # type: ignore[arg-type]
    ),
    "app:pro: seats: count=0 is not a whole number from 1": app(pro(includes=[seats(count=0)])),
    "ai:p: ai: amount=0 is not a whole number from 1": pack(credits_(amount=0)),
    "ai:p: ai: amount=0.5 is not a whole number from 1": pack(credits_(amount=0.5)),  # type: ignore[arg-type]
    "ai:p: ai: expires_days=-1 is not from 0 (never) to 36500": pack(credits_(amount=1, expires_days=-1)),
    "ai:p: ai: expires_days=36501 is not from 0 (never) to 36500": pack(
        credits_(amount=1, expires_days=36_501)
    ),
    "ai:p: a credit pack must include credits": pack(export()),
    f"app:Pro: plan id {ID_RULE}": app(pro("Pro")),
    f"app:: plan id {ID_RULE}": app(pro("", name="x")),
    f"app:{'a' * 64}: plan id {ID_RULE}": app(pro("a" * 64)),
    f"app:a:b: plan id {ID_RULE}": app(pro("a:b")),
    f"app:-a: plan id {ID_RULE}": app(pro("-a")),
    f"app:é: plan id {ID_RULE}": app(pro("é")),
    f"app:a\n: plan id {ID_RULE}": app(pro("a\n")),
    f"app:pro: group {ID_RULE}": app(pro(group="My tiers")),
    f"product 'My app' {ID_RULE}": subscription("My app", plans=[pro()]),
    "app: has no plans": app(),
    "app: plan 'pro' is there twice": app(pro(), pro(price=EUR)),
    "app:pro: name has 201 characters; the limit is 200": app(pro(name="n" * 201)),
    "app:pro: name holds a NUL character": app(pro(name="a\x00")),
    "app:pro: name holds a lone surrogate": app(pro(name="\ud800")),
    "app has 201 characters; the limit is 200": subscription("app", name="n" * 201, plans=[pro()]),
    "a default plan in group 'app' is there twice": app(plan("a", default=True), plan("b", default=True)),
    "app:pro: more than 20 metadata entries": app(pro(metadata={f"k{at}": "" for at in range(21)})),
    "app:pro: metadata 'k' is not text of at most 500 characters": app(pro(metadata={"k": "v" * 500})),
    "app:pro: metadata 'n' is not text of at most 500 characters": app(pro(metadata={"n": 1})),
    "app:pro: metadata 'purchase_x': names that begin with purchase_ are reserved": app(
        pro(metadata={"purchase_x": "1"})
    ),
}


@pytest.mark.parametrize(("problem", "product"), WRONG.items(), ids=range(len(WRONG)))
def test_a_broken_rule_is_the_one_problem_that_is_told(problem: str, product: Product) -> None:
    assert list(problems([product])) == [problem]


@pytest.mark.parametrize(
    ("products", "problem"),
    [
        ([bought(), bought()], "product 'life' is there twice"),
        (
            [
                app(plan("a", default=True, group="tiers")),
                subscription("b", plans=[plan("b", default=True, group="tiers")]),
            ],
            "a default plan in group 'tiers' is there twice",
        ),
        (
            [app(plan("a", default=True)), subscription("b", plans=[plan("b", default=True, group="app")])],
            "a default plan in group 'app' is there twice",
        ),
        (
            [app(pro(includes=[export()])), bought(includes=[quota("export")(limit=1, reset="day")])],
            "feature 'export' is used as flag and as quota",
        ),
        (
            [app(pro(includes=[credit_unit("x")(amount=1)])), bought(includes=[licence("x")()])],
            "feature 'x' is used as credit and as licence",
        ),
    ],
)
def test_products_that_contradict_one_another(products: list[Product], problem: str) -> None:
    assert list(problems(products)) == [problem]


@pytest.mark.parametrize("kind", [one_time, credit_pack])
def test_only_a_subscription_has_a_default(kind: type) -> None:
    product = kind("x", plans=[plan("x", default=True, includes=[credits_(amount=1)])])
    assert f"x:x: a {product.kind} cannot be a default" in list(problems([product]))


def test_everything_that_is_wrong_is_told_at_once_and_named() -> None:
    with pytest.raises(CatalogInvalid) as told:
        Catalog(
            app(
                pro("Pro", every=None),
                plan("free", trial_days=3, includes=[export]),  # type: ignore[list-item]
            ),
            credit_pack("ai", plans=[plan("p", includes=[export()])]),
            credit_pack("ai", plans=[]),
        )
    assert told.value.problems == (
        "product 'ai' is there twice",
        f"app:Pro: plan id {ID_RULE}",
        "app:Pro: a subscription with a price needs every=",
        "app:free: a trial belongs to a subscription with a price",
        "app:free: includes= holds Feature, not a grant: call the feature, as in export()",
        "ai:p: a credit_pack needs a price",
        "ai:p: a credit pack must include credits",
        "ai: has no plans",
    )
    assert isinstance(told.value, UsageError)
    assert str(told.value).startswith("the catalog has 8 problems:\n  - product 'ai' is there twice\n")
    assert all(f"  - {problem}" in str(told.value) for problem in told.value.problems)


def test_one_problem_is_told_in_the_singular() -> None:
    with pytest.raises(CatalogInvalid, match=r"^the catalog has 1 problem:\n  - app: has no plans$"):
        Catalog(app())
