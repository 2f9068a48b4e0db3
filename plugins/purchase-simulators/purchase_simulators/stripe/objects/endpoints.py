"""Webhook endpoints and test clocks."""

from __future__ import annotations

from typing import ClassVar

from msgspec import UNSET, UnsetType

from .thing import Json, Metadata, Seconds, Thing, fixed


class WebhookEndpoint(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/webhook_endpoints/object. The secret only in the answer that made it."""

    noun: ClassVar[str] = "webhook endpoint"
    prefix: ClassVar[str] = "we"

    object: str = "webhook_endpoint"
    api_version: str | None = None
    application: None = None
    created: Seconds
    description: str | None = None
    enabled_events: tuple[str, ...]
    livemode: bool = False
    metadata: Metadata = {}
    secret: str | UnsetType = UNSET
    status: str = "enabled"
    url: str


class TestClock(Thing, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/test_clocks/object. The simulator has one time, and so have its clocks."""

    noun: ClassVar[str] = "test clock"
    prefix: ClassVar[str] = "clock"

    object: str = "test_helpers.test_clock"
    created: Seconds
    deletes_after: Seconds
    frozen_time: Seconds
    livemode: bool = False
    name: str | None = None
    status: str = "ready"
    status_details: Json = fixed({})
