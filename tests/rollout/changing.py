"""What people do at a provider behind our back, or did before there was Purchase."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from purchase_core import Catalog, Money, plan, subscription
from purchase_core.ports.provider import PriceRequest, ProductRequest
from purchase_sandbox.account import objects as sandbox
from purchase_simulators.stripe.objects import catalog as stripe
from tests.rollout.street import Street


def forget(street: Street, provider: str, project: str = "") -> None:
    """Strip products and prices of their metadata and lookup keys: all of them, or those of one project."""

    def chosen(metadata: Any) -> bool:
        return not project or (metadata or {}).get("purchase_project") == project

    for row in (*street.paddle.book.rows("pro"), *street.paddle.book.rows("pri")):
        if provider == "paddle" and chosen(row["custom_data"]):
            row["custom_data"] = None
    ours = street.sandbox.account.book
    things: list[Any] = [*ours.all(sandbox.Product), *ours.all(sandbox.Price)]
    for thing in things:
        if provider == "sandbox" and chosen(thing.metadata):
            thing.metadata.clear()
    theirs = street.stripe.account.book
    if provider == "stripe":
        for product in filter(lambda one: chosen(one.metadata), list(theirs.all(stripe.Product))):
            theirs.put(replace(product, metadata={}))
        for price in filter(lambda one: chosen(one.metadata), list(theirs.all(stripe.Price))):
            theirs.put(replace(price, metadata={}, lookup_key=None))


def sold(offer: str = "pro", amount: str = "12.00", **more: Any) -> Catalog:
    """A catalog of one plan."""
    one = plan(offer, name="Pro", price=Money(amount, "USD"), every="month", **more)
    return Catalog(subscription("app", name="App", plans=[one]))


async def by_hand(
    street: Street, provider: str, amount: int = 1_200, name: str = "App Pro", interval: str = "month"
) -> tuple[str, str]:
    """A product and its price, made in the dashboard; their ids."""
    async with street.opening(sold(), [provider]) as billing:
        connection = billing.connections[provider]
        product = await connection.create_product(ProductRequest("hand", name), key=f"hand:{name}:{amount}")
        request = PriceRequest("hand", "hand", name, amount, "USD", interval, product=product)
        price = await connection.create_price(request, key=f"hand:price:{name}:{amount}")
    forget(street, provider)
    return product, price
