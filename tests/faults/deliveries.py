"""Deliveries to a shop: one of them chosen, changed, taken or refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from purchase_core.errors import (
    DeliveryRefused,
    SignatureInvalid,
)
from purchase_core.ports.provider import Headers
from purchase_sandbox.testing import Webhook
from tests.faults.shop import Shop

OURS = "purchase_"
ABSENT = "absent"


async def one_event(shop: Shop, kind: bytes = b"invoice.paid") -> bytes:
    """A genuine event that would change something."""
    await shop.buy()
    return next(one.body for one in shop.webhooks() if kind in one.body)


def changed(body: bytes, **fields: object) -> bytes:
    """An event with other fields, or without those that are ABSENT."""
    event = {**json.loads(body), **fields}
    return json.dumps({name: value for name, value in event.items() if value is not ABSENT}).encode()


async def refused(
    shop: Shop, body: bytes, headers: Headers, what: str, error: type[DeliveryRefused] = SignatureInvalid
) -> None:
    """Take what must not be accepted."""
    try:
        receipt = await shop.take(body, headers)
    except error as refusal:
        assert refusal.http_status == 400  # noqa: PT017  # what is refused is named
        return
    pytest.fail(f"{what}: {receipt.status}")


async def of_webhook(webhooks: Sequence[Webhook], kind: str) -> Webhook:
    return next(one for one in webhooks if f'"type":"{kind}"'.encode() in one.body)


def about(body: bytes) -> str:
    """The type of an event."""
    found: str = json.loads(body)["type"]
    return found


async def paid(shop: Shop, **wish: Any) -> dict[str, dict[str, Any]]:
    """A sale that was paid and not delivered: its events by type."""
    await shop.buy(**wish)
    return {about(one.body): json.loads(one.body) for one in shop.webhooks()}


async def take(shop: Shop, *events: Mapping[str, Any]) -> list[str]:
    """Take events as they are now. What became of each."""
    return [(await shop.take(json.dumps(event).encode())).status for event in events]
