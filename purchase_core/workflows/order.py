"""The order: everything that was decided before the provider is called, stored with the command."""

from __future__ import annotations

import attrs
import msgspec

from purchase_core.canonical import content_hash
from purchase_core.catalog.products import QUANTITY_MAX
from purchase_core.errors import InvalidArgument
from purchase_core.identifiers import customer_id
from purchase_core.text import identifier, storable
from purchase_core.workflows.urls import return_url

CURRENCY_CHARACTERS_MAX = 3


@attrs.frozen
class Wish:
    """What the caller asked for. Its hash is the fingerprint: the same key must mean the same wish."""

    customer: str
    offer: str
    quantity: int
    currency: str
    success_url: str
    cancel_url: str

    @property
    def fingerprint(self) -> str:
        """Identifies the arguments."""
        return content_hash(self)


def checked_wish(
    customer: str, offer: str, quantity: int, currency: str, success_url: str, cancel_url: str
) -> Wish:
    """The wish, if it can be stored and compared. Whether it can be met is another question.

    Raises InvalidArgument, naming the argument.
    """
    if type(quantity) is not int or not 1 <= quantity <= QUANTITY_MAX:
        raise InvalidArgument(f"quantity must be a whole number from 1 to {QUANTITY_MAX}")
    return Wish(
        customer_id(customer),
        identifier("offer", offer),
        quantity,
        storable("currency", currency, characters_max=CURRENCY_CHARACTERS_MAX),
        return_url("success_url", success_url),
        return_url("cancel_url", cancel_url),
    )


@attrs.frozen
class Order:
    """The wish, priced and routed. The price is a snapshot: a later catalog does not change it."""

    wish: Wish
    intent: str
    attempt: str
    connection: str
    version: str
    product: str
    product_name: str
    unit_amount: int
    currency: str
    interval: str
    interval_count: int
    trial_days: int

    def encode(self) -> bytes:
        """JSON, as it is kept with the command."""
        return msgspec.json.encode(self)


def decode_order(data: bytes) -> Order:
    """A stored order. Raises msgspec.ValidationError on anything else."""
    return msgspec.json.decode(data, type=Order)
