"""Renewals: the bill of a new period, its payment, and what is tried when it fails.

Sources: webhooks/simulator/subscription-renewed and -resumed, build/retain (payment recovery),
api-reference/subscriptions (activate, charge, resume, update-payment-method-transaction). How often and how
long a failed payment is tried again is the account's setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from purchase_core.instants import DAY, HOUR, Instant

from . import paying, subscriptions
from .amounts import Line
from .book import Book
from .cards import CARDS, GOOD_CARD, Card
from .refusal import Refusal, bad, field
from .requests import Charge
from .settings import CHARGES_PER_DAY, CHARGES_PER_HOUR
from .shapes import Document, snapshot
from .stamps import after, written
from .stamps import read as read_instant
from .transactions import OPEN, blank, country_of, fill, items_of, price_it


def renew(book: Book, document: Document) -> Document:
    """A new period begins; the bill for it is made, and collected from the saved card."""
    note = book.note(document["id"])
    periods = cast("int", note["periods"])
    anchor = cast("Instant", note["anchor"])
    starts = after(anchor, document["billing_cycle"], periods)
    ends = after(anchor, document["billing_cycle"], periods + 1)
    note["periods"] = periods + 1
    trialing = document["status"] == "trialing"
    set_period(document, starts, ends)
    document["first_billed_at"] = document["first_billed_at"] or written(starts)
    types = ["subscription.updated"]
    if trialing:
        document["status"] = "active"
        types.append("subscription.activated")
    for item in document["items"]:
        item |= {"status": "active", "previously_billed_at": written(starts)}
    book.changed(document, *types)
    return collect(book, document, recurring_bill(book, document))


def set_period(document: Document, starts: Instant, ends: Instant) -> None:
    """Put a subscription and its items into a period."""
    document["current_billing_period"] = {"starts_at": written(starts), "ends_at": written(ends)}
    document["next_billed_at"] = written(ends)
    for item in document["items"]:
        item["next_billed_at"] = written(ends)


def recurring_bill(book: Book, document: Document) -> Document:
    """The transaction of a period: the items, and whatever was put off until now."""
    pending = cast("list[Line]", book.note(document["id"]).pop("pending", []))
    lines = [Line(item["price"], item["quantity"]) for item in document["items"]] + pending
    items = [
        {
            "price_id": one.price["id"],
            "price": one.price,
            "quantity": one.quantity,
            "proration": one.proration,
        }
        for one in lines
    ]
    return billed(book, document, items, lines, "subscription_recurring")


def billed(
    book: Book, document: Document, items: list[Document], lines: Sequence[Line], origin: str, credit: int = 0
) -> Document:
    """A transaction of a subscription, which cannot be changed any more."""
    transaction = blank(book, origin) | {
        "customer_id": document["customer_id"],
        "address_id": document["address_id"],
        "business_id": document["business_id"],
        "subscription_id": document["id"],
        "currency_code": document["currency_code"],
        "custom_data": snapshot(document["custom_data"]) if document["custom_data"] else None,
        "discount_id": _discount(book, document),
        "billing_period": document["current_billing_period"],
        "items": snapshot({"items": items})["items"],
        "status": "billed",
        "billed_at": written(book.now()),
        "checkout": None,
    }
    balance = credit + _balance(book, document)
    fill(book, transaction, lines, country=country_of(book, transaction), credit=balance)
    _use_balance(book, document, int(transaction["details"]["totals"]["credit"]) - credit)
    return book.add(transaction, "transaction.created", "transaction.billed")


def collect(book: Book, document: Document, transaction: Document) -> Document:
    """Try the saved card; if it fails, both are past due, and it is tried again in some days."""
    card = card_of(book, document)
    paying.pay(book, transaction, card, refusal=card.refusal or card.later)
    if transaction["status"] == "completed":
        return transaction
    if transaction["status"] != "past_due":
        transaction["status"] = "past_due"
        page = f"{book.settings.default_checkout_url}?_ptxn={transaction['id']}"
        transaction["checkout"] = {"url": page}
        book.changed(transaction, "transaction.updated", "transaction.past_due")
    if document["status"] != "past_due":
        document["status"] = "past_due"
        book.changed(document, "subscription.updated", "subscription.past_due")
        book.note(document["id"])["retries"] = [
            book.now() + days * DAY for days in book.settings.dunning_days
        ]
    return transaction


def retry(book: Book, document: Document) -> None:
    """Try again to collect what is past due; after the last time, give up as the account says."""
    retries = cast("list[Instant]", book.note(document["id"])["retries"])
    retries.pop(0)
    for transaction in past_due(book, document):
        collect(book, document, transaction)
    if document["status"] == "past_due" and not retries:
        if book.settings.dunning_exhausted == "pause":
            subscriptions.stop(book, document, None)
        else:
            subscriptions.end(book, document)


def past_due(book: Book, document: Document) -> list[Document]:
    """What a subscription owes."""
    return [
        one
        for one in book.rows("txn")
        if one["subscription_id"] == document["id"] and one["status"] == "past_due"
    ]


def card_of(book: Book, document: Document) -> Card:
    """The card that a subscription is charged to."""
    return CARDS[cast("str", book.note(document["id"]).get("card") or GOOD_CARD)]


def go_on(book: Book, document: Document) -> Document:
    """A paused subscription goes on: with a new period that is charged now, or with the one it had."""
    note = book.note(document["id"])
    held = cast("Document | None", note.get("paused_period"))
    document |= {"status": "active", "paused_at": None, "scheduled_change": None}
    for item in document["items"]:
        item["status"] = "active"
    if note.get("on_resume") != subscriptions.START_NEW:
        if held is None or read_instant("ends_at", held["ends_at"]) <= book.now():
            document["status"] = "paused"
            raise bad(
                "subscription_continuing_existing_billing_period_not_allowed",
                "the existing billing period is over",
            )
        set_period(document, *(read_instant(name, held[name]) for name in ("starts_at", "ends_at")))
        return book.changed(
            document, "subscription.updated", "subscription.resumed", "subscription.activated"
        )
    now = book.now()
    note |= {"anchor": now, "periods": 1}
    set_period(document, now, after(now, document["billing_cycle"]))
    for item in document["items"]:
        item["previously_billed_at"] = written(now)
    book.changed(document, "subscription.updated", "subscription.resumed", "subscription.activated")
    collect(book, document, recurring_bill(book, document))
    return document


def activate(book: Book, subscription: str) -> Document:
    """POST /subscriptions/{id}/activate: the trial ends now, and the first period is charged."""
    document = subscriptions.living(book, subscription)
    if document["status"] != "trialing":
        raise bad("subscription_cannot_activate", f"a {document['status']} subscription cannot be activated")
    if document["scheduled_change"]:
        raise bad("subscription_locked_pending_changes", "pending scheduled changes")
    book.note(subscription)["anchor"] = book.now()
    renew(book, document)
    return document


def charge(book: Book, subscription: str, asked: Charge) -> Document:
    """POST /subscriptions/{id}/charge: something once, now or with the next bill."""
    document, lines = chargeable(book, subscription, asked)
    if asked.effective_from == "next_billing_period":
        note = book.note(subscription)
        note["pending"] = [*cast("list[Line]", note.get("pending", [])), *lines]
        return book.changed(document, "subscription.updated")
    limited(book, document)
    refuse_if_declined(book, document, asked.on_payment_failure)
    items = items_of(book, asked.items)
    collect(book, document, billed(book, document, items, lines, "subscription_charge"))
    return book.changed(document, "subscription.updated")


def chargeable(book: Book, subscription: str, asked: Charge) -> tuple[Document, list[Line]]:
    """The subscription, and the lines of a charge. Raises Refusal where it cannot be."""
    document = subscriptions.living(book, subscription)
    if document["status"] not in ("active", "trialing"):
        raise bad("subscription_not_active", f"a {document['status']} subscription cannot be charged")
    items = items_of(book, asked.items)
    if any(item["price"]["billing_cycle"] for item in items):
        raise field("items", "must be one-time prices")
    return document, [Line(item["price"], item["quantity"]) for item in items]


def limited(book: Book, document: Document) -> None:
    """Count what is charged at once. Source: changelog/2024/subscription-immediate-charge-limits."""
    now = book.now()
    charges = cast("list[Instant]", book.note(document["id"])["charges"])
    charges[:] = [at for at in charges if at > now - DAY]
    for span, limit, code in (
        (HOUR, CHARGES_PER_HOUR, "subscription_immediate_charge_hour_limit_exceeded"),
        (DAY, CHARGES_PER_DAY, "subscription_immediate_charge_24_hour_limit_exceeded"),
    ):
        recent = [at for at in charges if at > now - span]
        if len(recent) >= limit:
            wait = (recent[0] + span - now) // 1_000_000 + 1
            raise Refusal(429, code, f"Limit: {limit}", retry_after_seconds=wait)
    charges.append(now)


def refuse_if_declined(book: Book, document: Document, on_failure: str) -> None:
    """`prevent_change`: where the card would be declined, nothing happens. Raises Refusal."""
    card = card_of(book, document)
    if on_failure == "prevent_change" and (card.refusal or card.later):
        raise bad("subscription_payment_declined", "the payment was declined")


def method_change(book: Book, subscription: str) -> Document:
    """GET /subscriptions/{id}/update-payment-method-transaction: of nothing, or what is past due."""
    document = subscriptions.living(book, subscription)
    if document["collection_mode"] != "automatic":
        raise bad("subscription_not_automatic_collection", "it is not collected automatically")
    owed = past_due(book, document)
    if owed:
        return owed[0]
    for one in book.rows("txn"):
        same = one["subscription_id"] == subscription and one["origin"] == paying.METHOD_CHANGE
        if same and one["status"] in OPEN:
            return one
    transaction = blank(book, paying.METHOD_CHANGE) | {
        "customer_id": document["customer_id"],
        "address_id": document["address_id"],
        "subscription_id": subscription,
        "currency_code": document["currency_code"],
        "custom_data": snapshot(document["custom_data"]) if document["custom_data"] else None,
        "items": [
            {
                "price_id": i["price"]["id"],
                "price": snapshot(i["price"]),
                "quantity": i["quantity"],
                "proration": None,
            }
            for i in document["items"]
        ],
        "status": "ready",
    }
    transaction["checkout"] = {"url": f"{book.settings.default_checkout_url}?_ptxn={transaction['id']}"}
    price_it(book, transaction)
    lines = [Line(item["price"], item["quantity"], free=True) for item in transaction["items"]]
    fill(book, transaction, lines, country=country_of(book, transaction))
    return book.add(transaction, "transaction.created", "transaction.ready")


def _discount(book: Book, document: Document) -> str | None:
    found = document["discount"]
    if not found or (found["ends_at"] and read_instant("ends_at", found["ends_at"]) <= book.now()):
        return None
    return str(found["id"])


def _balance(book: Book, document: Document) -> int:
    balances = cast("dict[str, int]", book.note(document["customer_id"]).setdefault("balance", {}))
    return balances.get(document["currency_code"], 0)


def _use_balance(book: Book, document: Document, used: int) -> None:
    if used > 0:
        balances = cast("dict[str, int]", book.note(document["customer_id"])["balance"])
        balances[document["currency_code"]] -= used
