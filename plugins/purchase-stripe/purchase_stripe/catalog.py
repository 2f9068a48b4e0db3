"""Products and prices: found by names of ours or made, listed, changed, archived. Part of the adapter.

A product has an id of ours, and a price a lookup key that says all that it is: both are taken only once, so
that what is made twice is there once. What was made by hand has other names, and is ours by its metadata.
"""

from __future__ import annotations

from abc import ABC

import attrs

from purchase_core.errors import ProviderRefused
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
    needed_for_price,
)

from . import asking, documents
from .client import StripeCalls, as_key
from .looking import PAGES_MAX, Looking, Params, checked

THERE = "resource_already_exists"
UNSPECIFIED = "unspecified"


class StripeCatalog(Provider, ABC):
    """The adapter, as far as it is about what is sold."""

    def __init__(self, connection: Connection, account: str, calls: StripeCalls) -> None:
        super().__init__(connection, account)
        self._calls = calls
        self._looking = Looking(calls)

    def price_lookup(self, request: PriceRequest) -> str:
        parts = [f"{one.unit_amount} {one.currency}" for one in request.overrides]
        return asking.reference(self.connection, "price", request.version, request.unit_amount,
                                request.currency, request.interval, request.interval_count,
                                request.tax_behavior.value, *parts)  # fmt: skip

    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        """By its lookup key: lists by those are up to date. One that is archived is sold again."""
        self.need(*needed_for_price(request))
        known = await self._looking.price(self.price_lookup(request))
        if known is not None and not known.active:
            await self.update_price(known.id, request, key="")
        if known is not None:
            return known.id
        product = request.product or await self._ensure_product(request)
        return await self.create_price(attrs.evolve(request, product=product), key=key)

    async def _ensure_product(self, request: PriceRequest) -> str:
        identifier = self._product_id(request.offer)
        wanted = ProductRequest(request.offer, request.product_name, request.tax_category)
        known = await self._looking.product(identifier)
        if known is not None and not self._is_of(known, request.offer):
            elsewhere = await self._product_marked(request.offer)
            if elsewhere:
                return elsewhere
        elif known is not None and known.active:
            return identifier
        return await self.create_product(wanted, key="")

    async def _product_marked(self, offer: str) -> str:
        """The product of an offer whose own id went to another one; "" for none. Looked for in the list."""
        cursor = ""
        for _ in range(PAGES_MAX):
            page = await self.products(cursor=cursor)
            for one in page.products:
                if one.active and one.mark and one.mark.is_of(self.connection) and one.mark.offer == offer:
                    return one.id
            cursor = page.cursor
            if not cursor:
                break
        return ""

    async def products(self, *, cursor: str, limit: int = CATALOG_PAGE_MAX) -> ProductPage:
        rows, following = await self._looking.page(
            "products",
            lambda stripe, params: stripe.v1.products.list_async(params),  # type: ignore[arg-type]
            cursor,
            limit,
            documents.Product,
        )
        return ProductPage(tuple(map(_product, rows)), following)

    async def prices(self, *, cursor: str, limit: int = CATALOG_PAGE_MAX) -> PricePage:
        rows, following = await self._looking.page(
            "prices",
            lambda stripe, params: stripe.v1.prices.list_async(
                {**params, "expand": ["data.currency_options"]}  # type: ignore[arg-type]
            ),
            cursor,
            limit,
            documents.CatalogPrice,
        )
        return PricePage(tuple(map(_price, rows)), following)

    async def create_product(self, request: ProductRequest, *, key: str) -> str:
        identifier = self._product_id(request.offer)
        try:
            await self._make_product(request, identifier, key="")
        except ProviderRefused as refused:
            if refused.provider_code != THERE:
                raise
            known = await self._looking.product(identifier)
            if known is None or not self._is_of(known, request.offer):
                # Its offer was renamed since: the id stays with what it became.
                return await self._make_product(request, "", key=as_key(key, "another") if key else "")
            await self.update_product(identifier, request, key="")
        return identifier

    async def _make_product(self, request: ProductRequest, identifier: str, *, key: str) -> str:
        params = asking.product_params(request, identifier, self._mark(request))
        made, _ = await self._calls.write(
            "create a product",
            lambda stripe: stripe.v1.products.create_async(params, {"idempotency_key": key} if key else {}),
            documents.Head,
        )
        return made.id

    async def create_price(self, request: PriceRequest, *, key: str) -> str:
        self.need(*needed_for_price(request))
        lookup = self.price_lookup(request)
        params = asking.price_params(request, lookup, request.reference.metadata(self.connection))
        try:
            made, _ = await self._calls.write(
                "create a price",
                lambda stripe: stripe.v1.prices.create_async(
                    params, {"idempotency_key": as_key(key, "price")}
                ),
                documents.Head,
            )
        except ProviderRefused as refused:
            known = await self._looking.price(lookup)
            if refused.provider_code != THERE or known is None:
                raise
            if not known.active:
                await self.update_price(known.id, request, key="")
            return known.id  # somebody else was faster
        return made.id

    async def update_product(self, product: str, request: ProductRequest, *, key: str) -> None:
        params: Params = {
            "name": request.name,
            "active": True,
            "metadata": self._mark(request),
        }
        if request.tax_category:
            params["tax_code"] = request.tax_category
        await self._change_product(product, params)

    async def update_price(self, price: str, request: PriceRequest, *, key: str) -> None:
        self.need(*needed_for_price(request))
        options = {
            one.currency.lower(): {"unit_amount": asking.amount(one.unit_amount, one.currency)}
            for one in request.overrides
        }
        params: Params = {
            "active": True,
            "metadata": request.reference.metadata(self.connection),
            "lookup_key": self.price_lookup(request),
            "transfer_lookup_key": True,
        }
        if options:
            params["currency_options"] = options
        await self._change_price(price, params)

    async def archive_product(self, product: str, *, key: str) -> None:
        await self._change_product(product, {"active": False})

    async def archive_price(self, price: str, *, key: str) -> None:
        try:
            await self._change_price(price, {"active": False})
        except ProviderRefused:
            # The one that a product is shown with cannot be archived: it is not shown with any, then.
            known = await self._looking.catalog_price(checked(price))
            if not await self._looking.is_default(known):
                raise
            await self._change_product(documents.name_of(known.product), {"default_price": ""})
            await self._change_price(price, {"active": False})

    async def _change_product(self, product: str, params: Params) -> None:
        await self._calls.write(
            "update a product",
            lambda stripe: stripe.v1.products.update_async(checked(product), params),  # type: ignore[arg-type]
            documents.Head,
        )

    async def _change_price(self, price: str, params: Params) -> None:
        await self._calls.write(
            "update a price",
            lambda stripe: stripe.v1.prices.update_async(checked(price), params),  # type: ignore[arg-type]
            documents.Head,
        )

    def _product_id(self, offer: str) -> str:
        return asking.reference(self.connection, "product", offer)

    def _mark(self, request: ProductRequest) -> dict[str, str]:
        return OurReference(offer=request.offer).metadata(self.connection)

    def _is_of(self, product: documents.Product, offer: str) -> bool:
        mark = Mark.read(product.metadata)
        return mark is None or (mark.is_of(self.connection) and mark.offer in ("", offer))


def _product(one: documents.Product) -> ListedProduct:
    category = documents.name_of(one.tax_code)
    return ListedProduct(one.id, one.name, one.active, category, Mark.read(one.metadata))


def _price(one: documents.CatalogPrice) -> ListedPrice:
    recurring = one.recurring
    options = one.currency_options if isinstance(one.currency_options, dict) else {}
    return ListedPrice(
        one.id,
        documents.name_of(one.product),
        one.active,
        one.unit_amount,
        one.currency.upper(),
        recurring.interval if recurring else "",
        recurring.interval_count if recurring else 1,
        tax_behavior="" if one.tax_behavior in (None, UNSPECIFIED) else one.tax_behavior,
        overrides=tuple(
            Override(option.unit_amount or 0, currency.upper())
            for currency, option in sorted(options.items())
            if currency != one.currency
        ),
        lookup=one.lookup_key or "",
        mark=Mark.read(one.metadata),
    )
