"""The order: everything that was decided before the provider is called, stored with the command."""

from __future__ import annotations

import attrs
import msgspec

from purchase_core.canonical import content_hash


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
