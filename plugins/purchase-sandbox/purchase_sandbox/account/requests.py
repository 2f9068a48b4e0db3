"""What may be asked of an account. Unknown fields are refused: a misspelt option must not pass for none."""

from __future__ import annotations

from typing import Annotated, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from purchase_core.errors import InvalidText, MalformedBody
from purchase_core.strict_json import decode
from purchase_core.text import storable

from .refusal import invalid

METADATA_KEYS_MAX = 50
METADATA_KEY_CHARACTERS_MAX = 40
METADATA_CHARACTERS_MAX = 500
TEXT_CHARACTERS_MAX = 500
URL_CHARACTERS_MAX = 2_048
UNIT_AMOUNT_MAX = 10**12
QUANTITY_MAX = 10_000
TRIAL_DAYS_MAX = 730
EXPIRY_SECONDS_MIN, EXPIRY_SECONDS_MAX = 60, 86_400

Identity: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255)]
Text: TypeAlias = Annotated[str, Meta(max_length=TEXT_CHARACTERS_MAX)]
Url: TypeAlias = Annotated[str, Meta(min_length=1, max_length=URL_CHARACTERS_MAX)]
Metadata: TypeAlias = Annotated[
    dict[
        Annotated[str, Meta(min_length=1, max_length=METADATA_KEY_CHARACTERS_MAX)],
        Annotated[str, Meta(max_length=METADATA_CHARACTERS_MAX)],
    ],
    Meta(max_length=METADATA_KEYS_MAX),
]
Quantity: TypeAlias = Annotated[int, Meta(ge=1, le=QUANTITY_MAX)]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body of a request."""


class MakeCustomer(Request, frozen=True):
    """POST /v1/customers."""

    metadata: Metadata = {}
    email: Annotated[str, Meta(max_length=320)] = ""


class MakePrice(Request, frozen=True):
    """POST /v1/prices. No interval: paid once."""

    product_name: Annotated[str, Meta(min_length=1, max_length=TEXT_CHARACTERS_MAX)]
    unit_amount: Annotated[int, Meta(ge=0, le=UNIT_AMOUNT_MAX)]
    currency: Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
    interval: str | None = None
    interval_count: Annotated[int, Meta(ge=1, le=366)] = 1
    metadata: Metadata = {}


class MakeSession(Request, frozen=True):
    """POST /v1/checkout/sessions. `mode`: subscription | payment."""

    mode: str
    price: Identity
    customer: Identity
    success_url: Url
    cancel_url: Url
    quantity: Quantity = 1
    trial_days: Annotated[int, Meta(ge=0, le=TRIAL_DAYS_MAX)] = 0
    expires_in_seconds: Annotated[int, Meta(ge=EXPIRY_SECONDS_MIN, le=EXPIRY_SECONDS_MAX)] = (
        EXPIRY_SECONDS_MAX
    )
    metadata: Metadata = {}


class CancelSubscription(Request, frozen=True):
    """POST /v1/subscriptions/{id}/cancel."""

    at_period_end: bool


class ChangeSubscription(Request, frozen=True):
    """POST /v1/subscriptions/{id}."""

    price: Identity
    quantity: Quantity = 1


class MakeRefund(Request, frozen=True):
    """POST /v1/refunds. No amount: all that is left."""

    invoice: Identity
    amount: Annotated[int, Meta(ge=1, le=UNIT_AMOUNT_MAX * QUANTITY_MAX)] | None = None
    metadata: Metadata = {}


class Nothing(Request, frozen=True):
    """A request that says everything in its path."""


R = TypeVar("R", bound=Request)


def read(body: bytes, kind: type[R]) -> R:
    """The request in a body. Raises Refusal."""
    try:
        value = decode(body or b"{}")
        request = msgspec.convert(value, kind)
    except MalformedBody as error:
        raise invalid(error.message) from None
    except msgspec.ValidationError as error:
        raise invalid(str(error)) from None
    for text in _texts(value):
        try:
            storable("a text", text, characters_max=URL_CHARACTERS_MAX)
        except InvalidText as error:
            raise invalid(error.message) from None
    return request


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in _texts(one)]
    return [text for one in value for text in _texts(one)] if isinstance(value, list) else []
