"""Products and prices: found by our mark or made, listed, changed, archived. Part of the adapter."""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Mapping, Sequence

import attrs

from purchase_core.errors import ProviderRefused
from purchase_core.ports.provider import (
    CATALOG_PAGE_MAX,
    Connection,
    ListedPrice,
    ListedProduct,
    Mark,
    OurReference,
    PricePage,
    PriceRequest,
    ProductPage,
    ProductRequest,
    Provider,
    needed_for_price,
)

from . import documents
from .client import Fields, Query, SandboxClient

PRODUCTS, PRICES = "/v1/products", "/v1/prices"
PRICES_MAX = 100
_ID = re.compile(r"[A-Za-z0-9_]{1,255}")


class SandboxCatalog(Provider, ABC):
    """The adapter, as far as it is about what is sold."""

    def __init__(self, connection: Connection, account: str, client: SandboxClient) -> None:
        super().__init__(connection, account)
        self._client = client

    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        self.need(*needed_for_price(request))
        query = [*by_metadata(self._marked(request), limit=PRICES_MAX), ("currency", request.currency)]
        found = await self._client.find(PRICES, query, documents.Price)
        # A reference alone does not make it the price that is asked for: the amount must be the same.
        for price in sorted(found, key=lambda one: not one.active):
            if _terms(price) == _asked(request):
                if not price.active:
                    await self._write_price(price.id, {"active": True}, f"{key}:again:{price.updated}")
                return price.id
        product = request.product or await self._ensure_product(request, key)
        return await self.create_price(attrs.evolve(request, product=product), key=key)

    async def _ensure_product(self, request: PriceRequest, key: str) -> str:
        wanted = ProductRequest(request.offer, request.product_name, request.tax_category)
        query = by_metadata(_mark(wanted).metadata(self.connection), limit=PRICES_MAX)
        for product in await self._client.find(PRODUCTS, query, documents.Product):
            if product.active:
                return product.id
        return await self.create_product(wanted, key=f"{key}:product")

    async def products(self, *, cursor: str, limit: int = CATALOG_PAGE_MAX) -> ProductPage:
        page, _ = await self._client.page(PRODUCTS, window(cursor, limit, CATALOG_PAGE_MAX))
        rows = [self._client.read_row(PRODUCTS, row, documents.Product) for row in page.data]
        return ProductPage(tuple(map(_product, rows)), page.next_cursor or "")

    async def prices(self, *, cursor: str, limit: int = CATALOG_PAGE_MAX) -> PricePage:
        page, _ = await self._client.page(PRICES, window(cursor, limit, CATALOG_PAGE_MAX))
        rows = [self._client.read_row(PRICES, row, documents.Price) for row in page.data]
        return PricePage(tuple(map(_price, rows)), page.next_cursor or "")

    async def create_product(self, request: ProductRequest, *, key: str) -> str:
        fields: Fields = {"name": request.name, "metadata": _mark(request).metadata(self.connection)}
        return (await self._client.write(PRODUCTS, fields, documents.Product, key=key)).id

    async def create_price(self, request: PriceRequest, *, key: str) -> str:
        self.need(*needed_for_price(request))
        fields: Fields = {
            "product": request.product,
            "unit_amount": request.unit_amount,
            "currency": request.currency,
            "interval": request.interval or None,
            "interval_count": request.interval_count,
            "metadata": self._marked(request),
        }
        return (await self._client.write(PRICES, fields, documents.Price, key=key)).id

    async def update_product(self, product: str, request: ProductRequest, *, key: str) -> None:
        mark = _mark(request).metadata(self.connection)
        await self._write_product(product, {"name": request.name, "active": True, "metadata": mark}, key)

    async def update_price(self, price: str, request: PriceRequest, *, key: str) -> None:
        self.need(*needed_for_price(request))
        await self._write_price(price, {"active": True, "metadata": self._marked(request)}, key)

    async def archive_product(self, product: str, *, key: str) -> None:
        await self._write_product(product, {"active": False}, key)

    async def archive_price(self, price: str, *, key: str) -> None:
        await self._write_price(price, {"active": False}, key)

    async def _write_product(self, product: str, fields: Fields, key: str) -> None:
        await self._client.write(f"{PRODUCTS}/{safe(product)}", fields, documents.Product, key=key)

    async def _write_price(self, price: str, fields: Fields, key: str) -> None:
        await self._client.write(f"{PRICES}/{safe(price)}", fields, documents.Price, key=key)

    def _marked(self, request: PriceRequest) -> dict[str, str]:
        return request.reference.metadata(self.connection)


def safe(identifier: str) -> str:
    """An id that can stand in a path. Anything else is no id of the sandbox, and is not sent."""
    if not _ID.fullmatch(identifier):
        raise ProviderRefused("that is no id of a sandbox object", provider_code="not_found")
    return identifier


def by_metadata(metadata: Mapping[str, str], *, limit: int) -> Query:
    """The query of a list for what carries all of this."""
    return [*((f"metadata[{name}]", value) for name, value in metadata.items()), ("limit", str(limit))]


def window(cursor: str, limit: int, limit_max: int) -> Query:
    """The query of a list for the page behind a cursor."""
    query = [("limit", str(min(limit, limit_max)))]
    return [*query, ("starting_after", cursor)] if cursor else query


def _mark(request: ProductRequest) -> OurReference:
    return OurReference(offer=request.offer)


def _asked(request: PriceRequest) -> Sequence[object]:
    return request.unit_amount, request.currency, request.interval or None, request.interval_count


def _terms(price: documents.Price) -> Sequence[object]:
    return price.unit_amount, price.currency, price.interval, price.interval_count


def _product(one: documents.Product) -> ListedProduct:
    return ListedProduct(one.id, one.name, one.active, mark=Mark.read(one.metadata))


def _price(one: documents.Price) -> ListedPrice:
    return ListedPrice(
        one.id,
        one.product or "",
        one.active,
        one.unit_amount,
        one.currency,
        one.interval or "",
        one.interval_count,
        mark=Mark.read(one.metadata),
    )
