"""The sandbox's documents, as far as the adapter reads them. Fields that it does not know are passed over.

Instants are integer microseconds since the epoch, amounts integer minor units. Statuses are open: a word
that this code has never heard of is data.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from purchase_core.money import MINOR_MAX

LINES_MAX = 1_000
INSTANT_MAX = 253_402_300_799_999_999  # the end of the year 9999

# Whole strings only: `$` would let a line feed pass.
Id: TypeAlias = Annotated[str, Meta(pattern=r"\A[\x21-\x7e]{1,255}\Z")]
Word: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_.-]{0,63}\Z")]
Currency: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
Url: TypeAlias = Annotated[str, Meta(pattern=r"\Ahttps?://[\x21-\x7e]{1,2048}\Z")]
Micros: TypeAlias = Annotated[int, Meta(ge=0, le=INSTANT_MAX)]
Amount: TypeAlias = Annotated[int, Meta(ge=0, le=MINOR_MAX)]
SignedAmount: TypeAlias = Annotated[int, Meta(ge=-MINOR_MAX, le=MINOR_MAX)]
Quantity: TypeAlias = Annotated[int, Meta(ge=0, le=MINOR_MAX)]
Metadata: TypeAlias = dict[str, str]
Unread: TypeAlias = dict[str, object]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What all documents have. Metadata that was stripped is as good as none."""

    id: Id
    object: Word
    updated: Micros
    metadata: Metadata = {}


class Customer(Document, frozen=True, kw_only=True):
    """A customer."""

    email: str = ""


class Product(Document, frozen=True, kw_only=True):
    """A product."""

    name: str
    active: bool


class Price(Document, frozen=True, kw_only=True):
    """A price."""

    product: Id | None = None
    active: bool
    unit_amount: Amount
    currency: Currency
    interval: Word | None
    interval_count: Quantity


class Session(Document, frozen=True, kw_only=True):
    """A checkout session."""

    status: Word
    payment_status: Word
    customer: Id | None
    subscription: Id | None
    invoice: Id | None
    url: Url
    expires_at: Micros


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An item of a subscription."""

    price: Id
    quantity: Quantity
    unit_amount: Amount
    currency: Currency


class Subscription(Document, frozen=True, kw_only=True):
    """A subscription."""

    status: Word
    customer: Id
    items: Annotated[list[Item], Meta(max_length=LINES_MAX)]
    period_start: Micros
    period_end: Micros
    started_at: Micros
    trial_end: Micros | None
    cancel_at: Micros | None
    ended_at: Micros | None
    resumes_at: Micros | None
    collecting: bool
    next_items: Annotated[list[Item], Meta(max_length=LINES_MAX)]
    next_items_at: Micros | None


class Line(Item, frozen=True, kw_only=True):
    """A line of an invoice."""

    amount: SignedAmount
    period_start: Micros | None
    period_end: Micros | None
    proration: bool
    trial: bool


class Invoice(Document, frozen=True, kw_only=True):
    """An invoice."""

    status: Word
    billing_reason: Word
    customer: Id
    subscription: Id | None
    currency: Currency
    total: Amount
    amount_paid: Amount
    paid_at: Micros | None
    due_at: Micros | None
    action: Word | None
    lines: Annotated[list[Line], Meta(max_length=LINES_MAX)]


class Refund(Document, frozen=True, kw_only=True):
    """A refund."""

    invoice: Id
    amount: Amount
    currency: Currency
    status: Word


class Dispute(Document, frozen=True, kw_only=True):
    """A dispute."""

    invoice: Id
    amount: Amount
    currency: Currency
    status: Word


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a change would cost."""

    currency: Currency
    due_now: Amount
    credit: Amount
    renewal: Amount
    renews_at: Micros
    as_of: Micros


class PortalSession(Document, frozen=True, kw_only=True):
    """A page for a customer."""

    url: Url


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """The pages of an invoice."""

    pay_url: Url | None
    document_url: Url


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook endpoint. `secret` only in the answer that made it."""

    id: Id
    url: Url
    enabled: bool
    events: list[str]
    api_version: Id
    secret: str | None = msgspec.field(default=None)

    def __repr__(self) -> str:
        return f"Endpoint({self.id!r})"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The head of any document."""

    id: Id
    object: Word


class EventData(msgspec.Struct, frozen=True, kw_only=True):
    """What an event is about, not read yet."""

    object: Unread


class Event(Head, frozen=True, kw_only=True):
    """An event. `created` is the stamp of the state that it shows."""

    type: Word
    api_version: Id
    account: Id
    mode: Word
    created: Micros
    data: EventData


class ListPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list; each row is kept as it came, to the byte."""

    data: list[msgspec.Raw]
    next_cursor: Id | None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What an error says."""

    code: Word


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an answer that says no."""

    error: Problem
