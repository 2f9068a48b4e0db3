"""The order: everything that was decided before the provider is called, stored with the command."""

from __future__ import annotations

import attrs
import msgspec

from purchase_core.canonical import content_hash
from purchase_core.catalog.products import QUANTITY_MAX
from purchase_core.errors import InvalidArgument
from purchase_core.facts.bodies import AttemptMade, IntentPlaced
from purchase_core.identifiers import customer_id
from purchase_core.ports.provider import CheckoutRequest, OurReference
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
    tried: tuple[str, ...] = ()  # connections of earlier attempts

    def encode(self) -> bytes:
        """JSON, as it is kept with the command."""
        return msgspec.json.encode(self)


def moved_on(order: Order, connection: str, attempt: str) -> Order:
    """The same order as another attempt on another connection."""
    tried = (*order.tried, order.connection)
    return attrs.evolve(order, connection=connection, attempt=attempt, tried=tried)


def intent_of(order: Order) -> IntentPlaced:
    """What the customer set out to buy."""
    return IntentPlaced(
        id=order.intent,
        customer=order.wish.customer,
        offer=order.wish.offer,
        version=order.version,
        product=order.product,
        quantity=order.wish.quantity,
        unit_amount=order.unit_amount,
        currency=order.currency,
        trial_days=order.trial_days,
    )


def attempt_of(order: Order, status: str, price: str, customer: str, session: str) -> AttemptMade:
    """The order's attempt, with the provider's ids of price, customer and session."""
    return AttemptMade(order.attempt, order.intent, status, order.connection, price, customer, session)


def checkout_request(order: Order, customer: str, price: str) -> CheckoutRequest:
    """What the provider is asked for."""
    return CheckoutRequest(
        mode="subscription" if order.product == "subscription" else "payment",
        price=price,
        quantity=order.wish.quantity,
        customer=customer,
        success_url=order.wish.success_url,
        cancel_url=order.wish.cancel_url,
        reference=OurReference(order.intent, order.attempt, order.wish.customer, order.version),
        trial_days=order.trial_days,
    )


def decode_order(data: bytes) -> Order:
    """A stored order. Raises msgspec.ValidationError on anything else."""
    return msgspec.json.decode(data, type=Order)
