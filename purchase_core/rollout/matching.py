"""Matching: which of the prices that are there is the one that the catalog needs, and how sure that is.

By our own record, then by what the provider finds it by, then by its mark, then by what the catalog names.
All of these are certain. A name and an amount that agree are not: that is a doubt, for a person to answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from purchase_core.ports.provider import ListedPrice, PriceRequest
from purchase_core.rollout.provider_catalog import ProviderCatalog

RECORD, LOOKUP, MARK, NAMED, ANSWERED = (
    "certain, by our own record",
    "certain, by its lookup key",
    "certain, by its mark",
    "certain, the catalog names it",
    "as you said",
)
LIKELY = "likely, name and price agree"


def matched(
    listed: ProviderCatalog, request: PriceRequest, lookup: str, named: str
) -> tuple[ListedPrice | None, str]:
    """The price that is there for a request, and how it was recognised. `named`: as the catalog says."""
    found = [
        (certainty, price)
        for price in listed.prices
        if (certainty := _certainty(listed, request, lookup, named, price)) and can_be(listed, request, price)
    ]
    if not found:
        return None, ""
    certainty, best = min(found, key=lambda one: _order(listed, one[1]))
    return best, certainty


def _certainty(
    listed: ProviderCatalog, request: PriceRequest, lookup: str, named: str, price: ListedPrice
) -> str:
    if listed.theirs(price.mark):
        return ""
    if any(_records(request, one.version, one.variant, one.currency)
           for one in listed.recorded.get(price.id, ())):  # fmt: skip
        return RECORD
    if lookup and price.lookup == lookup:
        return LOOKUP
    mark = price.mark if listed.ours(price.mark) else None
    if mark and _records(request, mark.version, mark.variant, price.currency):
        return MARK
    return NAMED if price.id == named and _same_terms(request, price) else ""


def _records(request: PriceRequest, version: str, variant: str, currency: str) -> bool:
    return (version, variant) == (request.version, request.variant) and currency in request.currencies


def _order(listed: ProviderCatalog, price: ListedPrice) -> tuple[bool, bool, bool, str]:
    """The best first: on sale by our record, sold at the provider, marked; then the first by id."""
    return price.id not in listed.on_sale, not price.active, not listed.ours(price.mark), price.id


def can_be(listed: ProviderCatalog, request: PriceRequest, price: ListedPrice) -> bool:
    """Whether a price is what is asked for, or can become it where it is."""
    return listed.capabilities.price_changes or not set(differences(listed, request, price)) & {
        "amount", "currency", "interval", "trial", "tax",
    }  # fmt: skip


def differences(listed: ProviderCatalog, request: PriceRequest, price: ListedPrice) -> list[str]:
    """In what a price is not as it should be: its terms. What the provider does not tell is no difference."""
    pairs: list[tuple[str, object, object]] = [
        ("amount", price.unit_amount, request.unit_amount),
        ("currency", price.currency, request.currency),
        ("interval", (price.interval, price.interval_count), (request.interval, request.interval_count)),
        ("trial", price.trial_days, request.trial_days),
        ("tax", price.tax_behavior, request.tax_behavior.value),
        ("quantity", price.quantity_max, request.quantity_max),
        ("other amounts", set(price.overrides), set(request.overrides)),
    ]
    told = (one for one in pairs if one[1] is not None)
    return [name for name, found, wanted in told if found != wanted]


def alike(request: PriceRequest, name: str, listed: ProviderCatalog) -> Iterator[ListedPrice]:
    """Prices of nobody's that are sold under the offer's name for the same amount: perhaps made by hand."""
    for price in listed.prices:
        product = listed.product.get(price.product)
        if product is None or not (price.active and product.active):
            continue
        unclaimed = price.mark is None and price.id not in listed.recorded
        ours_or_nobodys = not listed.theirs(product.mark)
        if unclaimed and ours_or_nobodys and _same_name(product.name, name) and _same_terms(request, price):
            yield price


def _same_name(one: str, other: str) -> bool:
    return one.casefold().split() == other.casefold().split()


def _same_terms(request: PriceRequest, price: ListedPrice) -> bool:
    terms = (price.unit_amount, price.currency, price.interval, price.interval_count)
    wanted = (request.unit_amount, request.currency, request.interval, request.interval_count)
    return terms == wanted and price.trial_days in (None, request.trial_days)


def terms(request: PriceRequest) -> Iterable[object]:
    """What two offers must have in common for one to be the other under another name."""
    return request.unit_amount, request.currency, request.interval, request.interval_count
