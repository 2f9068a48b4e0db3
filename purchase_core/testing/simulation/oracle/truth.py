"""The truth: everything that the oracle tells from, and whose each thing is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from purchase_core.testing.simulation.oracle.judging import INTENT, Judged
from purchase_core.testing.simulation.oracle.ledger import Ledger
from purchase_core.testing.simulation.oracle.orders import Order, Terms
from purchase_core.testing.simulation.provider.book import Book
from purchase_core.testing.simulation.provider.objects import Subscription


@attrs.frozen
class Truth:
    """Everything that there is. `customers`: to whom a payer of an account (connection, id) is tied."""

    books: Sequence[Book]
    orders: Mapping[str, Order]
    terms: Terms
    judged: Judged
    customers: Mapping[tuple[str, str], str]
    ledger: Ledger

    def owner(self, book: Book, metadata: Mapping[str, str], payer: str) -> str:
        """The customer that something belongs to, or ""."""
        order = self.orders.get(metadata.get(INTENT, ""))
        return order.owner if order else self.customers.get((book.name, payer), "")

    def bound(self, book: Book, one: Subscription) -> bool:
        """Whether a subscription is what was ordered, or needs no order."""
        return self.judged.bound.get((book.name, one.id), True)
