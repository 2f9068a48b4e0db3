"""Invoices and how they are paid; refunds and disputes, which lead to them."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from .parts import (
    ITEMS_MAX,
    Amount,
    Currency,
    Decimal,
    Head,
    Id,
    Metadata,
    Part,
    Quantity,
    Ref,
    Seconds,
    SignedAmount,
    Unread,
    Url,
    Word,
)


class Period(Part, frozen=True, kw_only=True):
    """A period of a line."""

    start: Seconds
    end: Seconds


class PriceDetails(Part, frozen=True, kw_only=True):
    """The price of a line."""

    price: Ref


class Pricing(Part, frozen=True, kw_only=True):
    """What a line's amount comes from."""

    price_details: PriceDetails | None = None
    unit_amount_decimal: Decimal | None = None


class ItemDetails(Part, frozen=True, kw_only=True):
    """Whether a line is a proration."""

    proration: bool


class LineParent(Part, frozen=True, kw_only=True):
    """What made a line."""

    subscription_item_details: ItemDetails | None = None
    invoice_item_details: ItemDetails | None = None


class DiscountAmount(Part, frozen=True, kw_only=True):
    """What a discount took off a line."""

    amount: Amount


class Line(Head, frozen=True, kw_only=True):
    """A line of an invoice. `amount` is before discounts and exclusive taxes."""

    amount: SignedAmount
    currency: Currency
    quantity: Quantity | None
    discount_amounts: list[DiscountAmount] | None = None
    period: Period
    pricing: Pricing | None = None
    parent: LineParent | None = None


class Lines(Part, frozen=True, kw_only=True):
    """The lines of an invoice; the first ten, where there are more."""

    data: Annotated[list[Line], Meta(max_length=ITEMS_MAX)]
    has_more: bool


class Transitions(Part, frozen=True, kw_only=True):
    """When an invoice got into its states."""

    finalized_at: Seconds | None = None
    paid_at: Seconds | None = None


class SubscriptionDetails(Part, frozen=True, kw_only=True):
    """The subscription of an invoice; the metadata is a snapshot of when it was finalized."""

    subscription: Ref
    metadata: Metadata | None = None


class InvoiceParent(Part, frozen=True, kw_only=True):
    """What made an invoice."""

    subscription_details: SubscriptionDetails | None = None


class PaymentError(Part, frozen=True, kw_only=True):
    """Why a payment did not go through."""

    code: Word | None = None
    decline_code: Word | None = None


class Intent(Head, frozen=True, kw_only=True):
    """A payment intent, expanded."""

    status: Word
    last_payment_error: PaymentError | None = None


class Payment(Part, frozen=True, kw_only=True):
    """What an invoice is paid with."""

    payment_intent: Id | Intent | None = None


class InvoicePayment(Head, frozen=True, kw_only=True):
    """A payment of an invoice."""

    invoice: Ref
    status: Word
    payment: Payment


class InvoicePayments(Part, frozen=True, kw_only=True):
    """The payments of an invoice, or of a payment intent."""

    data: Annotated[list[InvoicePayment], Meta(max_length=ITEMS_MAX)]


class Invoice(Head, frozen=True, kw_only=True):
    """An invoice. `payments` is there when it was expanded."""

    status: Word | None
    billing_reason: Word | None
    customer: Ref | None
    currency: Currency
    total: SignedAmount
    amount_paid: Amount
    lines: Lines
    attempted: bool = False
    status_transitions: Transitions
    parent: InvoiceParent | None = None
    payments: InvoicePayments | UnsetType = UNSET
    hosted_invoice_url: Url | None = None
    invoice_pdf: Url | None = None
    metadata: Metadata | None = None


class Preview(Part, frozen=True, kw_only=True):
    """An invoice that is not made."""

    currency: Currency
    total: SignedAmount
    amount_due: Amount


class Refund(Head, frozen=True, kw_only=True):
    """A refund. It names a payment, and not the invoice."""

    amount: Amount
    currency: Currency
    status: Word | None
    payment_intent: Ref | None
    metadata: Metadata | None = None


class Dispute(Head, frozen=True, kw_only=True):
    """A dispute. It names a payment, and not the invoice."""

    amount: Amount
    currency: Currency
    status: Word
    payment_intent: Ref | None
    metadata: Metadata | None = None


class OfInvoice(Head, frozen=True, kw_only=True):
    """What the adapter keeps of a look-up: a refund or dispute, and the payments that lead to its invoice."""

    subject: Unread
    payments: InvoicePayments
