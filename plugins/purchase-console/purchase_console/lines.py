"""Rows of the documented tables, each as one line that a person reads."""

from __future__ import annotations

import attrs

from purchase_core.facts.fact import object_key
from purchase_core.facts.rows import (
    CaseRow,
    IntentRow,
    InvoiceRow,
    LotRow,
    PurchaseRow,
    Row,
    SubscriptionRow,
)
from purchase_core.instants import Instant
from purchase_core.money import money_of

GOOD = ("active", "trialing", "paid", "open", "settled", "matched", "resolved")


@attrs.frozen
class Line:
    """What a row is, how it stands, its money, and since when.

    `about` is the key of the provider's object that it shows; `refundable` what is left of a bill.
    """

    key: str
    about: str
    what: str
    state: str
    tone: str
    money: str
    at: Instant | None
    refundable: str = ""


def line_of(row: Row) -> Line:
    """The line of a row."""
    match row:
        case CaseRow():
            tone = "bad" if row.status == "open" else "good"
            return Line(
                row.key,
                row.about,
                f"{row.kind}: {row.detail}",
                row.status,
                tone,
                money_of(row.amount, row.currency),
                row.opened_at,
            )
        case SubscriptionRow():
            each = money_of(row.unit_amount, row.currency)
            state = row.status if row.bound else f"{row.status}, not bound"
            what = f"{row.connection} {row.provider_id}"
            tone = "good" if row.bound and row.status in GOOD else "bad"
            return Line(row.key, row.key, what, state, tone, f"{row.quantity} x {each}", row.started_at)
        case PurchaseRow():
            tone = "good" if row.paid - row.refunded >= row.due else "bad"
            state = "paid" if tone == "good" else f"{money_of(row.refunded, row.currency)} went back"
            what = f"{row.connection} {row.intent}"
            return Line(row.key, "", what, state, tone, money_of(row.paid, row.currency), row.purchased_at)
        case InvoiceRow():
            left = row.paid - row.refunded - row.refunding
            back = f", {money_of(row.refunded, row.currency)} went back" if row.refunded else ""
            return Line(
                row.key,
                row.key,
                f"{row.reason} bill, {row.connection} {row.provider_id}",
                f"{row.status}, {row.match}{back}",
                "good" if row.match == "matched" and row.status == "paid" else "bad",
                money_of(row.total, row.currency),
                row.paid_at or row.seen_at,
                refundable=money_of(left, row.currency) if left > 0 else "",
            )
        case LotRow():
            state = f"{row.clawed:,} asked back" if row.clawed else "granted"
            tone = "bad" if row.clawed else "good"
            return Line(row.key, row.invoice, row.unit, state, tone, f"{row.granted:,}", row.granted_at)
        case IntentRow():
            total = money_of(row.unit_amount * row.quantity, row.currency)
            tone = "good" if row.settled_by else ""
            page = object_key("session", row.connection, row.session) if row.session else ""
            what = f"{row.quantity} x {row.offer}"
            return Line(row.key, page, what, row.status, tone, total, row.placed_at)
        case _:
            return Line(row.key, row.key, row.TABLE, "", "", "", None)
