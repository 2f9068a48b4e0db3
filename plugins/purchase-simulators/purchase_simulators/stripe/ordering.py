"""What can be asked of a checkout session, and what not: https://docs.stripe.com/api/checkout/sessions/create."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import UNSET, UnsetType

from . import metadata as meta
from .book import Book
from .forms import Params
from .objects.customers import Customer
from .paging import ListParams, Range
from .refusal import invalid
from .terms import DiscountParams, EnabledParams, TrialParams

LINES_MAX = 100
MODES = ("payment", "subscription")
LOCALES = re.compile(
    r"auto|bg|cs|da|de|el|en(-GB)?|es(-419)?|et|fi|fil|fr(-CA)?|hr|hu|id|it|ja|ko|lt|lv|ms|mt|nb|nl|pl|pt(-BR)?"
    r"|ro|ru|sk|sl|sv|th|tr|vi|zh(-HK|-TW)?"
)


class PriceData(Params, frozen=True, kw_only=True):
    """`line_items[][price_data]`."""

    currency: str
    unit_amount: int
    product: str | None = None
    product_data: dict[str, str | None] | None = None
    recurring: dict[str, str | None] | None = None
    tax_behavior: str = "unspecified"


class LineParams(Params, frozen=True, kw_only=True):
    """`line_items[]`."""

    price: str | None = None
    price_data: PriceData | None = None
    quantity: int = 1


class SubscriptionData(Params, frozen=True, kw_only=True):
    """`subscription_data`."""

    metadata: meta.Asked = UNSET
    trial_period_days: int | None = None
    trial_end: int | None = None
    trial_settings: TrialParams | None = None
    description: str | None = None


class PaymentData(Params, frozen=True, kw_only=True):
    """`payment_intent_data`."""

    metadata: meta.Asked = UNSET
    description: str | None = None
    setup_future_usage: str | None = None


class InvoiceData(Params, frozen=True, kw_only=True):
    """`invoice_creation[invoice_data]`."""

    metadata: meta.Asked = UNSET
    description: str | None = None


class InvoiceCreation(Params, frozen=True, kw_only=True):
    """`invoice_creation`."""

    enabled: bool
    invoice_data: InvoiceData = InvoiceData()


class MakeSession(Params, frozen=True, kw_only=True):
    """POST /v1/checkout/sessions."""

    mode: str
    line_items: list[LineParams] = []
    success_url: str | None = None
    cancel_url: str | None = None
    ui_mode: Literal["hosted_page"] = "hosted_page"
    customer: str | None = None
    customer_email: str | None = None
    customer_creation: Literal["always", "if_required"] | None = None
    client_reference_id: str | None = None
    currency: str | None = None
    locale: str | None = None
    expires_at: int | None = None
    allow_promotion_codes: bool | None = None
    discounts: list[DiscountParams] = []
    automatic_tax: EnabledParams | None = None
    billing_address_collection: str | None = None
    customer_update: dict[str, str | None] = {}
    tax_id_collection: EnabledParams | None = None
    payment_method_collection: Literal["always", "if_required"] = "always"
    subscription_data: SubscriptionData | UnsetType = UNSET
    payment_intent_data: PaymentData | UnsetType = UNSET
    invoice_creation: InvoiceCreation | None = None
    metadata: meta.Asked = UNSET


class ChangeSession(Params, frozen=True, kw_only=True):
    """POST /v1/checkout/sessions/{id}."""

    metadata: meta.Asked = UNSET


class CustomerDetails(Params, frozen=True, kw_only=True):
    """`customer_details` of a list of sessions."""

    email: str


class ListSessions(ListParams, frozen=True, kw_only=True):
    """GET /v1/checkout/sessions."""

    customer: str | None = None
    customer_details: CustomerDetails | None = None
    payment_intent: str | None = None
    subscription: str | None = None
    status: str | None = None
    created: Range | int | None = None


def check(book: Book, asked: MakeSession) -> None:
    """Raises Refusal for what cannot be asked, or not together."""
    _check_needed(asked)
    _check_together(asked)
    if asked.customer:
        book.get(Customer, asked.customer, "customer")


def _check_needed(asked: MakeSession) -> None:
    if asked.mode not in MODES:
        raise invalid("Invalid mode: must be one of payment or subscription", "mode")
    if not 1 <= len(asked.line_items) <= LINES_MAX:
        raise invalid("Missing required param: line_items.", "line_items", "parameter_missing")
    if asked.success_url is None:
        raise invalid("Missing required param: success_url.", "success_url", "parameter_missing")
    for name in ("success_url", "cancel_url"):
        url = getattr(asked, name)
        if url is not None and not url.startswith(("http://", "https://")):
            raise invalid("Not a valid URL", name, "url_invalid")
    if asked.locale is not None and not LOCALES.fullmatch(asked.locale):
        raise invalid("Invalid locale.", "locale")


def _check_together(asked: MakeSession) -> None:
    if asked.customer and asked.customer_email:
        raise invalid(
            "You may only specify one of these parameters: customer, customer_email.", "customer_email"
        )
    wrong = {
        "subscription": ("payment_intent_data", "invoice_creation", "customer_creation"),
        "payment": ("subscription_data",),
    }[asked.mode]
    for name in wrong:
        if getattr(asked, name) not in (None, UNSET):
            raise invalid(f"You can not pass `{name}` in `{asked.mode}` mode.", name)
    if asked.allow_promotion_codes is not None and asked.discounts:
        raise invalid(
            "You may only specify one of these parameters: allow_promotion_codes, discounts.",
            "allow_promotion_codes",
        )
    if len(asked.discounts) > 1:
        raise invalid("You may only specify one discount.", "discounts")
