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
from .identifiers import safe

ARCHIVED = "archived"
EVERY = [("status", "active,archived")]
PER_PAGE_MAX = 200


async def customer(client: PaddleClient, connection: Connection, request: CustomerRequest) -> str:
    """The customer who has the address, or a new one.

    Raises ProviderRefused without an address, and where who has it is archived: an address has one customer,
    archived or not, and nothing is sold to who is.
    """
    if not request.email:
        raise ProviderRefused(
            "a customer at Paddle has an e-mail address",
            provider_code="email_missing",
            hint="Name the address, or open the checkout for a guest: Paddle's page asks for it.",
        )
    if "," not in request.email:  # a comma would ask for two
        page = await client.page("/customers", [("email", request.email), ("status", "active")])
        for row in page.rows:
            return reading.read(row, documents.Customer).id
    mine = OurReference(customer=request.customer).metadata(connection)
    fields = {"email": request.email, "custom_data": mine}
    try:
        return (await client.write("POST", "/customers", fields, documents.Customer)).id
    except CustomerExists as taken:  # somebody was quicker, or it is archived
        if await found(client, taken.customer) is None:
            raise _archived() from taken
        return taken.customer


async def found(client: PaddleClient, customer: str) -> ListedCustomer | None:
    """The customer of an id; None if there is none, or it is archived."""
    try:
        one = await client.read(f"/customers/{safe(customer)}", documents.Customer)
    except ProviderRefused as refused:
        if refused.provider_code != "not_found":
            raise
        return None
    return None if one.status == ARCHIVED else _shown(one)


async def listed(client: PaddleClient, cursor: str, limit: int) -> CustomerPage:
    """A page of all customers, archived ones too: who is archived pays on for what they have."""
    rows, following = await client.listed(
        "/customers", EVERY, documents.Customer, cursor, min(limit, PER_PAGE_MAX)
    )
    return CustomerPage(tuple(map(_shown, rows)), following)


def _shown(one: documents.Customer) -> ListedCustomer:
    return ListedCustomer(one.id, one.email, _texts(one.custom_data or {}), gone=one.status == ARCHIVED)


def _archived() -> ProviderRefused:
    return ProviderRefused(
        "the customer who has the e-mail address is archived at Paddle",
        provider_code="customer_archived",
        hint="Restore the customer at Paddle, or name another address.",
    )


def _texts(data: Mapping[str, object]) -> dict[str, str]:
    return {name: value for name, value in data.items() if isinstance(value, str)}
