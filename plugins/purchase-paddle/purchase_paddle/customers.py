"""Customers: found by the e-mail address, of which Paddle has one customer each, or made.

So two of ours may be one of Paddle's; agreements are told apart by our reference in them, and never by the
customer.
"""

from __future__ import annotations

from purchase_core.errors import ProviderRefused
from purchase_core.ports.provider import Connection, CustomerRequest, OurReference, reading

from . import documents
from .client import PaddleClient
from .errors import CustomerExists


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
