"""What may be asked of an account. Unknown fields are refused: a misspelt option must not pass for none."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, TypeVar

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
INSTANT_MAX = 253_402_300_799_999_999  # the end of the year 9999
EXPIRY_SECONDS_MIN, EXPIRY_SECONDS_MAX = 60, 86_400

Identity: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255)]
Text: TypeAlias = Annotated[str, Meta(max_length=TEXT_CHARACTERS_MAX)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARACTERS_MAX)]
Url: TypeAlias = Annotated[str, Meta(min_length=1, max_length=URL_CHARACTERS_MAX)]
Metadata: TypeAlias = Annotated[
    dict[
        Annotated[str, Meta(min_length=1, max_length=METADATA_KEY_CHARACTERS_MAX)],
        Annotated[str, Meta(max_length=METADATA_CHARACTERS_MAX)],
    ],
    Meta(max_length=METADATA_KEYS_MAX),
]
Email: TypeAlias = Annotated[str, Meta(max_length=320)]
Micros: TypeAlias = Annotated[int, Meta(ge=0, le=INSTANT_MAX)]
Quantity: TypeAlias = Annotated[int, Meta(ge=1, le=QUANTITY_MAX)]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body of a request."""


class MakeCustomer(Request, frozen=True):
    """POST /v1/customers."""

    metadata: Metadata = {}
    email: Email = ""


class MakeProduct(Request, frozen=True):
    """POST /v1/products."""

    name: Name
    metadata: Metadata = {}


class ChangeProduct(Request, frozen=True):
    """POST /v1/products/{id}. What is left out stays as it is; so do names that `metadata` leaves out."""

    name: Name | None = None
    active: bool | None = None
    metadata: Metadata = {}


class ChangePrice(Request, frozen=True):
    """POST /v1/prices/{id}. An amount never changes."""

    active: bool | None = None
    metadata: Metadata = {}


class MakePrice(Request, frozen=True):
    """POST /v1/prices. No interval: paid once. One of `product` and `product_name`, which makes none."""

    unit_amount: Annotated[int, Meta(ge=0, le=UNIT_AMOUNT_MAX)]
    currency: Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
    interval: str | None = None
    interval_count: Annotated[int, Meta(ge=1, le=366)] = 1
    metadata: Metadata = {}
    product: Identity | None = None
    product_name: Name | None = None


class MakeDiscount(Request, frozen=True):
    """POST /v1/discounts."""

    percent_off: Annotated[int, Meta(ge=1, le=100)]
    code: Annotated[str, Meta(pattern=r"\A[A-Z0-9]{1,40}\Z")]
    metadata: Metadata = {}


class MakeSession(Request, frozen=True):
    """POST /v1/checkout/sessions. `mode`: subscription | payment. No customer: one is made of who pays.

    `expires_at` in microseconds, a minute to a day from now; a day, if it is not said.
    """

    mode: str
    price: Identity
    success_url: Url
    cancel_url: Url
    customer: Identity | None = None
    email: Email = ""
    quantity: Quantity = 1
    card_required: bool = True
    discount: Identity | None = None
    promotion_codes: bool = False
    locale: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9-]{2,35}\Z")] | None = None
    trial_days: Annotated[int, Meta(ge=0, le=TRIAL_DAYS_MAX)] = 0
    expires_at: Micros | None = None
    metadata: Metadata = {}


class CancelSubscription(Request, frozen=True):
    """POST /v1/subscriptions/{id}/cancel."""

    at_period_end: bool


class ChangeSubscription(Request, frozen=True):
    """POST /v1/subscriptions/{id}. `as_of` of a preview: what it showed is what is charged."""

    price: Identity
    quantity: Quantity = 1
    proration: Literal["now", "next_invoice", "none"] = "now"
    at_period_end: bool = False
    as_of: Micros | None = None


class PauseSubscription(Request, frozen=True):
    """POST /v1/subscriptions/{id}/pause."""

    at_period_end: bool = False
    resumes_at: Micros | None = None
    collection_only: bool = False


class ResumeSubscription(Request, frozen=True):
    """POST /v1/subscriptions/{id}/resume."""

    new_period: bool = False


class MakeRefund(Request, frozen=True):
    """POST /v1/refunds. No amount: all that is left."""

    invoice: Identity
    amount: Annotated[int, Meta(ge=1, le=UNIT_AMOUNT_MAX * QUANTITY_MAX)] | None = None
    reason: Literal["requested", "duplicate", "fraudulent"] = "requested"
    metadata: Metadata = {}


class MakePortalSession(Request, frozen=True):
    """POST /v1/portal_sessions. All flows but the overview name a subscription of the customer's."""

    customer: Identity
    flow: Literal["overview", "payment_method", "cancel", "change"] = "overview"
    subscription: Identity | None = None
    return_url: Url | None = None


class MakeEndpoint(Request, frozen=True):
    """POST /v1/webhook_endpoints. No events: all of them."""

    url: Url
    events: Annotated[tuple[Text, ...], Meta(max_length=100)] = ()


class Nothing(Request, frozen=True):
    """A request that says everything in its path."""


R = TypeVar("R", bound=Request)


def read(body: bytes, kind: type[R]) -> R:
    """The request in a body. Raises Refusal."""
    try:
        value = decode(body or b"{}")
    except MalformedBody as error:
        raise invalid(error.message) from None
    return convert(value, kind, strict=True)


def convert(value: object, kind: type[R], *, strict: bool = False) -> R:
    """The request in a value; unless `strict`, one in a query, where everything is text. Raises Refusal."""
    try:
        request = msgspec.convert(value, kind, strict=strict)
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
