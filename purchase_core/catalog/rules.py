"""The catalog's rules. Each yields problems that name their object; all are told at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from purchase_core.calendar import INTERVAL_COUNT_MAX, UNITS, is_zone
from purchase_core.catalog.grants import RESETS, CreditGrant, Grant, LicenceGrant, QuotaGrant, name_of
from purchase_core.catalog.products import QUANTITY_MAX, Plan, Product
from purchase_core.errors import InvalidText
from purchase_core.money import Money
from purchase_core.text import storable

IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
COUNTRIES_MAX = 250
TRIAL_DAYS_MAX = 730
TAXES = ("", "inclusive", "exclusive")
LIMIT_MAX = 2**53 - 1
ROLL_OVER_MAX = 120
NAME_CHARACTERS_MAX = 200
METADATA_MAX = 20
METADATA_CHARACTERS_MAX = 500


def problems(products: Sequence[Product]) -> Iterator[str]:
    """Everything that is wrong with these products."""
    yield from _repeated("product", [product.id for product in products])
    for product in products:
        yield from _product(product)
    yield from _defaults(products)
    yield from _kinds(products)


def _product(product: Product) -> Iterator[str]:
    yield from _identifier(f"product {product.id!r}", product.id)
    yield from _name(product.id, product.name)
    if not product.plans:
        yield f"{product.id}: has no plans"
    yield from _repeated(f"{product.id}: plan", [plan.id for plan in product.plans])
    for plan in product.plans:
        for problem in _plan(product, plan):
            yield f"{product.id}:{plan.id}: {problem}"


def _plan(product: Product, plan: Plan) -> Iterator[str]:
    yield from _identifier("plan id", plan.id)
    yield from _name("name", plan.name)
    if plan.group:
        yield from _identifier("group", plan.group)
    yield from _prices(product, plan)
    yield from _rhythm(product, plan)
    yield from _taxes(plan)
    yield from _quantity(plan)
    yield from _grants(product, plan.includes)
    yield from _terms(plan)
    yield from _metadata(plan)


def _prices(product: Product, plan: Plan) -> Iterator[str]:
    wrong = [price for price in plan.prices if not isinstance(price, Money)]
    if wrong:
        yield f"a price is Money, not {type(wrong[0]).__name__}"
        return
    yield from _repeated("a price in", [price.currency for price in plan.prices])
    for price in plan.prices:
        if price.minor <= 0:
            yield f"the price {price} is not above zero; leave it out for a free plan"
    yield from _countries(plan)
    if not plan.prices and product.kind != "subscription":
        yield f"a {product.kind} needs a price"
    if plan.default and plan.prices:
        yield "a default plan must be free"
    if plan.default and product.kind != "subscription":
        yield f"a {product.kind} cannot be a default"


def _countries(plan: Plan) -> Iterator[str]:
    if len(plan.countries) > COUNTRIES_MAX:
        yield f"more than {COUNTRIES_MAX} countries"
    for one in plan.countries:
        if not isinstance(one.country, str) or not COUNTRY.fullmatch(one.country):
            yield f"country {one.country!r} is not two capital letters, as in ISO 3166"
        if not isinstance(one.price, Money):
            yield f"a price is Money, not {type(one.price).__name__}"
        elif one.price.minor <= 0:
            yield f"the price in {one.country}, {one.price}, is not above zero"
    if plan.countries and not plan.prices:
        yield "countries= belongs to a plan with a price"


def _rhythm(product: Product, plan: Plan) -> Iterator[str]:
    recurring = product.kind == "subscription" and bool(plan.prices)
    if recurring and plan.interval is None:
        yield "a subscription with a price needs every="
    if not recurring and plan.interval is not None:
        yield "every= belongs to a subscription with a price"
    if plan.interval is not None:
        if plan.interval.unit not in UNITS:
            yield f"every={plan.interval.unit!r} is none of {', '.join(UNITS)}"
        if not _whole(plan.interval.count, 1, INTERVAL_COUNT_MAX):
            yield f"every= counts from 1 to {INTERVAL_COUNT_MAX}, not {plan.interval.count!r}"
    if not _whole(plan.trial_days, 0, TRIAL_DAYS_MAX):
        yield f"trial_days is from 0 to {TRIAL_DAYS_MAX}, not {plan.trial_days!r}"
    elif plan.trial_days and not recurring:
        yield "a trial belongs to a subscription with a price"
    elif not plan.trial_card and not plan.trial_days:
        yield "trial_card=False belongs to a plan with a trial"


def _taxes(plan: Plan) -> Iterator[str]:
    if plan.tax not in TAXES:
        yield f"tax={plan.tax!r} is none of {', '.join(TAXES[1:])}"
    if plan.tax_category:
        yield from _identifier("tax_category", plan.tax_category)
    if (plan.tax or plan.tax_category) and not plan.prices:
        yield "tax belongs to a plan with a price"


def _quantity(plan: Plan) -> Iterator[str]:
    least, most = plan.quantity_min, plan.quantity_max
    if not (_whole(least, 1, QUANTITY_MAX) and _whole(most, 1, QUANTITY_MAX)) or least > most:
        yield f"quantity=({least!r}, {most!r}) is not a range within 1 to {QUANTITY_MAX}"


def _grants(product: Product, includes: Sequence[Grant]) -> Iterator[str]:
    grants = [one for one in includes if isinstance(one, Grant)]
    for one in includes:
        if not isinstance(one, Grant):
            yield f"includes= holds {type(one).__name__}, not a grant: call the feature, as in export()"
    yield from _repeated("a grant of", [name_of(grant) for grant in grants])
    for grant in grants:
        name = name_of(grant)
        yield from _identifier(f"feature {name!r}", name)
        if isinstance(grant, QuotaGrant):
            yield from _quota(name, grant)
        elif isinstance(grant, LicenceGrant) and not _whole(grant.count, 1, LIMIT_MAX):
            yield f"{name}: count={grant.count!r} is not a whole number from 1"
        elif isinstance(grant, CreditGrant):
            yield from _credits(name, grant)
    if product.kind == "credit_pack" and not any(isinstance(grant, CreditGrant) for grant in grants):
        yield "a credit pack must include credits"


def _quota(name: str, grant: QuotaGrant) -> Iterator[str]:
    if not _whole(grant.limit, 0, LIMIT_MAX):
        yield f"{name}: limit={grant.limit!r} is not a whole number from 0"
    if grant.reset not in RESETS:
        yield f"{name}: reset={grant.reset!r} is none of {', '.join(RESETS)}"
    if not is_zone(grant.said_zone):
        yield f"{name}: zone={grant.said_zone!r} is no time zone, such as Europe/Berlin"


def _credits(name: str, grant: CreditGrant) -> Iterator[str]:
    if not _whole(grant.amount, 1, LIMIT_MAX):
        yield f"{name}: amount={grant.amount!r} is not a whole number from 1"
    if not _whole(grant.expires_days, 0, 36_500):
        yield f"{name}: expires_days={grant.expires_days!r} is not from 0 (never) to 36500"


def _terms(plan: Plan) -> Iterator[str]:
    for grant in plan.includes:
        if isinstance(grant, CreditGrant):
            yield from _terms_of(grant.unit, grant, plan)


def _terms_of(name: str, grant: CreditGrant, plan: Plan) -> Iterator[str]:
    terms = grant.said_terms
    if terms.rolls_over is not None:
        if not _whole(terms.rolls_over, 0, ROLL_OVER_MAX):
            yield f"{name}: rolls_over={terms.rolls_over!r} is not a whole number up to {ROLL_OVER_MAX}"
        if plan.interval is None:
            yield f"{name}: rolls_over counts periods, and this plan has none"
        if grant.expires_days:
            yield f"{name}: say expires_days or rolls_over, not both"
    if not _whole(terms.trial_amount, 0, LIMIT_MAX):
        yield f"{name}: trial_amount={terms.trial_amount!r} is not a whole number"
    elif terms.trial_amount and not plan.trial_days:
        yield f"{name}: trial_amount is for a trial, and this plan has none"
    if not isinstance(terms.when_free, bool):
        yield f"{name}: when_free={terms.when_free!r} is neither True nor False"


def _metadata(plan: Plan) -> Iterator[str]:
    if len(plan.metadata) > METADATA_MAX:
        yield f"more than {METADATA_MAX} metadata entries"
    for key, value in plan.metadata.items():
        if not isinstance(value, str) or len(key) + len(value) > METADATA_CHARACTERS_MAX:
            yield f"metadata {key[:40]!r} is not text of at most {METADATA_CHARACTERS_MAX} characters"
        elif key.startswith("purchase_"):
            yield f"metadata {key[:40]!r}: names that begin with purchase_ are reserved"


def _defaults(products: Sequence[Product]) -> Iterator[str]:
    groups = [plan.group or product.id for product in products for plan in product.plans if plan.default]
    yield from _repeated("a default plan in group", groups)


def _kinds(products: Sequence[Product]) -> Iterator[str]:
    kinds: dict[str, set[str]] = {}
    for product in products:
        for plan in product.plans:
            for grant in plan.includes:
                if isinstance(grant, Grant):
                    kinds.setdefault(name_of(grant), set()).add(
                        type(grant).__name__.removesuffix("Grant").lower()
                    )
    for name, found in sorted(kinds.items()):
        if len(found) > 1:
            yield f"feature {name!r} is used as {' and as '.join(sorted(found))}"


def _repeated(what: str, names: Sequence[str]) -> Iterator[str]:
    for name in sorted({name for name in names if names.count(name) > 1}, key=str):
        yield f"{what} {name!r} is there twice"


def _identifier(what: str, text: str) -> Iterator[str]:
    if not isinstance(text, str) or not IDENTIFIER.fullmatch(text):
        yield f"{what} must be a lower-case letter or digit, then up to 62 of a-z 0-9 _ -"


def _name(what: str, text: str) -> Iterator[str]:
    try:
        storable(what, text, characters_max=NAME_CHARACTERS_MAX)
    except InvalidText as error:
        yield error.message


def _whole(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
