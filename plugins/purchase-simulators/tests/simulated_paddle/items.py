"""Items of subscriptions, as they are sent and shown."""

from __future__ import annotations

from purchase_simulators.paddle.shapes import Document

NOW = "prorated_immediately"
TRIAL = {"interval": "day", "frequency": 14}


def item(price: Document, quantity: int = 1) -> Document:
    return {"price_id": price["id"], "quantity": quantity}


def ids(subscription: Document) -> dict[str, int]:
    return {one["price"]["id"]: one["quantity"] for one in subscription["items"]}
