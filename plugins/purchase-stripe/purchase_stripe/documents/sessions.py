"""Customers, checkout and portal sessions, and webhook endpoints."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from .parts import Head, Metadata, Ref, Seconds, Url, Word


class Customer(Head, frozen=True, kw_only=True):
    """A customer, or what is left of one that was deleted."""

    deleted: bool = False
    email: str | None = None
    metadata: Metadata | None = None


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
