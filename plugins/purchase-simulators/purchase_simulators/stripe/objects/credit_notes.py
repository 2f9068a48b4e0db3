"""Credit notes and their lines."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from .invoices import Tax
from .thing import Json, Metadata, Seconds, Thing, WireList


class CreditNoteLine(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/credit_notes/line_item."""

    noun: ClassVar[str] = "credit note line item"
    prefix: ClassVar[str] = "cnli"

    object: str = "credit_note_line_item"
    amount: int
    description: str | None
    discount_amount: int = 0
    discount_amounts: tuple[Json, ...] = ()
    invoice_line_item: str | msgspec.UnsetType = msgspec.UNSET
    livemode: bool = False
    pretax_credit_amounts: tuple[Json, ...] = ()
    quantity: int | None = 1
    tax_rates: tuple[Json, ...] = ()
    taxes: tuple[Tax, ...] = ()
    type: str
    unit_amount: int | None
    unit_amount_decimal: str | None


class CreditNote(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/credit_notes/object. `post_payment_amount` is what is given back."""

    noun: ClassVar[str] = "credit note"
    prefix: ClassVar[str] = "cn"

    object: str = "credit_note"
    amount: int
    amount_shipping: int = 0
    created: Seconds
    currency: str
    customer: str
    customer_account: None = None
    customer_balance_transaction: str | None = None
    discount_amount: int = 0
    discount_amounts: tuple[Json, ...] = ()
    effective_at: Seconds
    invoice: str
    lines: WireList[CreditNoteLine]
    livemode: bool = False
    memo: str | None = None
    metadata: Metadata = {}
    number: str
    out_of_band_amount: int | None = None
    pdf: str
    post_payment_amount: int
    pre_payment_amount: int
    pretax_credit_amounts: tuple[Json, ...] = ()
    reason: str | None = None
    refunds: tuple[Json, ...] = ()
    shipping_cost: None = None
    status: str = "issued"
    subtotal: int
    subtotal_excluding_tax: int | None
    total: int
    total_excluding_tax: int | None
    total_taxes: tuple[Tax, ...] = ()
    type: str
    voided_at: Seconds | None = None
