"""The catalog as a whole: products, offers, defaults, and one hash over all of it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from purchase_core.canonical import content_hash
from purchase_core.catalog.products import Plan, Product
from purchase_core.catalog.rules import problems
from purchase_core.catalog.versions import OfferVersion, offer_version
from purchase_core.errors import CatalogInvalid, UnknownOffer

SUGGESTIONS_MAX = 3


class Catalog:
    """What an application sells. Raises CatalogInvalid with every problem at once.

    Offers are named `product:plan`. The catalog is immutable; a changed one is another catalog.
    """

    def __init__(self, *products: Product) -> None:
        found = list(problems(products))
        if found:
            raise CatalogInvalid(found)
        self.products = products
        self.plans: Mapping[str, Plan] = MappingProxyType(
            {f"{product.id}:{plan.id}": plan for product in products for plan in product.plans}
        )
        self.offers: Mapping[str, OfferVersion] = MappingProxyType(
            {
                f"{product.id}:{plan.id}": offer_version(product, plan)
                for product in products
                for plan in product.plans
            }
        )
        self.defaults: tuple[OfferVersion, ...] = tuple(
            self.offers[offer] for offer, plan in self.plans.items() if plan.default
        )

    @property
    def content_hash(self) -> str:
        """Identifies everything that is sold; the order of declaration does not count."""
        return content_hash({offer: version.hash for offer, version in self.offers.items()})

    def version(self, offer: str) -> OfferVersion:
        """The version of an offer that is sold now. Raises UnknownOffer, with the nearest names."""
        found = self.offers.get(offer) if isinstance(offer, str) else None
        if found is not None:
            return found
        shown = offer[:100] if isinstance(offer, str) else type(offer).__name__
        near = difflib.get_close_matches(shown, self.offers, SUGGESTIONS_MAX, 0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "`purchase catalog show` lists the offers."
        raise UnknownOffer(f"no offer {shown!r} in the catalog", hint=hint)
