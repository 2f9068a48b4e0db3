"""Offer versions: what exactly was sold, by content. Holders keep the version they bought."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import msgspec

from purchase_core.canonical import content_hash
from purchase_core.catalog.grants import CreditGrant, FlagGrant, Grant, LicenceGrant, QuotaGrant
from purchase_core.catalog.products import CountryPrice, Plan, Product, ProductKind, Tax
from purchase_core.money import Money

__all__ = [
    "CreditGrant",
    "FlagGrant",
    "Grant",
    "LicenceGrant",
    "OfferVersion",
    "QuotaGrant",
    "decode_offer",
    "offer_version",
]


ADDED: Mapping[str, object] = {"trial_card": True, "tax": "", "tax_category": "", "countries": ()}
"""Fields that the first release had not, with what it would have meant: a version's hash is for ever."""


@attrs.frozen(slots=False)
class OfferVersion:
    """One offer as it was sold: price, rhythm and grants. Self-contained, so that it can be stored.

    `name` is only for people and stays out of the hash: a new label is no new version. `interval` "" means
    paid once.
    """

    offer: str
    product: ProductKind
    name: str
    group: str
    prices: tuple[Money, ...]
    interval: str
    interval_count: int
    trial_days: int
    quantity_min: int
    quantity_max: int
    grants: tuple[Grant, ...]
    trial_card: bool = True
    tax: Tax = ""
    tax_category: str = ""
    countries: tuple[CountryPrice, ...] = ()

    @property
    def hash(self) -> str:
        """Identifies what a holder bought. What later releases have added counts only where it is used."""
        # Kept under a name that is not encoded: the bytes of a version must not tell who asked for its hash.
        known: str = self.__dict__.get("_hash") or self.__dict__.setdefault("_hash", self._hashed())
        return known

    def _hashed(self) -> str:
        said = attrs.asdict(self, recurse=False) | {"name": ""}
        return content_hash({name: value for name, value in said.items() if ADDED.get(name) != value})

    @property
    def product_id(self) -> str:
        """The product that the offer is of."""
        return self.offer.partition(":")[0]

    def encode(self) -> bytes:
        """JSON, as a store keeps it."""
        return msgspec.json.encode(self)


def decode_offer(data: bytes | str) -> OfferVersion:
    """A stored version. Raises msgspec.ValidationError on anything else."""
    return _DECODER.decode(data)


_DECODER = msgspec.json.Decoder(OfferVersion)


def offer_version(product: Product, plan: Plan) -> OfferVersion:
    """The version of an offer that a catalog sells now."""
    return OfferVersion(
        offer=f"{product.id}:{plan.id}",
        product=product.kind,
        name=f"{product.name} {plan.name}" if plan.name != product.name else plan.name,
        group=plan.group or product.id,
        prices=plan.prices,
        interval=plan.interval.unit if plan.interval else "",
        interval_count=plan.interval.count if plan.interval else 1,
        trial_days=plan.trial_days,
        quantity_min=plan.quantity_min,
        quantity_max=plan.quantity_max,
        grants=plan.includes,
        trial_card=plan.trial_card,
        tax=plan.tax,
        tax_category=plan.tax_category,
        countries=plan.countries,
    )
