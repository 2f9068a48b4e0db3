"""Products and prices, as they are listed."""

from __future__ import annotations

from .parts import Head, Metadata, Ref, Word
from .subscriptions import Price


class Product(Head, frozen=True, kw_only=True):
    """A product."""

    name: str
    active: bool
    tax_code: Ref | None = None
    default_price: Ref | None = None
    metadata: Metadata | None = None


class CatalogPrice(Price, frozen=True, kw_only=True):
    """A price with all that it is in the catalog."""

    active: bool
    product: Ref
    lookup_key: str | None = None
    tax_behavior: Word | None = None
    metadata: Metadata | None = None
