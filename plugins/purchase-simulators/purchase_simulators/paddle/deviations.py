"""What the simulator has beyond Paddle's OpenAPI document of 2025-05-27, and why.

The document is older than the API. Each entry adds a field or an operation to the document, and names what
justifies it; a test prints how many there are, and fails for one that is never met.
"""

from __future__ import annotations

import attrs

from .shapes import Document

SDK = "paddle-python-sdk 1.16.1 refuses the answer without it"
TEXT: Document = {"type": "string"}


@attrs.frozen
class Addition:
    """A field that the document does not have yet. `part`: the way to the object's properties."""

    part: tuple[str, ...]
    name: str
    schema: Document
    reason: str

    def apply(self, document: Document) -> None:
        """Write it into the document."""
        node: Document = document["components"]["schemas"]
        for step in self.part:
            node = node[int(step)] if isinstance(node, list) else node[step]
        node["properties"][self.name] = self.schema


ADDITIONS = (
    Addition(("transaction_totals", "allOf", "1"), "grand_total_tax", TEXT, SDK),
    Addition(("transaction_totals_adjusted",), "grand_total_tax", TEXT, SDK),
    Addition(("transaction_totals_adjusted",), "retained_fee", TEXT, SDK),
    Addition(("transaction_payout_totals",), "grand_total_tax", TEXT, SDK),
    Addition(("transaction_payout_totals",), "exchange_rate", TEXT, SDK),
    Addition(("transaction_payout_totals",), "fee_rate", TEXT, SDK),
    Addition(("transaction_payout_totals_adjusted",), "exchange_rate", TEXT, SDK),
    Addition(("transaction_payout_totals_adjusted",), "retained_fee", TEXT, SDK),
    Addition(("adjustment_totals",), "retained_fee", TEXT, SDK),
    Addition(("discount",), "discount_group", {"type": ["object", "null"]}, SDK),
)

OPERATIONS = {
    ("GET", "/currencies"): "api-reference/currencies: newer than the document",
}
"""Operations that the document does not have yet, and why they are there."""

PARAMETERS = {"/events": frozenset({"event_type", "from", "to"})}
"""Parameters of queries that it does not have yet: api-reference/events/list-events."""
