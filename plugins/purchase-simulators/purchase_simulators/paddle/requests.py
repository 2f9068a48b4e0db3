"""Bodies of requests, as far as the simulator takes them. What it does not know, it refuses, and says so.

Source: the request schemas of Paddle's OpenAPI document of 2025-05-27. UNSET is a field that was left out:
a PATCH leaves it as it is.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from purchase_core.errors import MalformedBody
from purchase_core.strict_json import decode

from .refusal import Refusal, field
from .shapes import Document

CURRENCIES = frozenset([
    "USD", "EUR", "GBP", "JPY", "AUD", "CAD", "CHF", "HKD", "SGD", "SEK", "ARS", "BRL",
    "CNY", "COP", "CZK", "DKK", "HUF", "ILS", "INR", "KRW", "MXN", "NOK", "NZD", "PLN",
    "RUB", "THB", "TRY", "TWD", "UAH", "VND", "ZAR",
])  # fmt: skip
TAX_CATEGORIES = (
    "digital-goods", "ebooks", "implementation-services", "professional-services", "saas",
    "software-programming-services", "standard", "training-services", "website-hosting",
)  # fmt: skip

Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=2048)]
Digits: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9]{1,15}\Z")]
Currency: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
Country: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Z]{2}\Z")]
Email: TypeAlias = Annotated[str, Meta(pattern=r"\A[^@\s]{1,250}@[^@\s]{1,250}\Z", max_length=320)]
Quantity: TypeAlias = Annotated[int, Meta(ge=1, le=999_999_999)]
CustomData: TypeAlias = dict[str, object]
Status: TypeAlias = Literal["active", "archived"]
TaxMode: TypeAlias = Literal["account_setting", "external", "internal"]
Failure: TypeAlias = Literal["prevent_change", "apply_change"]
OnResume: TypeAlias = Literal["start_new_billing_period", "continue_existing_billing_period"]
ProrationMode: TypeAlias = Literal[
    "prorated_immediately", "prorated_next_billing_period", "full_immediately",
    "full_next_billing_period", "do_not_bill",
]  # fmt: skip


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The base of all bodies."""


class Money(Body):
    """`amount` in the lowest unit."""

    amount: Digits
    currency_code: Currency


class Duration(Body):
    """So many days, weeks, months or years."""

    interval: Literal["day", "week", "month", "year"]
    frequency: Annotated[int, Meta(ge=1)]


class Override(Body):
    """Another price for buyers in some countries."""

    country_codes: Annotated[list[Country], Meta(min_length=1)]
    unit_price: Money


class QuantityBounds(Body):
    """How many may be bought at once."""

    minimum: Quantity = 1
    maximum: Quantity = 100


class Product(Body):
    """POST and PATCH /products."""

    name: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    tax_category: Literal[TAX_CATEGORIES] | UnsetType = UNSET  # type: ignore[valid-type]
    description: str | UnsetType | None = UNSET
    type: Literal["standard", "custom"] | UnsetType = UNSET
    image_url: str | UnsetType | None = UNSET
    custom_data: CustomData | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET


class PriceFields(Body):
    """What a price in the catalog and one inside a transaction have in common."""

    description: Annotated[str, Meta(min_length=2, max_length=500)] | UnsetType = UNSET
    name: Annotated[str, Meta(min_length=1, max_length=150)] | UnsetType | None = UNSET
    product_id: str | UnsetType = UNSET
    billing_cycle: Duration | UnsetType | None = UNSET
    trial_period: Duration | UnsetType | None = UNSET
    tax_mode: TaxMode | UnsetType = UNSET
    unit_price: Money | UnsetType = UNSET
    unit_price_overrides: Annotated[list[Override], Meta(max_length=250)] | UnsetType = UNSET
    quantity: QuantityBounds | UnsetType = UNSET
    custom_data: CustomData | UnsetType | None = UNSET


class Price(PriceFields):
    """POST and PATCH /prices."""

    type: Literal["standard", "custom"] | UnsetType = UNSET
    status: Status | UnsetType = UNSET


