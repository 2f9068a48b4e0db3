"""Customers and payment methods."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from .thing import Json, Metadata, Seconds, Thing, Wire, fixed


class InvoiceSettings(Wire, frozen=True, kw_only=True):
    """How a customer's invoices are paid."""

    custom_fields: None = None
    default_payment_method: str | None = None
    footer: None = None
    rendering_options: None = None


class Customer(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/customers/object. E-mail addresses are not unique."""

    noun: ClassVar[str] = "customer"
    prefix: ClassVar[str] = "cus"

    object: str = "customer"
    address: Json | None = None
    balance: int = 0
    created: Seconds
    currency: str | None = None
    default_source: None = None
    delinquent: bool = False
    description: str | None = None
    discount: None = None
    email: str | None = None
    invoice_prefix: str
    invoice_settings: InvoiceSettings = InvoiceSettings()
    livemode: bool = False
    metadata: Metadata = {}
    name: str | None = None
    next_invoice_sequence: int = 1
    phone: str | None = None
    preferred_locales: tuple[str, ...] = ()
    shipping: None = None
    tax_exempt: str = "none"
    test_clock: str | None = None


class DeletedCustomer(Thing, frozen=True, kw_only=True):
    """What is left of a customer."""

    noun: ClassVar[str] = "customer"
    prefix: ClassVar[str] = "cus"

    object: str = "customer"
    deleted: bool = True


BILLING_DETAILS: Json = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}


class PaymentMethod(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/payment_methods/object."""

    noun: ClassVar[str] = "PaymentMethod"
    prefix: ClassVar[str] = "pm"

    object: str = "payment_method"
    allow_redisplay: str = "limited"
    billing_details: Json = fixed(BILLING_DETAILS)
    card: Json | msgspec.UnsetType = msgspec.UNSET
    created: Seconds
    customer: str | None = None
    customer_account: None = None
    livemode: bool = False
    metadata: Metadata = {}
    sepa_debit: Json | msgspec.UnsetType = msgspec.UNSET
    type: str
