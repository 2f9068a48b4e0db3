"""Customers: found by the e-mail address, of which Paddle has one customer each, or made.

So two of ours may be one of Paddle's; agreements are told apart by our reference in them, and never by the
customer.
"""

from __future__ import annotations

from collections.abc import Mapping

from purchase_core.errors import ProviderRefused
from purchase_core.ports.provider import (
    Connection,
    CustomerPage,
    CustomerRequest,
    ListedCustomer,
    OurReference,
    reading,
)

from . import documents
from .client import PaddleClient
from .errors import CustomerExists

EVERY = [("status", "active,archived")]
PER_PAGE_MAX = 200


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
            return reading.read(row, documents.Customer).id
    mine = OurReference(customer=request.customer).metadata(connection)
    fields = {"email": request.email, "custom_data": mine}
    try:
        return (await client.write("POST", "/customers", fields, documents.Customer)).id
    except CustomerExists as taken:  # somebody was quicker, or it is archived
        return taken.customer


async def listed(client: PaddleClient, cursor: str, limit: int) -> CustomerPage:
    """A page of all customers, archived ones too: who is archived may pay on."""
    rows, following = await client.listed(
        "/customers", EVERY, documents.Customer, cursor, min(limit, PER_PAGE_MAX)
    )
    found = (ListedCustomer(one.id, one.email, _texts(one.custom_data or {})) for one in rows)
    return CustomerPage(tuple(found), following)


def _texts(data: Mapping[str, object]) -> dict[str, str]:
    return {name: value for name, value in data.items() if isinstance(value, str)}
