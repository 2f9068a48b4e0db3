"""Bugs of the catalog: what is made without a mark, listed in part, or changed in another way."""

from __future__ import annotations

from typing import Any

import attrs
from msgspec.structs import replace

from planted.tiny.adapter import TinyProvider
from planted.tiny.variants import TinyMerchant, TinyWithPriceTrials
from purchase_core.errors import ProviderError
from purchase_core.ports.provider import (
    CATALOG_PAGE_MAX,
    ListedPrice,
    ListedProduct,
    PricePage,
    PriceRequest,
    ProductPage,
    ProductRequest,
)


class ForgetsWhoseProductsAre(TinyProvider):
    """A product carries no mark."""

    def mark(self, request: ProductRequest) -> dict[str, str]:
        return {}


class MarksPricesByOffer(TinyProvider):
    """A price says which offer it is of, and not which version."""

    def marked(self, request: PriceRequest) -> dict[str, str]:
        return super().marked(attrs.evolve(request, version=request.offer))


class ListsWhatIsSold(TinyProvider):
    """What is archived is not listed."""

    async def prices(self, *, cursor: str, limit: int = CATALOG_PAGE_MAX) -> PricePage:
        page = await super().prices(cursor=cursor, limit=limit)
        return replace(page, prices=tuple(one for one in page.prices if one.active))


class ListsWhatIsOurs(TinyProvider):
    """Other projects' products are left out, as if they could not be mistaken for ours."""

    async def prices(self, *, cursor: str, limit: int = CATALOG_PAGE_MAX) -> PricePage:
        page = await super().prices(cursor=cursor, limit=limit)
        ours = (one for one in page.prices if one.mark and one.mark.is_of(self.connection))
        return replace(page, prices=tuple(ours))


class TakesAllForOurs(TinyProvider):
    """Everything that some Purchase has made is ours."""

    def listed_price(self, one: dict[str, Any]) -> ListedPrice:
        listed, connection = super().listed_price(one), self.connection
        ours = {"project": connection.project, "environment": connection.environment}
        return replace(listed, mark=replace(listed.mark, **ours) if listed.mark else None)


class ListsTheFirstPage(TinyProvider):
    """A catalog is never longer than a page."""

    async def products(self, *, cursor: str, limit: int = CATALOG_PAGE_MAX) -> ProductPage:
        return replace(await super().products(cursor=cursor, limit=limit), cursor="")


class ListsOneAmount(TinyProvider):
    """Amounts in other currencies are left out."""

    def listed_price(self, one: dict[str, Any]) -> ListedPrice:
        return replace(super().listed_price(one), overrides=())


class ListsOneCountry(TinyMerchant):
    """Of several countries that pay the same, the first is listed."""

    def listed_price(self, one: dict[str, Any]) -> ListedPrice:
        listed = super().listed_price(one)
        first = [replace_countries(each) for each in listed.overrides]
        return replace(listed, overrides=tuple(first))


def replace_countries(override: Any) -> Any:
    """The override, for its first country only."""
    return attrs.evolve(override, countries=override.countries[:1])


class ListsNoTrials(TinyWithPriceTrials):
    """A price with a trial looks like one without."""

    def listed_price(self, one: dict[str, Any]) -> ListedPrice:
        return replace(super().listed_price(one), trial_days=0)


class ListsWholeUnits(TinyProvider):
    """Every currency has two decimals."""

    def listed_price(self, one: dict[str, Any]) -> ListedPrice:
        listed = super().listed_price(one)
        factor = 100 if listed.currency in ("JPY", "KRW") else 1
        return replace(listed, unit_amount=(listed.unit_amount or 0) * factor)


class TaxesAllAlike(TinyProvider):
    """Whether an amount holds the tax is not told."""

    def listed_price(self, one: dict[str, Any]) -> ListedPrice:
        return replace(super().listed_price(one), tax_behavior="exclusive")


class KeepsWhatIsArchived(TinyProvider):
    """A change does not bring back what was archived."""

    async def update_price(self, price: str, request: PriceRequest, *, key: str) -> None:
        self.call("change", {"object": "price", "id": price, "metadata": self.marked(request)}, key)


class MakesArchivedPricesAnew(TinyProvider):
    """What is archived is not found."""

    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        known = self.find("price", self.marked(request))
        if known is None or known["active"]:
            return await super().ensure_price(request, key=key)
        fields = {**self.price_fields(request), "product": known["product"]}
        return str(self.call("make_price", fields, key)["id"])


class ArchivesNothing(TinyProvider):
    """A price is left on sale."""

    async def archive_price(self, price: str, *, key: str) -> None:
        return None


class KeepsTheFirstName(TinyProvider):
    """A product is called what it was called at first."""

    async def update_product(self, product: str, request: ProductRequest, *, key: str) -> None:
        fields = {"object": "product", "id": product, "active": True, "metadata": self.mark(request)}
        self.call("change", fields, key)


class KeepsTheFirstOwner(TinyProvider):
    """Whoever marked a price first has it for ever."""

    async def update_price(self, price: str, request: PriceRequest, *, key: str) -> None:
        self.call("change", {"object": "price", "id": price, "active": True}, key)


class MakesAProductForEachPrice(TinyProvider):
    """Which product a price is to be of makes no difference."""

    async def create_price(self, request: PriceRequest, *, key: str) -> str:
        wanted = ProductRequest(request.offer, request.product_name)
        own = await self.create_product(wanted, key=f"{key}:product")
        return await super().create_price(attrs.evolve(request, product=own), key=key)


class ListsNothingInTrouble(TinyProvider):
    """A list that cannot be had is taken for an empty one."""

    async def products(self, *, cursor: str, limit: int = CATALOG_PAGE_MAX) -> ProductPage:
        try:
            return await super().products(cursor=cursor, limit=limit)
        except ProviderError:
            return ProductPage((), "")


class ShoutsNames(TinyProvider):
    """A product is listed under a name that nobody gave it."""

    def listed_product(self, one: dict[str, Any]) -> ListedProduct:
        listed = super().listed_product(one)
        return replace(listed, name=listed.name.upper())
