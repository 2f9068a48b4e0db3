"""Customers, products and prices: found, or made.

Paddle has no look-up by our reference: prices are listed and compared, which is bounded by how much is sold;
a customer is found by the e-mail address, of which Paddle has one customer each. So two of ours may be one
of Paddle's; agreements are told apart by our reference in them, and never by the customer.
"""

from __future__ import annotations

from purchase_core.errors import ProviderRefused
from purchase_core.ports.provider import Connection, CustomerRequest, OurReference, PriceRequest, TaxBehavior

from . import documents, reference
from .client import PaddleClient
from .config import PaddleConfig
from .errors import CustomerExists

PER_PAGE = 200
DESCRIPTION_CHARACTERS_MAX = 500
NAME_CHARACTERS_MAX = 200
TAX_MODES = {
    TaxBehavior.UNSPECIFIED: "account_setting",
    TaxBehavior.INCLUSIVE: "internal",
    TaxBehavior.EXCLUSIVE: "external",
}


async def customer(client: PaddleClient, connection: Connection, request: CustomerRequest) -> str:
    """The customer who has the address, or a new one. Raises ProviderRefused without an address."""
    if not request.email:
        raise ProviderRefused(
            "a customer at Paddle has an e-mail address",
            provider_code="email_missing",
            hint="Name the address, or open the checkout for a guest: Paddle's page asks for it.",
        )
    if "," not in request.email:  # a comma would ask for two
        page = await client.page("/customers", [("email", request.email)])
        for row in page.rows:
            return documents.read(row, documents.Customer).id
    mine = OurReference(customer=request.customer).metadata(connection)
    fields = {"email": request.email, "custom_data": mine}
    try:
        return (await client.write("POST", "/customers", fields, documents.Customer)).id
    except CustomerExists as taken:  # somebody was quicker, or it is archived
        return taken.customer


async def price(
    client: PaddleClient, connection: Connection, config: PaddleConfig, request: PriceRequest
) -> str:
    """The price of an offer version, with its trial or without. Prices that differ in anything are others."""
    mine = reference.fingerprint(connection, version=request.version)
    fields = price_fields(request)
    recurring = [("status", "active"), ("recurring", str(bool(request.interval)).lower())]
    product = ""
    async for known in client.rows("/prices", recurring, documents.Price, PER_PAGE):
        if known.custom_data == mine:
            product = known.product_id
            if _same(known, fields):
                return known.id
    product = product or await _product(client, mine, config, request)
    made = fields | {"product_id": product, "custom_data": mine}
    return (await client.write("POST", "/prices", made, documents.Price)).id


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


async def _product(
    client: PaddleClient, mine: dict[str, str], config: PaddleConfig, request: PriceRequest
) -> str:
    """The product of an offer version. An answer that was lost may have left one behind."""
    async for known in client.rows("/products", [("status", "active")], documents.Product, PER_PAGE):
        if known.custom_data == mine:
            return known.id
    fields = {
        "name": _text(request.product_name, NAME_CHARACTERS_MAX),
        "tax_category": request.tax_category or config.tax_category,
        "custom_data": mine,
    }
    return (await client.write("POST", "/products", fields, documents.Product)).id


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
