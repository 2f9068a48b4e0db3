"""Stripe's objects, as far as the adapter reads them. Fields that it does not know are passed over.

Instants are integer seconds since the epoch, amounts integer minor units, currencies in lower case. Enums are
open: a word that this code has never heard of is data. What can be expanded is an id or an object with one.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from purchase_core.errors import MalformedBody
from purchase_core.money import MINOR_MAX
from purchase_core.strict_json import decode

ITEMS_MAX = 1_000
SECOND_MAX = 253_402_300_799  # the end of the year 9999

# Whole strings only: `$` would let a line feed pass.
Id: TypeAlias = Annotated[str, Meta(pattern=r"\A[\x21-\x7e]{1,255}\Z")]
Word: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_.]{0,99}\Z")]
Version: TypeAlias = Annotated[str, Meta(pattern=r"\A[\x21-\x7e]{1,64}\Z")]
Currency: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z]{3}\Z")]
Decimal: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9]{1,15}(\.[0-9]{1,12})?\Z")]
Url: TypeAlias = Annotated[str, Meta(pattern=r"\Ahttps?://[\x21-\x7e]{1,4096}\Z")]
Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=SECOND_MAX)]
Amount: TypeAlias = Annotated[int, Meta(ge=0, le=MINOR_MAX)]
SignedAmount: TypeAlias = Annotated[int, Meta(ge=-MINOR_MAX, le=MINOR_MAX)]
Quantity: TypeAlias = Annotated[int, Meta(ge=0, le=MINOR_MAX)]
Metadata: TypeAlias = dict[str, str]
Unread: TypeAlias = dict[str, object]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an object."""


class Head(Part, frozen=True, kw_only=True):
    """What all objects have."""

    id: Id
    object: Word


Ref: TypeAlias = Id | Head
"""Something that may have been expanded."""


def name_of(ref: Ref | None) -> str:
    """The id of what a reference means, "" for nothing."""
    return "" if ref is None else ref if isinstance(ref, str) else ref.id


# --- subscriptions -----------------------------------------------------------------------------


class CurrencyOption(Part, frozen=True, kw_only=True):
    """A price in another currency."""

    unit_amount: Amount | None


class Recurring(Part, frozen=True, kw_only=True):
    """How often a price is charged."""

    interval: Word
    interval_count: Quantity = 1


class Price(Head, frozen=True, kw_only=True):
    """A price. `unit_amount` is null for tiers and fractions of cents."""

    currency: Currency
    unit_amount: Amount | None
    recurring: Recurring | None = None
    currency_options: dict[str, CurrencyOption] | UnsetType = UNSET

    def amount_in(self, currency: str) -> int | None:
        """What one costs in a currency; None if that is not in here."""
        if currency == self.currency:
            return self.unit_amount or 0
        options = {} if isinstance(self.currency_options, UnsetType) else self.currency_options
        return options[currency].unit_amount or 0 if currency in options else None


class Item(Head, frozen=True, kw_only=True):
    """An item of a subscription, with its period."""

    price: Price
    quantity: Quantity = 1
    current_period_start: Seconds
    current_period_end: Seconds


class Items(Part, frozen=True, kw_only=True):
    """The items of a subscription; the first ten, where there are more."""

    data: Annotated[list[Item], Meta(min_length=1, max_length=ITEMS_MAX)]
    has_more: bool


class PauseCollection(Part, frozen=True, kw_only=True):
    """Invoices are made and not charged."""

    resumes_at: Seconds | None = None


class CancellationDetails(Part, frozen=True, kw_only=True):
    """Why a subscription was cancelled."""

    comment: str | None = None


class PendingUpdate(Part, frozen=True, kw_only=True):
    """A change that waits for its payment."""

    expires_at: Seconds


class PhaseItem(Part, frozen=True, kw_only=True):
    """What a phase sells."""

    price: Id | Price
    quantity: Quantity = 1


class Phase(Part, frozen=True, kw_only=True):
    """A phase of a schedule."""

    items: list[PhaseItem]
    start_date: Seconds
    end_date: Seconds


class Schedule(Head, frozen=True, kw_only=True):
    """A schedule, expanded."""

    status: Word
    phases: list[Phase]


class Subscription(Head, frozen=True, kw_only=True):
    """A subscription. Its schedule is an id until it is expanded."""

    status: Word
    customer: Ref
    currency: Currency
    items: Items
    start_date: Seconds
    trial_end: Seconds | None
    cancel_at: Seconds | None
    cancel_at_period_end: bool
    ended_at: Seconds | None
    pause_collection: PauseCollection | None = None
    pending_update: PendingUpdate | None = None
    cancellation_details: CancellationDetails | None = None
    schedule: Id | Schedule | None = None
    latest_invoice: Ref | None = None
    metadata: Metadata = {}


# --- invoices and payments ---------------------------------------------------------------------


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


class Intent(Head, frozen=True, kw_only=True):
    """A payment intent, expanded."""

    status: Word


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


# --- the rest ----------------------------------------------------------------------------------


class Session(Head, frozen=True, kw_only=True):
    """A checkout session."""

    status: Word | None
    payment_status: Word
    customer: Ref | None
    subscription: Ref | None
    invoice: Ref | None
    url: Url | None
    expires_at: Seconds
    metadata: Metadata | None = None


class Endpoint(Head, frozen=True, kw_only=True):
    """A webhook endpoint."""

    url: str
    status: Word
    enabled_events: list[str]
    api_version: str | None = None
    secret: str | UnsetType = UNSET


class Portal(Head, frozen=True, kw_only=True):
    """A session of the portal."""

    url: Url


class EventData(Part, frozen=True, kw_only=True):
    """What an event is about, not read yet."""

    object: Unread


class Event(Head, frozen=True, kw_only=True):
    """An event. `created` has whole seconds. `account` is there where it is another one's (Connect)."""

    type: Word
    api_version: Version | None
    created: Seconds
    livemode: bool
    account: Id | UnsetType = UNSET
    data: EventData


class Related(Part, frozen=True, kw_only=True):
    """What a thin event is about."""

    id: Id
    type: Word


class ThinEvent(Head, frozen=True, kw_only=True):
    """An event of the second kind, without its object."""

    type: Word
    created: str
    livemode: bool
    related_object: Related | None = None


class Page(Part, frozen=True, kw_only=True):
    """A page of a list; each row is kept as it came."""

    data: list[msgspec.Raw]
    has_more: bool = False


D = TypeVar("D", bound=msgspec.Struct)


def read(body: bytes, kind: type[D]) -> D:
    """The document in some bytes. Raises MalformedBody, and nothing else."""
    return convert(decode(body), kind)


def read_page(body: bytes) -> Page:
    """A page of a list. Raises MalformedBody."""
    decode(body)  # for its checks, which hold for every row too
    try:
        return msgspec.json.decode(body, type=Page)
    except msgspec.MsgspecError:
        raise MalformedBody("not a page of a list") from None


def convert(value: object, kind: type[D]) -> D:
    """A decoded value as a document. Raises MalformedBody, which names the place and quotes nothing."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise MalformedBody(f"not a {kind.__name__.lower()}: {_place(str(error))}") from None


def _place(message: str) -> str:
    # msgspec ends its messages with " - at `$.path`"; what stands before may quote a value.
    _, found, place = message.rpartition(" - at ")
    return f"something is wrong at {place}" if found else "a field is missing or of the wrong kind"
