"""Invoices: their lines, payments and pending items."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from .thing import Json, Metadata, Seconds, Thing, Wire, WireList, fixed


class Span(Wire, frozen=True, kw_only=True):
    """A period of time."""

    end: Seconds
    start: Seconds


class DiscountAmount(Wire, frozen=True, kw_only=True):
    """How much a discount took off."""

    amount: int
    discount: str


class Tax(Wire, frozen=True, kw_only=True):
    """How much tax there is in or on an amount."""

    amount: int
    tax_behavior: str
    tax_rate_details: Json | None = None
    taxability_reason: str = "standard_rated"
    taxable_amount: int | None
    type: str = "tax_rate_details"


class Line(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/invoices/line_item. `amount` is before discounts and exclusive taxes."""

    noun: ClassVar[str] = "line item"
    prefix: ClassVar[str] = "il"

    object: str = "line_item"
    amount: int
    currency: str
    description: str | None
    discount_amounts: tuple[DiscountAmount, ...] = ()
    discountable: bool = True
    discounts: tuple[str, ...] = ()
    invoice: str
    livemode: bool = False
    metadata: Metadata = {}
    parent: Json
    period: Span
    pretax_credit_amounts: tuple[Json, ...] = ()
    pricing: Json
    quantity: int
    quantity_decimal: str
    subscription: str | None = None
    subtotal: int
    taxes: tuple[Tax, ...] = ()


class StatusTransitions(Wire, frozen=True, kw_only=True):
    """When an invoice got into its states."""

    finalized_at: Seconds | None = None
    marked_uncollectible_at: Seconds | None = None
    paid_at: Seconds | None = None
    voided_at: Seconds | None = None


class AutomaticTax(Wire, frozen=True, kw_only=True):
    """Whether tax is worked out by Stripe, on an invoice."""

    disabled_reason: None = None
    enabled: bool = False
    liability: Json | None = None
    provider: str | None = None
    status: str | None = None


class SubscriptionDetails(Wire, frozen=True, kw_only=True):
    """The subscription that an invoice is of. The metadata is a snapshot of when it was finalized."""

    metadata: Metadata | None
    subscription: str
    subscription_proration_date: Seconds | msgspec.UnsetType = msgspec.UNSET


class InvoiceParent(Wire, frozen=True, kw_only=True):
    """What made an invoice."""

    quote_details: None = None
    subscription_details: SubscriptionDetails
    type: str = "subscription_details"


class Invoice(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/invoices/object."""

    noun: ClassVar[str] = "invoice"
    prefix: ClassVar[str] = "in"

    object: str = "invoice"
    account_country: str = "US"
    account_name: str = "Purchase"
    account_tax_ids: None = None
    amount_due: int
    amount_overpaid: int = 0
    amount_paid: int = 0
    amount_paid_off_stripe: int = 0
    amount_remaining: int
    amount_shipping: int = 0
    application: None = None
    attempt_count: int = 0
    attempted: bool = False
    auto_advance: bool = True
    automatic_tax: AutomaticTax = AutomaticTax()
    automatically_finalizes_at: Seconds | None = None
    billing_reason: str
    collection_method: str = "charge_automatically"
    created: Seconds
    currency: str
    custom_fields: None = None
    customer: str | None
    customer_account: None = None
    customer_address: Json | None = None
    customer_email: str | None = None
    customer_name: str | None = None
    customer_phone: None = None
    customer_shipping: None = None
    customer_tax_exempt: str = "none"
    customer_tax_ids: tuple[Json, ...] = ()
    default_payment_method: str | None = None
    default_source: None = None
    default_tax_rates: tuple[Json, ...] = ()
    description: str | None = None
    discounts: tuple[str, ...] = ()
    due_date: Seconds | None = None
    effective_at: Seconds | None = None
    ending_balance: int | None = None
    footer: None = None
    from_invoice: None = None
    hosted_invoice_url: str | None = None
    invoice_pdf: str | None = None
    issuer: Json = fixed({"type": "self"})
    last_finalization_error: None = None
    latest_revision: None = None
    lines: WireList[Line]
    livemode: bool = False
    metadata: Metadata = {}
    next_payment_attempt: Seconds | None = None
    number: str | None = None
    on_behalf_of: None = None
    parent: InvoiceParent | None = None
    payment_settings: Json = fixed(
        {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        }
    )
    period_end: Seconds
    period_start: Seconds
    post_payment_credit_notes_amount: int = 0
    pre_payment_credit_notes_amount: int = 0
    receipt_number: None = None
    rendering: None = None
    shipping_cost: None = None
    shipping_details: None = None
    starting_balance: int = 0
    statement_descriptor: None = None
    status: str | None
    status_transitions: StatusTransitions = StatusTransitions()
    subtotal: int
    subtotal_excluding_tax: int
    test_clock: str | None = None
    total: int
    total_discount_amounts: tuple[DiscountAmount, ...] = ()
    total_excluding_tax: int
    total_pretax_credit_amounts: tuple[Json, ...] = ()
    total_taxes: tuple[Tax, ...] = ()
    webhooks_delivered_at: Seconds | None = None


class PaidAt(Wire, frozen=True, kw_only=True):
    """When an invoice payment got into its states."""

    canceled_at: Seconds | None = None
    paid_at: Seconds | None = None


class InvoicePayment(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/invoice-payment/object: the only way from a payment to its invoice."""

    noun: ClassVar[str] = "invoice_payment"
    prefix: ClassVar[str] = "inpay"

    object: str = "invoice_payment"
    amount_paid: int | None = None
    amount_requested: int
    created: Seconds
    currency: str
    invoice: str
    is_default: bool = True
    livemode: bool = False
    payment: Json
    status: str = "open"
    status_transitions: PaidAt = PaidAt()


class InvoiceItem(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/invoiceitems/object: a line that waits for the next invoice."""

    noun: ClassVar[str] = "invoiceitem"
    prefix: ClassVar[str] = "ii"

    object: str = "invoiceitem"
    amount: int
    currency: str
    customer: str
    customer_account: None = None
    date: Seconds
    description: str | None
    discountable: bool = False
    discounts: tuple[str, ...] = ()
    invoice: str | None = None
    livemode: bool = False
    metadata: Metadata = {}
    net_amount: int
    parent: Json | None
    period: Span
    pricing: Json
    proration: bool
    quantity: int
    quantity_decimal: str
    tax_rates: tuple[Json, ...] = ()
    test_clock: str | None = None
