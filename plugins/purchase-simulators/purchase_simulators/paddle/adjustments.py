"""Adjustments: refunds that Paddle approves or rejects, credits, and chargebacks that only Paddle makes.

    pending_approval ─► approved ─► reversed          pending_approval ─► rejected

Sources: api-reference/adjustments, errors/adjustments, build/transactions/create-transaction-adjustments. Of
a completed transaction only; one refund at a time while it is pending; per line item; never changed later.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import cast

from purchase_core.instants import Instant

from .amounts import Line, adjusted, split, unit_price
from .book import Book
from .refusal import bad
from .requests import Adjustment, AdjustmentItem
from .shapes import Document
from .transactions import country_of

PENDING, APPROVED, REJECTED, REVERSED = "pending_approval", "approved", "rejected", "reversed"
UNSUPPORTED = "The transaction being adjusted ({}) has a non supported status."
TAKING = ("refund", "chargeback")
REVERSES = {"chargeback": "chargeback_reverse", "chargeback_warning": "chargeback_warning_reverse"}


def create(book: Book, asked: Adjustment) -> Document:
    """POST /adjustments."""
    transaction = book.find("txn", asked.transaction_id)
    if asked.action == "refund":
        if transaction["status"] != "completed":
            raise bad(
                "adjustment_transaction_invalid_status_for_refund",
                f"{UNSUPPORTED.format('refund')} ID: {transaction['id']}",
            )
    elif transaction["collection_mode"] != "manual" or transaction["status"] not in ("billed", "past_due"):
        raise bad(
            "adjustment_transaction_invalid_status_for_credit",
            f"{UNSUPPORTED.format('credit')} ID: {transaction['id']}",
        )
    if pending(book, transaction["id"]):
        raise bad(
            "adjustment_pending_refund_request",
            "You are unable to create further adjustments against this transaction as there is a pending "
            "refund request",
        )
    items = _items(book, transaction, asked)
    status = PENDING if asked.action == "refund" else APPROVED
    document = _document(book, transaction, asked.action, asked.type, items, asked.reason, status)
    if asked.action == "refund" and book.settings.approval is not None:
        book.note(document["id"])["decided_at"] = Instant(book.now() + book.settings.approval)
    book.add(document, "adjustment.created")
    _adjust(book, transaction)
    return document


def decide(book: Book, adjustment: str, *, approved: bool) -> Document:
    """What Paddle's people do with a refund that waits for them."""
    document = book.find("adj", adjustment)
    if document["status"] != PENDING:
        raise bad("adjustment_invalid_status", f"a {document['status']} adjustment is decided already")
    book.note(adjustment).pop("decided_at", None)
    document["status"] = APPROVED if approved else REJECTED
    book.changed(document, "adjustment.updated")
    _adjust(book, book.find("txn", document["transaction_id"]))
    return document


def charge_back(book: Book, transaction: str, *, warning: bool = False) -> Document:
    """A bank takes back what was paid, or says that it might."""
    found = book.find("txn", transaction)
    action = "chargeback_warning" if warning else "chargeback"
    items = [
        _item(book, row["id"], "full", None, _left(book, found, row))
        for row in found["details"]["line_items"]
    ]
    reason = "The buyer does not recognise the charge"
    document = _document(book, found, action, "full", items, reason, APPROVED)
    book.add(document, "adjustment.created")
    _adjust(book, found)
    return document


def reverse(book: Book, adjustment: str) -> Document:
    """Paddle won a chargeback: an adjustment of its own says so, and the first one is reversed.

    A refund that does not arrive is reversed too; that no other adjustment tells of it is an assumption.
    """
    lost = book.find("adj", adjustment)
    if lost["action"] not in (*REVERSES, "refund") or lost["status"] != APPROVED:
        raise bad("adjustment_invalid_status", "there is nothing to reverse")
    lost["status"] = REVERSED
    book.changed(lost, "adjustment.updated")
    found = book.find("txn", lost["transaction_id"])
    if lost["action"] == "refund":
        _adjust(book, found)
        return lost
    items = [_item(book, one["item_id"], "full", None, one["totals"]) for one in lost["items"]]
    document = _document(book, found, REVERSES[lost["action"]], "full", items, lost["reason"], APPROVED)
    book.add(document, "adjustment.created")
    _adjust(book, found)
    return document


def credit_for(book: Book, subscription: Document, lines: Sequence[Line], amount: int) -> None:
    """What removed items give back, as a credit on the bill that they were paid with."""
    paid = [
        one
        for one in book.rows("txn")
        if one["subscription_id"] == subscription["id"] and one["status"] == "completed"
    ]
    wanted = {line.price["id"]: line for line in lines}
    for transaction in reversed(paid):
        rows = [row for row in transaction["details"]["line_items"] if row["price_id"] in wanted]
        if not rows:
            continue
        country = country_of(book, subscription)
        items = []
        for row in rows:
            line = wanted.pop(row["price_id"])
            unit = int(
                unit_price(line.price, country, subscription["currency_code"]) * line.share + Fraction(1, 2)
            )
            net, tax = split(book, line.price, unit * line.quantity, country)
            totals = {"subtotal": str(net), "tax": str(tax), "total": str(net + tax)}
            items.append(_item(book, row["id"], "proration", str(net + tax), totals, line.proration))
        document = _document(book, transaction, "credit", "partial", items, "Subscription change", APPROVED)
        document["credit_applied_to_balance"] = False
        book.add(document, "adjustment.created")


def pending(book: Book, transaction: str) -> bool:
    """Whether a refund of a transaction waits for Paddle."""
    return any(one["transaction_id"] == transaction and one["status"] == PENDING for one in book.rows("adj"))


