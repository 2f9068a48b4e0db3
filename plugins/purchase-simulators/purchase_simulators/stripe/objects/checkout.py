"""Checkout sessions, and sessions of the customer portal."""

from __future__ import annotations

from typing import ClassVar

from .catalog import Price
from .thing import Hidden, Json, Metadata, Seconds, Thing, Wire, fixed


class SessionTax(Wire, frozen=True, kw_only=True):
    """Whether tax is worked out by Stripe, on a session."""

    enabled: bool = False
    liability: Json | None = None
    provider: str | None = None
    status: str | None = None


class TotalDetails(Wire, frozen=True, kw_only=True):
    """What a session's total is made of."""

    amount_discount: int = 0
    amount_shipping: int = 0
    amount_tax: int = 0


class SessionDiscount(Wire, frozen=True, kw_only=True):
    """A discount of a session."""

    coupon: str | None = None
    promotion_code: str | None = None


class Session(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/checkout/sessions/object."""

    noun: ClassVar[str] = "checkout.session"
    prefix: ClassVar[str] = "cs_test"

    object: str = "checkout.session"
    adaptive_pricing: Json = fixed({"enabled": False})
    after_expiration: None = None
    allow_promotion_codes: bool | None = None
    amount_subtotal: int
    amount_total: int
    automatic_tax: SessionTax = SessionTax()
    billing_address_collection: None = None
    cancel_url: str | None = None
    client_reference_id: str | None = None
    client_secret: None = None
    collected_information: None = None
    consent: None = None
    consent_collection: None = None
    created: Seconds
    currency: str
    currency_conversion: None = None
    custom_fields: tuple[Json, ...] = ()
    custom_text: Json = fixed(
        {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        }
    )
    customer: str | None = None
    customer_account: None = None
    customer_creation: str | None = None
    customer_details: Json | None = None
    customer_email: str | None = None
    discounts: tuple[SessionDiscount, ...] = ()
    expires_at: Seconds
    integration_identifier: None = None
    invoice: str | None = None
    invoice_creation: Json | None = None
    livemode: bool = False
    locale: str | None = None
    metadata: Metadata = {}
    mode: str
    origin_context: None = None
    payment_intent: str | None = None
    payment_link: None = None
    payment_method_collection: str = "always"
    payment_method_configuration_details: None = None
    payment_method_options: Json = fixed({})
    payment_method_types: tuple[str, ...] = ("card", "sepa_debit")
    payment_status: str = "unpaid"
    permissions: None = None
    phone_number_collection: Json = fixed({"enabled": False})
    recovered_from: None = None
    saved_payment_method_options: None = None
    setup_intent: str | None = None
    shipping_address_collection: None = None
    shipping_cost: None = None
    shipping_options: tuple[Json, ...] = ()
    status: str = "open"
    submit_type: None = None
    subscription: str | None = None
    success_url: str | None = None
    total_details: TotalDetails = TotalDetails()
    ui_mode: str = "hosted_page"
    url: str | None
    wallet_options: None = None


class Item(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/checkout/sessions/line_items."""

    noun: ClassVar[str] = "line item"
    prefix: ClassVar[str] = "li"

    object: str = "item"
    adjustable_quantity: None = None
    amount_discount: int = 0
    amount_subtotal: int
    amount_tax: int = 0
    amount_total: int
    currency: str
    description: str
    metadata: Metadata = {}
    price: Price
    quantity: int


class SessionPlan(Hidden, frozen=True, kw_only=True):
    """What a session does once it is paid."""

    items: tuple[Item, ...]
    trial_days: int | None = None
    trial_end: Seconds | None = None
    missing_payment_method: str = "create_invoice"
    subscription_metadata: Metadata = {}
    payment_metadata: Metadata = {}
    invoice_metadata: Metadata = {}
    coupon: str = ""
    promotion_code: str = ""
    problem: str = ""


class PortalSession(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/customer_portal/sessions/object."""

    noun: ClassVar[str] = "billing portal session"
    prefix: ClassVar[str] = "bps"

    object: str = "billing_portal.session"
    configuration: str
    created: Seconds
    customer: str
    customer_account: None = None
    flow: Json | None = None
    livemode: bool = False
    locale: None = None
    on_behalf_of: None = None
    return_url: str | None = None
    url: str


class PortalConfiguration(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/customer_portal/configurations/object."""

    noun: ClassVar[str] = "portal configuration"
    prefix: ClassVar[str] = "bpc"

    object: str = "billing_portal.configuration"
    active: bool = True
    application: None = None
    business_profile: Json = fixed(
        {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None}
    )
    created: Seconds
    default_return_url: str | None = None
    features: Json
    is_default: bool = True
    livemode: bool = False
    login_page: Json = fixed({"enabled": False, "url": None})
    metadata: Metadata = {}
    name: None = None
    updated: Seconds
