"""The catalog at a provider: products and prices as they are found there, whoever made them."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from purchase_core.ports.provider.connection import (
    ENVIRONMENT,
    OFFER,
    OFFER_VERSION,
    PROJECT,
    VARIANT,
    Connection,
)
from purchase_core.ports.provider.requests import Override
from purchase_core.values import Value

CATALOG_PAGE_MAX = 100


@attrs.frozen
class ProductRequest:
    """What is sold under a name: one product an offer. `tax_category`: "" = the account's default."""

    offer: str
    name: str
    tax_category: str = ""


class Mark(Value, frozen=True):
    """What some Purchase has written into an object's metadata: whose it is, and what it stands for."""

    project: str
    environment: str
    offer: str = ""
    version: str = ""
    variant: str = ""

    @classmethod
    def read(cls, metadata: Mapping[str, object] | None) -> Mark | None:
        """The mark in some metadata; None where no Purchase has written any."""
        found = metadata or {}

        def text(name: str) -> str:
            value = found.get(name)
            return value if isinstance(value, str) else ""

        if not text(PROJECT):
            return None
        names = (PROJECT, ENVIRONMENT, OFFER, OFFER_VERSION, VARIANT)
        return cls(*(text(name) for name in names))

    def is_of(self, connection: Connection) -> bool:
        """Whether it is of this connection's project and environment."""
        return (self.project, self.environment) == (connection.project, connection.environment)


class ListedProduct(Value, frozen=True):
    """A product as it is at a provider. `tax_category` as the provider calls it; "" for none."""

    id: str
    name: str
    active: bool
    tax_category: str = ""
    mark: Mark | None = None


class ListedPrice(Value, frozen=True):
    """A price as it is at a provider. None: what a provider has no notion of, or does not tell.

    `lookup` is a name of ours that the provider can find a price by (`Provider.price_lookup`).
    """

    id: str
    product: str
    active: bool
    unit_amount: int | None  # None: tiers, fractions of a cent, and whatever else we make none of
    currency: str
    interval: str = ""
    interval_count: int = 1
    trial_days: int | None = None
    tax_behavior: str | None = None
    quantity_max: int | None = None
    overrides: tuple[Override, ...] = ()
    lookup: str = ""
    mark: Mark | None = None

    @property
    def currencies(self) -> frozenset[str]:
        """All that anybody may pay it in, wherever that is decided."""
        return frozenset((self.currency, *(one.currency for one in self.overrides)))


class ProductPage(Value, frozen=True):
    """Products of the account, other applications' too. `cursor` "" = the end."""

    products: tuple[ListedProduct, ...]
    cursor: str


class PricePage(Value, frozen=True):
    """Prices of the account, those sold no more too. `cursor` "" = the end."""

    prices: tuple[ListedPrice, ...]
    cursor: str
