"""Pricing: which offer version each price of an account stands for, and how sure that is.

A rollout asks which price an offer needs; an import asks what a price that somebody pays stands for. Both
recognise by the same things. What the operator says is an offer's price, and costs something else than today,
is kept as a version of its own: that offer, as it was sold then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import InvalidArgument
from purchase_core.money import Money
from purchase_core.ports.provider import ListedPrice, PriceRequest
from purchase_core.rollout.matching import ANSWERED, RECORD, alike, matched
from purchase_core.rollout.provider_catalog import ProviderCatalog
from purchase_core.rollout.terms import price_requests
from purchase_core.values import Value


class Standing(Value, frozen=True):
    """A price stands for a version. `sold`: new buyers pay it too; else only those who do already."""

    price: str
    version: OfferVersion
    currencies: tuple[str, ...]
    certainty: str
    sold: bool
    variant: str = ""
    recorded: bool = False


@attrs.define
class Priced:
    """What came of it: what is certain, by price, and which offers a price may be of."""

    certain: dict[str, Standing] = attrs.Factory(dict)
    likely: dict[str, tuple[str, ...]] = attrs.Factory(dict)


def priced(
    listed: ProviderCatalog,
    offers: Mapping[str, OfferVersion],
    lookup: Callable[[PriceRequest], str],
    *,
    named: Mapping[str, str],
    said: Mapping[str, str],
) -> Priced:
    """What the prices of an account stand for. `named`: as the catalog says, by offer; `said`: by price.

    Raises InvalidArgument where what is said cannot be.
    """
    found = Priced()
    for version in offers.values():
        for request in price_requests(version, listed.capabilities):
            price, certainty = matched(listed, request, lookup(request), named.get(version.offer, ""))
            if price is not None:
                found.certain.setdefault(price.id, _standing(price, version, request, certainty))
            for one in alike(request, version.name, listed):
                found.likely[one.id] = (*found.likely.get(one.id, ()), version.offer)
    for identifier, offer in said.items():
        found.certain[identifier] = _said(listed, offers, identifier, offer, found.certain.get(identifier))
    for identifier in found.certain:
        found.likely.pop(identifier, None)
    return found


def _standing(price: ListedPrice, version: OfferVersion, request: PriceRequest, certainty: str) -> Standing:
    return Standing(
        price.id,
        version,
        request.currencies,
        certainty,
        sold=price.active,
        variant=request.variant,
        recorded=certainty == RECORD,
    )


def _said(
    listed: ProviderCatalog,
    offers: Mapping[str, OfferVersion],
    identifier: str,
    offer: str,
    known: Standing | None,
) -> Standing:
    price, version = listed.price.get(identifier), offers.get(offer)
    if price is None or version is None:
        what = f"price {identifier!r} is not at the provider" if price is None else f"no offer {offer!r}"
        raise InvalidArgument(f"the map of prices: {what}")
    if known is not None and known.version.offer != offer:
        raise InvalidArgument(f"price {identifier!r} is one of {known.version.offer!r} ({known.certainty})")
    if known is not None:
        return known
    records: Sequence[str] = [one.offer for one in listed.recorded.get(identifier, ())]
    if listed.theirs(price.mark) or any(one != offer for one in records):
        whose = f"{records[0]!r} already" if records else "another project"
        raise InvalidArgument(f"price {identifier!r} is one of {whose}")
    sold = sold_as(version, price)
    currencies = tuple(one.currency for one in sold.prices)
    return Standing(identifier, sold, currencies, ANSWERED, sold=False, recorded=bool(records))


def sold_as(version: OfferVersion, price: ListedPrice) -> OfferVersion:
    """The offer as it was sold for this price. Raises InvalidArgument where it never can have been."""
    if price.unit_amount is None:
        raise InvalidArgument(f"price {price.id!r} has no single amount, and can stand for no offer")
    if bool(price.interval) != bool(version.interval):
        raise InvalidArgument(f"price {price.id!r} is not paid in the rhythm of {version.offer!r}")
    amounts = [Money.of_minor(price.unit_amount, price.currency)]
    amounts += [Money.of_minor(one.unit_amount, one.currency) for one in price.overrides if not one.countries]
    return attrs.evolve(
        version,
        prices=tuple(amounts),
        interval=price.interval,
        interval_count=price.interval_count,
        countries=(),
    )
