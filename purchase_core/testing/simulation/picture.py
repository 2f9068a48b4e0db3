"""What an application shows: its rows and rights, in the plain form in which the oracle tells them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from purchase_core.access.rights import Rights
from purchase_core.facts.rows import (
    CaseRow,
    DisputeRow,
    IntentRow,
    InvoiceRow,
    PurchaseRow,
    RefundRow,
    Row,
    SubscriptionRow,
)
from purchase_core.ports.paging import every_row
from purchase_core.ports.store import Store
from purchase_core.records.lane import customer_of
from purchase_core.testing.simulation.oracle.expected import Picture
from purchase_core.testing.simulation.oracle.rights import Allowed


async def shown(store: Store) -> Picture:
    """Every row of every table."""
    picture: Picture = {}
    for table, plain in _PLAIN.items():
        rows = [row async for row in every_row(store, table)]
        # What we asked for and were refused is no money: it is told by the receipt.
        picture[table.TABLE] = {row.key: plain(row) for row in rows if row_status(row) != "refused"}
    return picture


def row_status(row: object) -> str:
    """The status of a row that has one."""
    return getattr(row, "status", "")


def allowed_by(rights: Rights) -> Allowed:
    """Rights, as the oracle tells them."""
    return Allowed(
        set(rights.features),
        {name: (quota.limit, quota.reset, quota.anchor) for name, quota in rights.quotas.items()},
        dict(rights.licences),
        {unit: amount for unit, amount in rights.credits.items() if amount},
    )


def _subscription(row: SubscriptionRow) -> tuple[object, ...]:
    planned = msgspec.json.decode(row.next_items) if row.next_items else []
    return (
        customer_of(row.lane),
        row.status,
        row.bound,
        row.version,
        row.quantity,
        row.period_start,
        row.period_end,
        row.trial_end,
        row.cancel_at,
        row.ended_at,
        row.collecting,
        planned[0][1] if planned else 0,
    )


def _invoice(row: InvoiceRow) -> tuple[object, ...]:
    return (
        customer_of(row.lane),
        row.status,
        row.match,
        row.reason,
        row.total,
        row.paid,
        row.refunded,
        row.refunding,
        row.disputed,
        row.action,
    )


def _purchase(row: PurchaseRow) -> tuple[object, ...]:
    return (
        customer_of(row.lane),
        row.version,
        row.quantity,
        row.due,
        row.paid,
        row.refunded,
        row.disputed,
        row.lost,
    )


_PLAIN: dict[type[Row], Callable[[Any], tuple[object, ...]]] = {
    IntentRow: lambda row: (customer_of(row.lane), row.version, row.status, row.settled_by),
    SubscriptionRow: _subscription,
    InvoiceRow: _invoice,
    RefundRow: lambda row: (customer_of(row.lane), row.invoice, row.amount, row.status, row.command),
    DisputeRow: lambda row: (customer_of(row.lane), row.invoice, row.amount, row.status),
    PurchaseRow: _purchase,
    CaseRow: lambda row: (row.amount,),
}