def refund_pending(book: Book, subscription: str) -> bool:
    """Whether a refund of one of a subscription's transactions waits for Paddle."""
    return any(
        one["subscription_id"] == subscription and one["status"] == PENDING for one in book.rows("adj")
    )


def _items(book: Book, transaction: Document, asked: Adjustment) -> list[Document]:
    rows = {row["id"]: row for row in transaction["details"]["line_items"]}
    if asked.type == "full":
        if asked.items:
            raise bad("adjustment_invalid_combination_of_types", "a full adjustment names no items")
        lefts = {identifier: _left(book, transaction, row) for identifier, row in rows.items()}
        items = [_item(book, one, "full", None, left) for one, left in lefts.items() if int(left["total"])]
        if not items:
            raise bad(
                "adjustment_transaction_item_has_already_been_fully_adjusted", "nothing is left to refund"
            )
        return items
    if not asked.items:
        raise bad("bad_request", "a partial adjustment names its items")
    return [_asked_item(book, transaction, rows, one) for one in asked.items]


def _asked_item(
    book: Book, transaction: Document, rows: dict[str, Document], asked: AdjustmentItem
) -> Document:
    row = rows.get(asked.item_id)
    if row is None:
        raise bad("adjustment_transaction_item_invalid", f"no such item: {asked.item_id}")
    left = _left(book, transaction, row)
    available = int(left["total"])
    if not available:
        raise bad(
            "adjustment_transaction_item_has_already_been_fully_adjusted",
            f"the item is fully adjusted: {asked.item_id}",
        )
    if asked.type == "full":
        return _item(book, asked.item_id, "full", None, left)
    if asked.type == "tax":
        if not int(left["tax"]):
            raise bad("adjustment_no_tax_available_to_adjust", "no tax is left to adjust")
        totals = {"subtotal": "0", "tax": left["tax"], "total": left["tax"]}
        return _item(book, asked.item_id, "tax", None, totals)
    amount = int(asked.amount or 0)
    if not amount:
        raise bad("adjustment_amount_cannot_be_zero", "the amount cannot be zero")
    if amount > available:
        raise bad(
            "adjustment_amount_above_remaining_allowed",
            f"the amount is above what is left of the item: {available}",
        )
    tax = amount * int(left["tax"]) // available
    totals = {"subtotal": str(amount - tax), "tax": str(tax), "total": str(amount)}
    return _item(book, asked.item_id, asked.type, str(amount), totals)


def _item(
    book: Book,
    item: str,
    kind: str,
    amount: str | None,
    totals: Document,
    proration: Document | None = None,
) -> Document:
    return {
        "id": book.ids.new("adjitm"),
        "item_id": item,
        "type": kind,
        "amount": totals["total"] if amount is None else amount,
        "proration": proration,
        "totals": dict(totals),
    }


def _left(book: Book, transaction: Document, row: Document) -> Document:
    """What of a line item has not been adjusted yet. A bill that used credit has less to pay back."""
    paid = row["totals"]
    left = {"subtotal": int(paid["subtotal"]) - int(paid["discount"]), "tax": int(paid["tax"])}
    for adjustment in book.rows("adj"):
        alive = adjustment["status"] in (PENDING, APPROVED) and adjustment["action"] in TAKING
        if alive and adjustment["transaction_id"] == transaction["id"]:
            for item in adjustment["items"]:
                if item["item_id"] == row["id"]:
                    left = {name: left[name] - int(item["totals"][name]) for name in left}
    left = {name: max(amount, 0) for name, amount in left.items()}
    return {name: str(amount) for name, amount in left.items()} | {"total": str(sum(left.values()))}


def _document(
    book: Book,
    transaction: Document,
    action: str,
    kind: str,
    items: list[Document],
    reason: str,
    status: str,
) -> Document:
    sums = {name: sum(int(item["totals"][name]) for item in items) for name in ("subtotal", "tax", "total")}
    totals = {name: str(amount) for name, amount in sums.items()}
    rates = sorted({row["tax_rate"] for row in transaction["details"]["line_items"]})
    fee = {
        "fee": "0",
        "retained_fee": "0",
        "earnings": str(sums["subtotal"]),
        "currency_code": transaction["currency_code"],
    }
    return {
        "id": book.ids.new("adj"),
        "action": action,
        "type": kind,
        "transaction_id": transaction["id"],
        "subscription_id": transaction["subscription_id"],
        "customer_id": transaction["customer_id"],
        "reason": reason,
        "credit_applied_to_balance": None,
        "currency_code": transaction["currency_code"],
        "status": status,
        "items": items,
        "totals": totals | fee,
        "payout_totals": None,
        "tax_rates_used": [{"tax_rate": rates[0], "totals": totals}] if rates else [],
    }


def _adjust(book: Book, transaction: Document) -> None:
    """Bring a transaction's adjusted totals up to date."""
    counted = [
        one["totals"]
        for one in book.rows("adj")
        if one["transaction_id"] == transaction["id"]
        and one["status"] == APPROVED
        and one["action"] in TAKING
    ]
    subtotal, tax, total = (sum(int(one[name]) for one in counted) for name in ("subtotal", "tax", "total"))
    transaction["details"]["adjusted_totals"] = adjusted(transaction["details"], subtotal, tax, total)


def due(book: Book) -> list[tuple[Instant, str]]:
    """Refunds that are approved by themselves, and when."""
    found = [(book.note(one["id"]).get("decided_at"), one["id"]) for one in book.rows("adj")]
    return [(cast("Instant", at), identifier) for at, identifier in found if at is not None]
