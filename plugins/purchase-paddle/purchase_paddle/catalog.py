"""Products and prices: found by our mark or made, listed, changed, archived. Part of the adapter.

Paddle has no look-up by our reference: prices are listed and compared, which is bounded by how much is sold.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping

import attrs

from purchase_core.ports.provider import (
    CATALOG_PAGE_MAX,
    Connection,
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
    TaxBehavior,
    needed_for_price,
)

from . import documents
from .client import Fields, PaddleClient
from .config import PaddleConfig
from .identifiers import safe

PRODUCTS, PRICES = "/products", "/prices"
ACTIVE, ARCHIVED = "active", "archived"
EVERY = [("status", f"{ACTIVE},{ARCHIVED}"), ("type", "standard")]  # else lists hold what is active
PER_PAGE = 200
DESCRIPTION_CHARACTERS_MAX = 500
NAME_CHARACTERS_MAX = 200
TAX_MODES = {
    TaxBehavior.UNSPECIFIED: "account_setting",
    TaxBehavior.INCLUSIVE: "internal",
    TaxBehavior.EXCLUSIVE: "external",
}
TAX_BEHAVIORS: Mapping[str, str] = {mode: behavior.value for behavior, mode in TAX_MODES.items()}


class PaddleCatalog(Provider, ABC):
    """The adapter, as far as it is about what is sold."""

    def __init__(self, connection: Connection, config: PaddleConfig, client: PaddleClient) -> None:
        super().__init__(connection, config.account)
        self.config = config
        self._client = client

    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        """With its trial or without. Prices that differ in anything are others; archived ones come back."""
        self.need(*needed_for_price(request))
        mine, fields = self._marked(request), price_fields(request)
        query = [*EVERY, ("recurring", str(bool(request.interval)).lower())]
        product, archived = request.product, ""
        async for known in self._client.rows(PRICES, query, documents.Price, PER_PAGE):
            mark = Mark.read(known.custom_data)
            if mark and mark.is_of(self.connection) and mark.offer == request.offer:
                product = product or known.product_id
                if known.custom_data == mine and _same(known, fields):
                    if known.status == ACTIVE:
                        return known.id
                    archived = known.id
        if archived:
            await self.update_price(archived, request, key=key)
            return archived
        product = product or await self._ensure_product(request, key)
        return await self.create_price(attrs.evolve(request, product=product), key=key)

    async def _ensure_product(self, request: PriceRequest, key: str) -> str:
        """The product of an offer. An answer that was lost may have left one behind."""
        wanted = ProductRequest(request.offer, request.product_name, request.tax_category)
        mine = self._mark(wanted)
        async for known in self._client.rows(PRODUCTS, [("status", ACTIVE)], documents.Product, PER_PAGE):
            if known.custom_data == mine:
                return known.id
        return await self.create_product(wanted, key=key)

    async def products(self, *, cursor: str, limit: int = CATALOG_PAGE_MAX) -> ProductPage:
        rows, following = await self._client.listed(PRODUCTS, EVERY, documents.Product, cursor, limit)
        return ProductPage(tuple(map(_product, rows)), following)

    async def prices(self, *, cursor: str, limit: int = CATALOG_PAGE_MAX) -> PricePage:
        rows, following = await self._client.listed(PRICES, EVERY, documents.Price, cursor, limit)
        return PricePage(tuple(map(_price, rows)), following)

    async def create_product(self, request: ProductRequest, *, key: str) -> str:
        fields = self._product_fields(request)
        return (await self._client.write("POST", PRODUCTS, fields, documents.Product)).id

    async def create_price(self, request: PriceRequest, *, key: str) -> str:
        self.need(*needed_for_price(request))
        fields = price_fields(request) | {
            "product_id": request.product,
            "custom_data": self._marked(request),
        }
        return (await self._client.write("POST", PRICES, fields, documents.Price)).id

    async def update_product(self, product: str, request: ProductRequest, *, key: str) -> None:
        await self._patch_product(product, self._product_fields(request) | {"status": ACTIVE})

    async def update_price(self, price: str, request: PriceRequest, *, key: str) -> None:
        self.need(*needed_for_price(request))
        fields = price_fields(request) | {"custom_data": self._marked(request), "status": ACTIVE}
        await self._patch_price(price, fields)

    async def archive_product(self, product: str, *, key: str) -> None:
        await self._patch_product(product, {"status": ARCHIVED})

    async def archive_price(self, price: str, *, key: str) -> None:
        await self._patch_price(price, {"status": ARCHIVED})

    async def _patch_product(self, product: str, fields: Fields) -> None:
        await self._client.write("PATCH", f"{PRODUCTS}/{safe(product)}", fields, documents.Product)

    async def _patch_price(self, price: str, fields: Fields) -> None:
        await self._client.write("PATCH", f"{PRICES}/{safe(price)}", fields, documents.Price)

    def _product_fields(self, request: ProductRequest) -> dict[str, object]:
        return {
            "name": _text(request.name, NAME_CHARACTERS_MAX),
            "tax_category": request.tax_category or self.config.tax_category,
            "custom_data": self._mark(request),
        }

    def _mark(self, request: ProductRequest) -> dict[str, str]:
        return OurReference(offer=request.offer).metadata(self.connection)

    def _marked(self, request: PriceRequest) -> dict[str, str]:
        return request.reference.metadata(self.connection)


def price_fields(request: PriceRequest) -> dict[str, object]:
    """What makes a price what it is."""
    cycle = {"interval": request.interval, "frequency": request.interval_count} if request.interval else None
    trial = {"interval": "day", "frequency": request.trial_days} if request.trial_days else None
    return {
        "description": _text(request.product_name, DESCRIPTION_CHARACTERS_MAX),
        "unit_price": {"amount": str(request.unit_amount), "currency_code": request.currency},
        "billing_cycle": cycle,
        "trial_period": trial,
        "tax_mode": TAX_MODES[request.tax_behavior],
        "quantity": {"minimum": 1, "maximum": max(request.quantity_max, 1)},
        "unit_price_overrides": [
            {
                "country_codes": list(one.countries),
                "unit_price": {"amount": str(one.unit_amount), "currency_code": one.currency},
            }
            for one in request.overrides
        ],
    }


def _same(known: documents.Price, fields: dict[str, object]) -> bool:
    def duration(one: documents.Duration | None) -> object:
        return None if one is None else {"interval": one.interval, "frequency": one.frequency}

    def money(one: documents.Money) -> object:
        return {"amount": one.amount, "currency_code": one.currency_code}

    bounds = known.quantity
    found = {
        "unit_price": money(known.unit_price),
        "billing_cycle": duration(known.billing_cycle),
        "trial_period": duration(known.trial_period),
        "tax_mode": known.tax_mode,
        "quantity": bounds and {"minimum": bounds.minimum, "maximum": bounds.maximum},
        "unit_price_overrides": [
            {"country_codes": one.country_codes, "unit_price": money(one.unit_price)}
            for one in known.unit_price_overrides
        ],
    }
    return all(fields[name] == value for name, value in found.items())


def _text(text: str, characters_max: int) -> str:
    """A text that Paddle takes as a name: it wants two characters at least."""
    return text[:characters_max].ljust(2, ".")


def _product(one: documents.Product) -> ListedProduct:
    mark = Mark.read(one.custom_data)
    return ListedProduct(one.id, one.name, one.status == ACTIVE, one.tax_category, mark)


def _price(one: documents.Price) -> ListedPrice:
    cycle, trial, bounds = one.billing_cycle, one.trial_period, one.quantity
    days = trial.frequency if trial and trial.interval == "day" else None
    return ListedPrice(
        one.id,
        one.product_id,
        one.status == ACTIVE,
        int(one.unit_price.amount),
        one.unit_price.currency_code,
        cycle.interval if cycle else "",
        cycle.frequency if cycle else 1,
        trial_days=days if trial else 0,
        tax_behavior=TAX_BEHAVIORS.get(one.tax_mode, one.tax_mode),
        quantity_max=bounds.maximum if bounds else None,
        overrides=tuple(
            Override(
                int(each.unit_price.amount), each.unit_price.currency_code, tuple(sorted(each.country_codes))
            )
            for each in one.unit_price_overrides
        ),
        mark=Mark.read(one.custom_data),
    )