class Discount(Body):
    """POST and PATCH /discounts."""

    description: Annotated[str, Meta(min_length=1, max_length=500)] | UnsetType = UNSET
    type: Literal["flat", "flat_per_seat", "percentage"] | UnsetType = UNSET
    amount: Annotated[str, Meta(pattern=r"\A[0-9]{1,15}(\.[0-9]{1,4})?\Z")] | UnsetType = UNSET
    currency_code: Currency | UnsetType | None = UNSET
    code: Annotated[str, Meta(pattern=r"\A[a-zA-Z0-9]{1,32}\Z")] | UnsetType | None = UNSET
    enabled_for_checkout: bool | UnsetType = UNSET
    mode: Literal["standard", "custom"] | UnsetType = UNSET
    recur: bool | UnsetType = UNSET
    maximum_recurring_intervals: Annotated[int, Meta(ge=1)] | UnsetType | None = UNSET
    usage_limit: Annotated[int, Meta(ge=1)] | UnsetType | None = UNSET
    restrict_to: list[str] | UnsetType | None = UNSET
    expires_at: str | UnsetType | None = UNSET
    custom_data: CustomData | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET


class Customer(Body):
    """POST and PATCH /customers."""

    email: Email | UnsetType = UNSET
    name: Annotated[str, Meta(max_length=1024)] | UnsetType | None = UNSET
    locale: str | UnsetType = UNSET
    custom_data: CustomData | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET


class Address(Body):
    """POST and PATCH /customers/{id}/addresses."""

    country_code: Country | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    first_line: str | UnsetType | None = UNSET
    second_line: str | UnsetType | None = UNSET
    city: str | UnsetType | None = UNSET
    postal_code: str | UnsetType | None = UNSET
    region: str | UnsetType | None = UNSET
    custom_data: CustomData | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET


class PortalSession(Body):
    """POST /customers/{id}/portal-sessions."""

    subscription_ids: Annotated[list[str], Meta(max_length=25)] = []


class Item(Body):
    """An item by the id of its price, or with a price of its own."""

    quantity: Quantity | UnsetType = UNSET
    price_id: str | UnsetType = UNSET
    price: PriceFields | UnsetType = UNSET
    include_in_totals: bool = True


class CheckoutPage(Body):
    """Where a transaction is paid; null for the default payment link."""

    url: str | None = None


class BillingDetails(Body):
    """How an invoice is to be paid."""

    payment_terms: Duration
    enable_checkout: bool = False
    purchase_order_number: str = ""
    additional_information: str | None = None


