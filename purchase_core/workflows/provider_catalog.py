"""Reading the catalog of a provider, page by page, with our records of it, and who holds what."""

from __future__ import annotations

from collections.abc import Mapping

from purchase_core.catalog.versions import OfferVersion
from purchase_core.errors import ProviderUnavailable
from purchase_core.ports.paging import every
from purchase_core.ports.provider import ListedPrice, ListedProduct, Provider
from purchase_core.ports.store import Store
from purchase_core.records.reference import PriceReference
from purchase_core.rollout.provider_catalog import ProviderCatalog

PAGES_MAX = 500  # of one list, before it is given up


async def look_at(store: Store, provider: Provider, applied: Mapping[str, OfferVersion]) -> ProviderCatalog:
    """A connection as it is now. Reads only. Raises ProviderError."""
    products: list[ListedProduct] = []
    prices: list[ListedPrice] = []
    cursor, requests = "", 0
    for _ in range(PAGES_MAX):
        page = await provider.products(cursor=cursor)
        products += page.products
        cursor, requests = page.cursor, requests + 1
        if not cursor:
            break
    else:
        raise ProviderUnavailable(f"a list of more than {PAGES_MAX} pages of products")
    for _ in range(PAGES_MAX):
        listed = await provider.prices(cursor=cursor)
        prices += listed.prices
        cursor, requests = listed.cursor, requests + 1
        if not cursor:
            break
    else:
        raise ProviderUnavailable(f"a list of more than {PAGES_MAX} pages of prices")
    name = provider.connection.name
    return ProviderCatalog(
        connection=provider.connection,
        account=provider.account,
        capabilities=provider.capabilities,
        products=products,
        prices=prices,
        references=await _references(store, name),
        holders={(one.version, one.currency): one.count for one in await store.holders(name)},
        applied=applied,
        requests=requests,
    )


async def _references(store: Store, connection: str) -> list[PriceReference]:
    prices = every(
        lambda after: store.prices_of(connection, after=after),
        lambda one: (one.price, one.currency),
        ("", ""),
    )
    return [one async for one in prices]
