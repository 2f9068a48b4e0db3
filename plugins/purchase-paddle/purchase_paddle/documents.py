"""Paddle's documents, as far as the adapter reads them. Fields that it does not know are passed over.

Amounts are strings of the lowest unit, instants RFC 3339 with up to nanoseconds. Statuses are open: a word
that this code has never heard of is data. Source: Paddle's OpenAPI document of 2025-05-27.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from purchase_core.errors import MalformedBody
from purchase_core.instants import Instant, instant

LINES_MAX = 1_000

# Whole strings only: `$` would let a line feed pass.
Id: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z]{2,12}_[A-Za-z0-9]{1,64}\Z")]
Word: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_.-]{0,63}\Z")]
Currency: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
Digits: TypeAlias = Annotated[str, Meta(pattern=r"\A-?[0-9]{1,15}\Z")]
Url: TypeAlias = Annotated[str, Meta(pattern=r"\Ahttps?://[\x21-\x7e]{1,2048}\Z")]
Time: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"\A(19[7-9][0-9]|[2-9][0-9]{3})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z\Z"
    ),
]
Quantity: TypeAlias = Annotated[int, Meta(ge=0, le=999_999_999)]
CustomData: TypeAlias = dict[str, object]
Unread: TypeAlias = dict[str, object]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The base of what is read."""


class Money(Document, frozen=True, kw_only=True):
    """An amount."""

    amount: Digits
    currency_code: Currency


class Override(Document, frozen=True, kw_only=True):
    """Another amount for some countries."""

    country_codes: list[str]
    unit_price: Money


class Period(Document, frozen=True, kw_only=True):
    """From one instant to another."""

    starts_at: Time
    ends_at: Time


class Duration(Document, frozen=True, kw_only=True):
    """So many days, weeks, months or years."""

    interval: Word
    frequency: Quantity


class QuantityBounds(Document, frozen=True, kw_only=True):
    """How many may be bought at once."""

    minimum: Quantity
    maximum: Quantity


class Price(Document, frozen=True, kw_only=True):
    """A price."""

    id: Id
    product_id: Id
    unit_price: Money
    unit_price_overrides: list[Override] = []
    billing_cycle: Duration | None = None
    trial_period: Duration | None = None
    tax_mode: Word = "account_setting"
    status: Word = "active"
    quantity: QuantityBounds | None = None
    custom_data: CustomData | None = None


class Product(Document, frozen=True, kw_only=True):
    """A product."""

    id: Id
    name: str = ""
    status: Word = "active"
    tax_category: str = ""
    custom_data: CustomData | None = None


class Customer(Document, frozen=True, kw_only=True):
    """A customer. `status`: active | archived."""

    id: Id
    status: str = "active"
    email: str = ""
    custom_data: CustomData | None = None


class Totals(Document, frozen=True, kw_only=True):
    """What something comes to."""

    subtotal: Digits
    discount: Digits
    tax: Digits
    total: Digits


class GrandTotals(Totals, frozen=True, kw_only=True):
    """What a transaction comes to. `grand_total` is what is left after credit was used."""

    credit: Digits
    grand_total: Digits


class Proration(Document, frozen=True, kw_only=True):
    """The part of a period that is charged."""

    billing_period: Period | None = None


class LineItem(Document, frozen=True, kw_only=True):
    """A line of a transaction. Each has the price of an item."""

    id: Id
    price_id: Id
    quantity: Quantity
    unit_totals: Totals
    totals: Totals
    proration: Proration | None = None


class Details(Document, frozen=True, kw_only=True):
    """How a transaction adds up."""

    totals: GrandTotals
    line_items: Annotated[list[LineItem], Meta(max_length=LINES_MAX)]


class TransactionItem(Document, frozen=True, kw_only=True):
    """An item of a transaction."""

    price: Price
    quantity: Quantity


class Payment(Document, frozen=True, kw_only=True):
    """An attempt to collect."""

    amount: Digits
    status: Word
    captured_at: Time | None


class Checkout(Document, frozen=True, kw_only=True):
    """Where a transaction is paid."""

    url: Url | None = None


class Transaction(Document, frozen=True, kw_only=True):
    """A transaction: a checkout and a bill in one."""

    id: Id
    status: Word
    origin: Word
    customer_id: Id | None
    subscription_id: Id | None
    currency_code: Currency
    custom_data: CustomData | None
    collection_mode: Word
    billing_period: Period | None
    billed_at: Time | None
    updated_at: Time
    items: Annotated[list[TransactionItem], Meta(max_length=LINES_MAX)]
    details: Details
    payments: list[Payment]
    checkout: Checkout | None = None
    revised_at: Time | None = None
    invoice_number: str | None = None


class SubscriptionItem(Document, frozen=True, kw_only=True):
    """An item of a subscription."""

    quantity: Quantity
    price: Price
    trial_dates: Period | None = None


class ScheduledChange(Document, frozen=True, kw_only=True):
    """What is going to happen to a subscription by itself."""

    action: Word
    effective_at: Time
    resume_at: Time | None = None


class Subscription(Document, frozen=True, kw_only=True):
    """A subscription."""

    id: Id
    status: Word
    customer_id: Id
    currency_code: Currency
    created_at: Time
    updated_at: Time
    started_at: Time | None
    paused_at: Time | None
    canceled_at: Time | None
    next_billed_at: Time | None
    current_billing_period: Period | None
    scheduled_change: ScheduledChange | None
    items: Annotated[list[SubscriptionItem], Meta(max_length=LINES_MAX)]
    custom_data: CustomData | None


class AdjustmentTotals(Document, frozen=True, kw_only=True):
    """What an adjustment comes to."""

    total: Digits
    currency_code: Currency


class AdjustedTotals(Document, frozen=True, kw_only=True):
    """What an adjustment takes of a line."""

    total: Digits


class AdjustmentItem(Document, frozen=True, kw_only=True):
    """What of a transaction's line is adjusted."""

    item_id: Id
    totals: AdjustedTotals


class Adjustment(Document, frozen=True, kw_only=True):
    """A refund, a credit or a chargeback."""

    id: Id
    action: Word
    status: Word
    transaction_id: Id
    reason: str
    totals: AdjustmentTotals
    items: list[AdjustmentItem]
    updated_at: Time


class Adjusted(Document, frozen=True, kw_only=True):
    """A transaction with its adjustments, as `include=adjustments` brings it."""

    details: Details
    adjustments: list[Adjustment]


class Head(Document, frozen=True, kw_only=True):
    """The head of any entity."""

    id: Id
    updated_at: Time | None = None


class Event(Document, frozen=True, kw_only=True):
    """An event, as a webhook or the list of events carries it. Only webhooks have a notification's id."""

    event_id: Id
    event_type: Word
    occurred_at: Time
    data: Unread


_TIME = re.compile(r"(.{19})(?:\.(\d{1,9}))?Z", re.ASCII)


def at(time: str) -> Instant:
    """The instant of a Time, to the microsecond; finer parts are cut off. Raises MalformedBody."""
    matched = _TIME.fullmatch(time)
    try:
        whole = datetime.fromisoformat(matched[1] if matched else "").replace(tzinfo=UTC)
    except ValueError:
        raise MalformedBody("not a point in time") from None
    return Instant(instant(whole) + int(((matched and matched[2]) or "0")[:6].ljust(6, "0")))
