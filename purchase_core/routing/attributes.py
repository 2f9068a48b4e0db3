"""Attributes: what conditions may ask of a request. Some are built in, the others are the application's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from purchase_core.catalog.products import QUANTITY_MAX
from purchase_core.ports.router import Attribute, RouteRequest
from purchase_core.routing.conditions import Scalar

TEXT, NUMBER, FLAG = "text", "number", "flag"
KINDS = (TEXT, NUMBER, FLAG)

BUILT_IN: Mapping[str, Attribute] = MappingProxyType(
    {
        "offer": Attribute(),
        "product": Attribute(TEXT, ("credit_pack", "one_time", "subscription")),
        "currency": Attribute(),
        "country": Attribute(),
        "channel": Attribute(),
        "customer": Attribute(),
        "amount": Attribute(NUMBER),
        "quantity": Attribute(NUMBER),
        "at": Attribute(NUMBER),
        "trial": Attribute(FLAG),
        "returning": Attribute(FLAG),
        "subscriber": Attribute(FLAG),
    }
)
"""`amount` is unit amount times quantity, in minor units; `returning`: known at some provider already;
`subscriber`: has a live agreement."""

_READ: Mapping[str, Callable[[RouteRequest], Scalar]] = {
    "offer": lambda request: request.offer,
    "product": lambda request: request.product,
    "currency": lambda request: request.currency,
    "country": lambda request: request.country,
    "channel": lambda request: request.channel,
    "customer": lambda request: request.customer,
    "amount": lambda request: request.unit_amount * request.quantity,
    "quantity": lambda request: request.quantity,
    "at": lambda request: request.at,
    "trial": lambda request: request.trial_days > 0,
    "returning": lambda request: bool(request.links),
    "subscriber": lambda request: bool(request.agreements),
}

NUMBERS: Mapping[str, tuple[int, int]] = {"quantity": (1, QUANTITY_MAX)}
"""Bounds that hold of numbers anyway, so that a rule beyond them is known never to match."""


def reader(name: str) -> Callable[[RouteRequest], Scalar | None]:
    """What reads the attribute of a request; None where the application did not say it."""
    built_in = _READ.get(name)
    if built_in is not None:
        return built_in

    def read(request: RouteRequest) -> Scalar | None:
        return next((value for key, value in request.attributes if key == name), None)

    return read
