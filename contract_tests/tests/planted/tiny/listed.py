"""Objects as lists show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from purchase_core.ports.provider import ListedCustomer, WebhookEndpoint


def listed_customer(one: Mapping[str, Any]) -> ListedCustomer:
    """A customer as it is listed."""
    return ListedCustomer(one["id"], one["email"], one["metadata"], gone=one["archived"])


def endpoint(one: Mapping[str, Any]) -> WebhookEndpoint:
    """An endpoint as it is listed."""
    return WebhookEndpoint(one["id"], one["url"], one["enabled"], tuple(one["events"]), one["version"])
