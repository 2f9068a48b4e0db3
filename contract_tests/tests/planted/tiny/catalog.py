"""Products and prices: the part of the adapter that is about what is sold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import attrs

from purchase_core.ports.provider import (
    CATALOG_PAGE_MAX,
    ListedPrice,
    ListedProduct,
    Mark,
    OurReference,
    Override,
    PricePage,
    PriceRequest,
    ProductPage,
    ProductRequest,
    Provider,
    needed_for_price,
)


class TinyCatalog(Provider, ABC):
    """An adapter for what a tiny account sells."""

    @abstractmethod
    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        """A call, and what answers it."""

    @abstractmethod
    def find(self, kind: str, metadata: Mapping[str, str]) -> dict[str, Any] | None:
        """The first object that carries this metadata."""

    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        self.need(*needed_for_price(request))
        known = self.find("price", self.marked(request))
        if known is None:
            product = request.product or self._product_of(request, key)
            return await self.create_price(attrs.evolve(request, product=product), key=key)
        if not known["active"]:
            await self.update_price(str(known["id"]), request, key="")
        return str(known["id"])

    def _product_of(self, request: PriceRequest, key: str) -> str:
        wanted = ProductRequest(request.offer, request.product_name, request.tax_category)
        known = self.find("product", self.mark(wanted))
        return str((known or self._make_product(wanted, f"{key}:product"))["id"])

    def _make_product(self, request: ProductRequest, key: str) -> dict[str, Any]:
        return self.call("make_product", self.product_fields(request), key)

    async def products(self, *, cursor: str, limit: int = CATALOG_PAGE_MAX) -> ProductPage:
        page = self.call("list", {"object": "product", "cursor": cursor, "limit": limit})
        return ProductPage(tuple(map(self.listed_product, page["data"])), page["cursor"])

    async def prices(self, *, cursor: str, limit: int = CATALOG_PAGE_MAX) -> PricePage:
        page = self.call("list", {"object": "price", "cursor": cursor, "limit": limit})
        return PricePage(tuple(map(self.listed_price, page["data"])), page["cursor"])

    async def create_product(self, request: ProductRequest, *, key: str) -> str:
        return str(self._make_product(request, key)["id"])

    async def create_price(self, request: PriceRequest, *, key: str) -> str:
        self.need(*needed_for_price(request))
        fields = {**self.price_fields(request), "product": request.product}
        return str(self.call("make_price", fields, key)["id"])

    async def update_product(self, product: str, request: ProductRequest, *, key: str) -> None:
        fields = {"object": "product", "id": product, "active": True, **self.product_fields(request)}
        self.call("change", fields, key)

    async def update_price(self, price: str, request: PriceRequest, *, key: str) -> None:
        self.need(*needed_for_price(request))
        marked = self.marked(request)
        self.call("change", {"object": "price", "id": price, "active": True, "metadata": marked}, key)

    async def archive_product(self, product: str, *, key: str) -> None:
        self.call("change", {"object": "product", "id": product, "active": False}, key)

    async def archive_price(self, price: str, *, key: str) -> None:
        self.call("change", {"object": "price", "id": price, "active": False}, key)

    # --- documents -------------------------------------------------------------------------------

    def mark(self, request: ProductRequest) -> dict[str, str]:
        """The metadata of a product."""
        return OurReference(offer=request.offer).metadata(self.connection)

    def marked(self, request: PriceRequest) -> dict[str, str]:
        """The metadata of a price."""
        extra = {"currency": request.currency, "trial": str(request.trial_days)}
        return {**request.reference.metadata(self.connection), **extra}

    def product_fields(self, request: ProductRequest) -> dict[str, Any]:
        """What a product is."""
        return {"name": request.name, "tax_category": request.tax_category, "metadata": self.mark(request)}

    def price_fields(self, request: PriceRequest) -> dict[str, Any]:
        """What a price is."""
        return {
            "metadata": self.marked(request),
            "unit_amount": request.unit_amount,
            "currency": request.currency,
            "interval": request.interval,
            "interval_count": request.interval_count,
            "trial_days": request.trial_days,
            "tax": request.tax_behavior,
            "quantity_max": request.quantity_max,
            "overrides": {one.currency: one.unit_amount for one in request.overrides if not one.countries},
            "countries": [
                [one.unit_amount, one.currency, *one.countries] for one in request.overrides if one.countries
            ],
        }

    def listed_product(self, one: dict[str, Any]) -> ListedProduct:
        """A product of a list."""
        mark = Mark.read(one["metadata"])
        return ListedProduct(one["id"], one["name"], one["active"], one["tax_category"], mark)

    def listed_price(self, one: dict[str, Any]) -> ListedPrice:
        """A price of a list."""
        named = [Override(amount, currency) for currency, amount in one["overrides"].items()]
        abroad = [Override(amount, currency, tuple(codes)) for amount, currency, *codes in one["countries"]]
        return ListedPrice(
            one["id"],
            one["product"],
            one["active"],
            one["unit_amount"],
            one["currency"],
            one["interval"],
            one["interval_count"],
            trial_days=one["trial_days"] if self.capabilities.price_trials else None,
            tax_behavior=one["tax"],
            quantity_max=one["quantity_max"],
            overrides=(*named, *abroad),
            mark=Mark.read(one["metadata"]),
        )
