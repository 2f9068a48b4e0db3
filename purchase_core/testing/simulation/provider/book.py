"""The book of an account: every object that it holds, as it is now, and every state that each was ever in."""

from __future__ import annotations

import attrs

from purchase_core.testing.simulation.provider.objects import (
    Dispute,
    Invoice,
    Payer,
    Price,
    Refund,
    Session,
    Subscription,
)


@attrs.define
class Book:
    """What is true in one account. `name` is the connection's. Objects are kept in the order of making.

    `overdrawn`: invoices of which the application's own requests asked back more than was paid.
    """

    name: str
    prices: dict[str, Price] = attrs.Factory(dict)
    payers: dict[str, Payer] = attrs.Factory(dict)
    sessions: dict[str, Session] = attrs.Factory(dict)
    subscriptions: dict[str, Subscription] = attrs.Factory(dict)
    invoices: dict[str, Invoice] = attrs.Factory(dict)
    refunds: dict[str, Refund] = attrs.Factory(dict)
    disputes: dict[str, Dispute] = attrs.Factory(dict)
    overdrawn: list[str] = attrs.Factory(list)

    def ours(self, invoice: str) -> int:
        """What the application itself has asked back of an invoice, and has got or may get."""
        return sum(
            one.amount
            for one in self.refunds.values()
            if one.invoice == invoice and one.metadata and one.status in ("pending", "succeeded")
        )

    def gone(self, invoice: str) -> int:
        """What of an invoice has gone back, is going back, or is held back or lost to a bank."""
        refunds = sum(
            one.amount
            for one in self.refunds.values()
            if one.invoice == invoice and one.status in ("pending", "succeeded")
        )
        disputes = sum(
            one.amount
            for one in self.disputes.values()
            if one.invoice == invoice and one.status in ("open", "lost")
        )
        return refunds + disputes