class Transaction(Body):
    """POST and PATCH /transactions."""

    items: Annotated[list[Item], Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    status: Literal["draft", "ready", "billed", "paid", "completed", "canceled", "past_due"] | UnsetType = (
        UNSET
    )
    customer_id: str | UnsetType | None = UNSET
    address_id: str | UnsetType | None = UNSET
    business_id: str | UnsetType | None = UNSET
    custom_data: CustomData | UnsetType | None = UNSET
    currency_code: Currency | UnsetType | None = UNSET
    collection_mode: Literal["automatic", "manual"] | UnsetType = UNSET
    discount_id: str | UnsetType | None = UNSET
    billing_details: BillingDetails | UnsetType | None = UNSET
    billing_period: Document | UnsetType | None = UNSET
    checkout: CheckoutPage | UnsetType | None = UNSET


class PreviewAddress(Body):
    """Where a buyer lives, as far as prices depend on it."""

    country_code: Country
    postal_code: str | None = None


class TransactionPreview(Body):
    """POST /transactions/preview."""

    items: Annotated[list[Item], Meta(min_length=1, max_length=100)]
    customer_id: str | None = None
    address_id: str | None = None
    business_id: str | None = None
    address: PreviewAddress | None = None
    customer_ip_address: str | None = None
    currency_code: Currency | None = None
    discount_id: str | None = None
    ignore_trials: bool = False


class RevisedCustomer(Body):
    """Another name of the customer."""

    name: Annotated[str, Meta(max_length=1_024)]


class RevisedAddress(Body):
    """Another address; its country stays."""

    first_line: str | None = None
    second_line: str | None = None
    city: str | None = None
    region: str | None = None


class Revision(Body):
    """POST /transactions/{id}/revise: what does not change the tax."""

    customer: RevisedCustomer | UnsetType = UNSET
    address: RevisedAddress | UnsetType = UNSET


class PricingPreview(Body):
    """POST /pricing-preview."""

    items: Annotated[list[Item], Meta(min_length=1, max_length=100)]
    customer_id: str | None = None
    address_id: str | None = None
    business_id: str | None = None
    address: PreviewAddress | None = None
    customer_ip_address: str | None = None
    currency_code: Currency | None = None
    discount_id: str | None = None


class SubscriptionDiscount(Body):
    """A discount on a subscription, and from when."""

    id: str
    effective_from: Literal["next_billing_period", "immediately"]


class Subscription(Body):
    """PATCH /subscriptions/{id}, and its preview. `items` is the whole list: what is not in it goes."""

    items: Annotated[list[Item], Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    proration_billing_mode: ProrationMode | UnsetType = UNSET
    on_payment_failure: Failure = "prevent_change"
    scheduled_change: UnsetType | None = UNSET
    next_billed_at: str | UnsetType = UNSET
    discount: SubscriptionDiscount | UnsetType | None = UNSET
    custom_data: CustomData | UnsetType | None = UNSET
    customer_id: str | UnsetType = UNSET
    address_id: str | UnsetType = UNSET
    business_id: str | UnsetType | None = UNSET
    currency_code: Currency | UnsetType = UNSET
    collection_mode: Literal["automatic", "manual"] | UnsetType = UNSET
    billing_details: BillingDetails | UnsetType | None = UNSET


class Cancel(Body):
    """POST /subscriptions/{id}/cancel."""

    effective_from: Literal["next_billing_period", "immediately"] | None = "next_billing_period"


class Pause(Body):
    """POST /subscriptions/{id}/pause."""

    effective_from: Literal["next_billing_period", "immediately"] | None = "next_billing_period"
    resume_at: str | None = None
    on_resume: OnResume = "start_new_billing_period"


class Resume(Body):
    """POST /subscriptions/{id}/resume. `effective_from`: immediately, or a datetime."""

    effective_from: str | None = "immediately"
    on_resume: OnResume = "start_new_billing_period"


class Charge(Body):
    """POST /subscriptions/{id}/charge."""

    effective_from: Literal["next_billing_period", "immediately"]
    items: Annotated[list[Item], Meta(min_length=1, max_length=100)]
    on_payment_failure: Failure = "prevent_change"


class AdjustmentItem(Body):
    """What of a transaction's line is adjusted."""

    item_id: str
    type: Literal["full", "partial", "tax", "proration"]
    amount: Digits | None = None


class Adjustment(Body):
    """POST /adjustments."""

    action: Literal["refund", "credit"]
    transaction_id: str
    reason: Text
    type: Literal["full", "partial"] = "partial"
    tax_mode: Literal["external", "internal"] = "internal"
    items: Annotated[list[AdjustmentItem], Meta(min_length=1, max_length=100)] | None = None


class NotificationSetting(Body):
    """POST and PATCH /notification-settings."""

    description: Annotated[str, Meta(min_length=1, max_length=500)] | UnsetType = UNSET
    type: Literal["email", "url"] | UnsetType = UNSET
    destination: Text | UnsetType = UNSET
    subscribed_events: list[str] | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    api_version: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    include_sensitive_fields: bool | UnsetType = UNSET
    traffic_source: Literal["platform", "simulation", "all"] | UnsetType = UNSET


B = TypeVar("B", bound=Body)


def read(body: bytes, kind: type[B]) -> B:
    """The body of a request; nothing is an empty object. Raises Refusal (invalid_json, invalid_field)."""
    try:
        value = decode(body) if body else {}
    except MalformedBody:
        raise Refusal(400, "invalid_json", "The request body is not valid JSON.") from None
    try:
        return msgspec.convert(value if value is not None else {}, kind)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        raise field(place.strip("`.") or "body", message) from None


def needed(body: Body, *names: str) -> None:
    """Refuse a new entity that lacks one of these fields."""
    for name in names:
        if getattr(body, name) is UNSET:
            raise field(name, "must be provided as part of the request")


def given(body: Body, *but: str) -> Document:
    """The fields that a request brings, as JSON."""
    found = msgspec.to_builtins(body)
    return {name: value for name, value in found.items() if name not in but}


def checked_currency(name: str, code: str) -> str:
    """A currency that Paddle sells in. Raises Refusal."""
    if code not in CURRENCIES:
        raise field(name, "must be a supported currency code")
    return code
