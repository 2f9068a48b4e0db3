"""Products, prices, coupons, promotion codes and discounts."""

from __future__ import annotations

from typing import ClassVar

from .thing import Hidden, Json, Metadata, Seconds, Thing, Wire, fixed


class Product(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/products/object."""

    noun: ClassVar[str] = "product"
    prefix: ClassVar[str] = "prod"

    object: str = "product"
    active: bool = True
    created: Seconds
    default_price: str | None = None
    description: str | None = None
    images: tuple[str, ...] = ()
    livemode: bool = False
    marketing_features: tuple[Json, ...] = ()
    metadata: Metadata = {}
    name: str
    package_dimensions: None = None
    shippable: None = None
    statement_descriptor: str | None = None
    tax_code: str | None = None
    unit_label: str | None = None
    updated: Seconds
    url: str | None = None


class Recurring(Wire, frozen=True, kw_only=True):
    """How often a price is charged."""

    interval: str
    interval_count: int = 1
    meter: None = None
    usage_type: str = "licensed"


class Price(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/prices/object. Amount, currency and interval never change."""

    noun: ClassVar[str] = "price"
    prefix: ClassVar[str] = "price"

    object: str = "price"
    active: bool = True
    billing_scheme: str = "per_unit"
    created: Seconds
    currency: str
    custom_unit_amount: None = None
    livemode: bool = False
    lookup_key: str | None = None
    metadata: Metadata = {}
    nickname: str | None = None
    product: str
    recurring: Recurring | None = None
    tax_behavior: str = "unspecified"
    tiers_mode: None = None
    transform_quantity: None = None
    type: str
    unit_amount: int
    unit_amount_decimal: str


class CurrencyOption(Wire, frozen=True, kw_only=True):
    """The same price in another currency."""

    custom_unit_amount: None = None
    tax_behavior: str = "unspecified"
    unit_amount: int
    unit_amount_decimal: str


class CurrencyOptions(Hidden, frozen=True, kw_only=True):
    """A price's amounts in other currencies; shown where `currency_options` is expanded."""

    options: dict[str, CurrencyOption]


class Coupon(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/coupons/object."""

    noun: ClassVar[str] = "coupon"
    prefix: ClassVar[str] = "co"

    object: str = "coupon"
    amount_off: int | None = None
    created: Seconds
    currency: str | None = None
    duration: str
    duration_in_months: int | None = None
    livemode: bool = False
    max_redemptions: int | None = None
    metadata: Metadata = {}
    name: str | None = None
    percent_off: float | None = None
    redeem_by: Seconds | None = None
    times_redeemed: int = 0
    valid: bool = True


class Promotion(Wire, frozen=True, kw_only=True):
    """What a promotion code gives."""

    coupon: str
    type: str = "coupon"


class PromotionCode(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/promotion_codes/object."""

    noun: ClassVar[str] = "promotion code"
    prefix: ClassVar[str] = "promo"

    object: str = "promotion_code"
    active: bool = True
    code: str
    created: Seconds
    customer: str | None = None
    customer_account: None = None
    expires_at: Seconds | None = None
    livemode: bool = False
    max_redemptions: int | None = None
    metadata: Metadata = {}
    promotion: Promotion
    restrictions: Json = fixed(
        {
            "first_time_transaction": False,
            "minimum_amount": None,
            "minimum_amount_currency": None,
        }
    )
    times_redeemed: int = 0


class DiscountSource(Wire, frozen=True, kw_only=True):
    """Where a discount comes from."""

    coupon: str
    type: str = "coupon"


class Discount(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/discounts/object. A coupon, as something of somebody uses it."""

    noun: ClassVar[str] = "discount"
    prefix: ClassVar[str] = "di"

    object: str = "discount"
    checkout_session: str | None = None
    customer: str | None = None
    customer_account: None = None
    end: Seconds | None = None
    invoice: str | None = None
    invoice_item: None = None
    promotion_code: str | None = None
    source: DiscountSource
    start: Seconds
    subscription: str | None = None
    subscription_item: None = None
