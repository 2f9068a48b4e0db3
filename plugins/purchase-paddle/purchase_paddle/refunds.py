"""Refunds: adjustments, per line of a transaction; found by our command, which stands in their reason."""

from __future__ import annotations

from purchase_core.ports.provider import Connection, RefundRequest

from . import documents, reference
from .client import PaddleClient
from .identifiers import safe

PER_PAGE = 50
ALIVE = frozenset({"pending_approval", "approved"})
TAKING = frozenset({"refund", "chargeback"})


async def refund(
    client: PaddleClient, connection: Connection, request: RefundRequest
) -> documents.Adjustment:
    """Ask for a refund. Paddle agrees to it or not, mostly later."""
    fields: dict[str, object] = {
        "action": "refund",
        "transaction_id": request.invoice,
        "reason": reference.reason(request.reason, request.reference.command, connection),
    }
    if request.amount is None:
        fields["type"] = "full"
    else:
        fields |= {"type": "partial", "items": await _parts(client, request.invoice, request.amount)}
    return await client.write("POST", "/adjustments", fields, documents.Adjustment)


async def find(
    client: PaddleClient, connection: Connection, invoice: str, command: str
) -> documents.Adjustment | None:
    """The refund of a transaction that carries our command."""
    query = [("transaction_id", invoice), ("action", "refund")]
    async for one in client.rows("/adjustments", query, documents.Adjustment, PER_PAGE):
        if reference.command_in(one.reason, connection) == command:
            return one
    return None


async def _parts(client: PaddleClient, invoice: str, amount: int) -> list[dict[str, str]]:
    """The amount, taken from the lines in their order: each can give what is left of it.

    What no line has left is asked of the last one all the same: it is Paddle who refuses it.
    """
    path = f"/transactions/{safe(invoice)}"
    found = await client.read(path, documents.Adjusted, [("include", "adjustments")])
    gone: dict[str, int] = {}
    for adjustment in found.adjustments:
        if adjustment.status in ALIVE and adjustment.action in TAKING:
            for item in adjustment.items:
                gone[item.item_id] = gone.get(item.item_id, 0) + int(item.totals.total)
    parts: list[dict[str, str]] = []
    rest = amount
    for number, line in enumerate(found.details.line_items, start=1):
        left = max(int(line.totals.total) - gone.get(line.id, 0), 0)
        taken = rest if number == len(found.details.line_items) else min(left, rest)
        if taken:
            parts.append({"item_id": line.id, "type": "partial", "amount": str(taken)})
        rest -= taken
    return parts
