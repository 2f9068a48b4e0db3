"""The context of a checkout: what the application knows that may matter for where it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from purchase_core.errors import InvalidArgument
from purchase_core.ports.provider import Capability
from purchase_core.ports.router import Attribute
from purchase_core.text import identifier, storable

COUNTRY_LETTERS = 2
TEXT_CHARACTERS_MAX = 200

Scalar = str | int | bool


@attrs.frozen
class RouteContext:
    """`country`: ISO 3166, two capital letters; "" if it is not known. `channel`: such as "web".

    `attributes` are those that the routing policy declares. `needs`: what the provider must be able to do
    besides selling the offer. None of it is part of what an idempotency key stands for: the first call
    decides where a checkout goes.
    """

    country: str = ""
    channel: str = ""
    attributes: Mapping[str, Scalar] = attrs.Factory(dict)
    needs: Sequence[Capability] = ()


NO_CONTEXT = RouteContext()


def checked_context(context: RouteContext, declared: Mapping[str, Attribute]) -> RouteContext:
    """The context, if a router can read it. Raises InvalidArgument, naming what is wrong, and no value."""
    country = storable("country", context.country, characters_max=TEXT_CHARACTERS_MAX)
    is_code = (
        len(country) == COUNTRY_LETTERS and country.isascii() and country.isalpha() and country.isupper()
    )
    if country and not is_code:
        raise InvalidArgument("country must be two capital letters", hint='ISO 3166, such as "DE".')
    if context.channel:
        identifier("channel", context.channel, characters_max=TEXT_CHARACTERS_MAX)
    for name, value in context.attributes.items():
        if name not in declared:
            known = ", ".join(sorted(declared)) or "none"
            raise InvalidArgument(
                f"the routing policy declares no attribute {str(name)[:100]!r}", hint=f"Declared: {known}."
            )
        _check_value(name, value, declared[name])
    for need in context.needs:
        if not isinstance(need, Capability):
            raise InvalidArgument("needs must be capabilities", hint="Such as Capability.TAX_COLLECTION.")
    return context


def _check_value(name: str, value: Scalar, attribute: Attribute) -> None:
    wanted = {"text": str, "number": int, "flag": bool}[attribute.kind]
    if type(value) is not wanted:
        raise InvalidArgument(f"attribute {name!r} must be a {attribute.kind}")
    if isinstance(value, str):
        storable(name, value, characters_max=TEXT_CHARACTERS_MAX)
        if attribute.values and value not in attribute.values:
            raise InvalidArgument(f"attribute {name!r} must be one of {', '.join(attribute.values)}")
    elif abs(value) >= 2**53:
        raise InvalidArgument(f"attribute {name!r} is too large")
