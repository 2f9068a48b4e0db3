"""The documents of a tiny account, and what each of them shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from purchase_core.facts.bodies import (
    Body,
    DisputeSeen,
    InvoiceLine,
    InvoiceSeen,
    Item,
    RefundSeen,
    SessionSeen,
    SubscriptionSeen,
)
from purchase_core.instants import Instant
from purchase_core.ports.provider import OurReference


class Document(msgspec.Struct):
    id: str
    updated: int
    metadata: dict[str, str]


class Session(Document):
    status: str
    payment: str
    customer: str
    subscription: str
    invoice: str

    def seen(self, ours: OurReference) -> Body:
        return SessionSeen(
            self.id, self.status, self.payment, self.customer, ours.intent, self.subscription, self.invoice
        )


class _Item(msgspec.Struct):
    price: str
    quantity: int
    unit_amount: int
    currency: str


class _Line(_Item):
    amount: int
    period_start: int | None
    period_end: int | None
    proration: bool
    trial: bool


class Subscription(Document):
    status: str
    customer: str
    items: list[_Item]
    period_start: int
    period_end: int
    started_at: int
    trial_end: int | None
    cancel_at: int | None
    ended_at: int | None
    resumes_at: int | None
    collecting: bool
    next_items: list[_Item]
    next_items_at: int | None

    def seen(self, ours: OurReference) -> Body:
        items, next_items = (
            tuple(Item(one.price, one.quantity, one.unit_amount, one.currency) for one in rows)
            for rows in (self.items, self.next_items)
        )
        return SubscriptionSeen(
            self.id,
            self.status,
            self.customer,
            items,
            Instant(self.period_start),
            Instant(self.period_end),
            Instant(self.started_at),
            _instant(self.trial_end),
            _instant(self.cancel_at),
            _instant(self.ended_at),
            ours.intent,
            _instant(self.resumes_at),
            self.collecting,
            next_items,
            _instant(self.next_items_at),
        )


class Invoice(Document):
    status: str
    reason: str
    customer: str
    currency: str
    total: int
    paid: int
    paid_at: int | None
    due_at: int | None
    action: str
    lines: list[_Line]
    subscription: str

    def seen(self, ours: OurReference) -> Body:
        lines = tuple(
            InvoiceLine(
                one.price,
                one.quantity,
                one.unit_amount,
                one.amount,
                one.currency,
                _instant(one.period_start),
                _instant(one.period_end),
                proration=one.proration,
                trial=one.trial,
            )
            for one in self.lines
        )
        return InvoiceSeen(
            self.id,
            self.status,
            self.reason,
            self.customer,
            self.currency,
            self.total,
            self.paid,
            lines,
            _instant(self.paid_at),
            self.subscription,
            ours.intent,
            _instant(self.due_at),
            self.action,
        )


class Refund(Document):
    invoice: str
    amount: int
    currency: str
    status: str

    def seen(self, ours: OurReference) -> Body:
        return RefundSeen(self.id, self.invoice, self.amount, self.currency, self.status, ours.command)


class Dispute(Document):
    invoice: str
    amount: int
    currency: str
    status: str

    def seen(self, ours: OurReference) -> Body:  # a dispute needs no reference
        return DisputeSeen(self.id, self.invoice, self.amount, self.currency, self.status)


KINDS: Mapping[str, type[Document]] = {
    "session": Session,
    "subscription": Subscription,
    "invoice": Invoice,
    "refund": Refund,
    "dispute": Dispute,
}
TYPES = {
    "session.opened", "session.completed", "session.updated", "session.expired",
    "subscription.started", "subscription.updated",
    "subscription.renewed", "subscription.paused", "subscription.resumed", "subscription.ended",
    "invoice.paid", "invoice.failed", "invoice.written_off", "refund.made", "refund.settled",
    "dispute.changed",
}  # fmt: skip


class Head(msgspec.Struct):
    id: str
    type: str
    created: int
    account: str
    mode: str
    version: str
    data: dict[str, Any]


def _instant(value: int | None) -> Instant | None:
    return None if value is None else Instant(value)
