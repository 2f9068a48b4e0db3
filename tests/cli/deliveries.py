"""Inbox rows that the commands of these tests find."""

from __future__ import annotations

from typing import Any

from purchase_core.instants import SystemClock
from purchase_core.records.delivery import Delivery

NOW = SystemClock().now()


def keep(app: Any, identifier: str, state: str = "quarantined", reason: str = "malformed_body: odd") -> None:
    app.database.deliveries[identifier] = Delivery(
        id=identifier, connection="shop", event_id=f"evt_{identifier}", event_type="a.b",
        object="invoice:shop:1", occurred_at=NOW, received_at=NOW, headers=(), body=b'{"id":"evt"}',
        state=state, reason=reason,
    )  # fmt: skip
