"""Details: what identifies a person, kept beside everything else, so that it can be erased by itself."""

from __future__ import annotations

from purchase_core.instants import Instant
from purchase_core.values import Value


class Details(Value, frozen=True):
    """What the application says of a customer: JSON of texts by name. Outside facts, rows and hashes."""

    customer: str
    body: bytes
    updated_at: Instant

    def __repr__(self) -> str:
        """Without the body: it is the customer's business, not the log's."""
        return f"Details({self.customer!r})"
