"""What Paddle answers besides entities: lists, previews, links, portal sessions, settings, errors."""

from __future__ import annotations

import msgspec

from .documents import Currency, Digits, Document, GrandTotals, Id, Period, Url, Word


class PreviewDetails(Document, frozen=True, kw_only=True):
    """How it would add up."""

    totals: GrandTotals


class PreviewBill(Document, frozen=True, kw_only=True):
    """A transaction that a change would bring."""

    billing_period: Period
    details: PreviewDetails


class Result(Document, frozen=True, kw_only=True):
    """What a change comes to, all in all."""

    action: Word
    amount: Digits


class UpdateSummary(Document, frozen=True, kw_only=True):
    """Credit and charge of a change."""

    result: Result


class Preview(Document, frozen=True, kw_only=True):
    """What a change of a subscription would bring."""

    currency_code: Currency
    immediate_transaction: PreviewBill | None
    next_transaction: PreviewBill | None
    update_summary: UpdateSummary | None


class Link(Document, frozen=True, kw_only=True):
    """The address of a document."""

    url: Url


class SubscriptionLinks(Document, frozen=True, kw_only=True):
    """A subscription's pages in the portal."""

    id: Id
    cancel_subscription: Url
    update_subscription_payment_method: Url


class Overview(Document, frozen=True, kw_only=True):
    """The portal itself."""

    overview: Url


class PortalUrls(Document, frozen=True, kw_only=True):
    """The pages of a portal session."""

    general: Overview
    subscriptions: tuple[SubscriptionLinks, ...] = ()


class PortalSession(Document, frozen=True, kw_only=True):
    """A portal session."""

    urls: PortalUrls


class EventType(Document, frozen=True, kw_only=True):
    """A type of events."""

    name: Word


class NotificationSetting(Document, frozen=True, kw_only=True):
    """A destination of webhooks."""

    id: Id
    type: Word
    destination: str
    active: bool
    subscribed_events: list[EventType]
    endpoint_secret_key: str
    api_version: int = 1


class Answer(Document, frozen=True, kw_only=True):
    """What answers a request: one entity."""

    data: msgspec.Raw


class Pagination(Document, frozen=True, kw_only=True):
    """Where a list goes on. `next` is an address, and is never called: only what stands in it counts."""

    has_more: bool


class ListMeta(Document, frozen=True, kw_only=True):
    """What is said about a page."""

    pagination: Pagination


class ListPage(Document, frozen=True, kw_only=True):
    """A page of a list; each row is kept as it came, to the byte."""

    data: list[msgspec.Raw]
    meta: ListMeta


class FieldError(Document, frozen=True, kw_only=True):
    """A field that Paddle did not like."""

    field: str


class Problem(Document, frozen=True, kw_only=True):
    """What an error says."""

    code: Word
    detail: str = ""
    errors: tuple[FieldError, ...] = ()


class ErrorBody(Document, frozen=True, kw_only=True):
    """The body of an answer that says no."""

    error: Problem
