"""Terms: the prices that an offer version needs at a provider, by what that provider can do.

A checkout and a rollout ask for the same ones, so that what one has made is what the other finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from purchase_core.catalog.products import CountryPrice
from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import OfferNotSellable
from purchase_core.money import Money
from purchase_core.ports.provider import Capabilities, Capability, Override, PriceRequest, TaxBehavior


def price_requests(version: OfferVersion, capabilities: Capabilities) -> Iterator[PriceRequest]:
    """Every price that a version needs: none if it is free, or not sold in any of the provider's currencies.

    One for all currencies where a price can hold several, else one for each; where trials belong to prices,
    one that begins with the trial and one without.
    """
    sold = [one for one in version.prices if in_currencies(one.currency, capabilities)]
    together = Capability.CURRENCY_OVERRIDES in capabilities
    for price in sold[:1] if together else sold:
        others = sold[1:] if together else []
        plain = _request(version, price, others, capabilities)
        yield plain
        if version.trial_days and capabilities.price_trials:
            yield _with_trial(plain, version.trial_days)


def price_request(
    version: OfferVersion, currency: str, capabilities: Capabilities, *, trial: bool = False
) -> PriceRequest:
    """The one of them that is paid in a currency, and begins with the trial or without.

    Raises OfferNotSellable if there is none.
    """
    wanted = version.trial_days if trial and capabilities.price_trials else 0
    for one in price_requests(version, capabilities):
        if currency in one.currencies and one.trial_days == wanted:
            return one
    raise OfferNotSellable(f"offer {version.offer!r} is not sold in {currency} here")


def in_currencies(currency: str, capabilities: Capabilities) -> bool:
    """Whether the provider sells in a currency."""
    return capabilities.currencies is None or currency in capabilities.currencies


def _request(
    version: OfferVersion, price: Money, others: Iterable[Money], capabilities: Capabilities
) -> PriceRequest:
    abroad = version.countries if Capability.COUNTRY_OVERRIDES in capabilities else ()
    return PriceRequest(
        offer=version.offer,
        version=version.hash,
        product_name=version.name,
        unit_amount=price.minor,
        currency=price.currency,
        interval=version.interval,
        interval_count=version.interval_count,
        tax_behavior=TaxBehavior(version.tax),
        tax_category=version.tax_category,
        quantity_max=version.quantity_max,
        overrides=(*(Override(one.minor, one.currency) for one in others), *_by_amount(abroad)),
    )


def _by_amount(countries: Iterable[CountryPrice]) -> Iterator[Override]:
    """Countries that pay the same are one override."""
    found: dict[Money, list[str]] = {}
    for one in countries:
        found.setdefault(one.price, []).append(one.country)
    for price, codes in found.items():
        yield Override(price.minor, price.currency, tuple(codes))


def _with_trial(request: PriceRequest, days: int) -> PriceRequest:
    return attrs.evolve(request, trial_days=days)
