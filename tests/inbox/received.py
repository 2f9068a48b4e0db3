"""Deliveries and the rows that are kept of them."""

from __future__ import annotations

import json
from typing import Any

from purchase_core.records.delivery import Delivery
from purchase_sandbox.testing import Webhook
from tests.faults.shop import Shop

QUEUE = {"mode": "queue"}


def edited(webhook: Webhook, **fields: Any) -> bytes:
    """The body with some fields of the event replaced."""
    return json.dumps({**json.loads(webhook.body), **fields}).encode()


def rows(shop: Shop) -> list[Delivery]:
    """Every inbox row of the shop."""
    return list(shop.memory.deliveries.values())
