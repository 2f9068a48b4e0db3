"""Paying a transaction: what happens on the checkout page, and what Paddle makes of it afterwards.

Sources: webhooks/simulator/subscription-created (the order of events), webhooks/transactions/transaction-paid
(what is not there yet when it is only paid), changelog/2023/transaction-paid-event-status. Paid first: no
subscription, no invoice number, no billing period, no fees; completed has them all.
"""

from __future__ import annotations

from purchase_core.instants import Instant

from . import subscriptions
from .amounts import settle
from .book import Book
from .cards import CARDS, GOOD_CARD, Card
from .customers import add_address, add_customer, by_email, save_method
from .refusal import bad
from .requests import Address, Customer
from .shapes import Document
from .stamps import read as read_instant
from .transactions import OPEN, check_discount, payout_totals, price_it

PAYABLE = (*OPEN, "billed", "past_due")
METHOD_CHANGE = "subscription_payment_method_change"


def checkout(
    book: Book,
    transaction: str,
    card: str = GOOD_CARD,
    *,
    email: str = "buyer@example.com",
    country: str = "US",
    postal_code: str = "10001",
    code: str = "",
    refusal: str = "",
) -> Document:
    """The buyer fills in the page, and pays or is declined. Raises Refusal if the page takes no payment.

    The e-mail and address are asked for only where the transaction has none yet. `code`: of a discount.
    `refusal`: why this attempt fails, whatever the card.
    """
    document = book.find("txn", transaction)
    if document["status"] not in PAYABLE:
        raise bad("transaction_immutable", f"a {document['status']} transaction cannot be paid")
    if document["status"] in OPEN:
        identify(book, document, email=email, country=country, postal_code=postal_code)
        if code:
            add_discount(book, document, code)
    chosen = CARDS[card]
    if chosen.slow:
        _attempt(book, document, chosen, "pending_no_action_required")
        return book.changed(document, "transaction.updated")
    return pay(book, document, chosen, refusal=refusal or chosen.refusal)


def identify(book: Book, document: Document, *, email: str, country: str, postal_code: str) -> None:
    """What the buyer types before the card: Paddle uses the customer who has the address already."""
    if document["customer_id"] and document["address_id"]:
        return
    if not document["customer_id"]:
        known = by_email(book, email) or add_customer(book, Customer(email=email))
        document["customer_id"] = known["id"]
    if not document["address_id"]:
        asked = Address(country_code=country, postal_code=postal_code)
        document["address_id"] = add_address(book, document["customer_id"], asked)["id"]
    if not book.note(document["id"]).get("currency"):
        document["currency_code"] = ""  # nobody named one: it is that of where the buyer lives
    price_it(book, document)
    document["status"] = "ready"
    book.changed(document, "transaction.updated", "transaction.ready")


def add_discount(book: Book, document: Document, code: str) -> None:
    """The buyer types the code of a discount. Raises Refusal if there is none, or it is not eligible."""
    found = [one for one in book.rows("dsc") if one["code"] == code and one["enabled_for_checkout"]]
    if not found:
        raise bad("transaction_discount_not_found", "discount not found")
    after = document | {"discount_id": found[0]["id"]}
    check_discount(book, after)
    price_it(book, after)
    document |= after
    book.changed(document, "transaction.updated")


def arrived(book: Book, transaction: str, *, refusal: str = "") -> Document:
    """Money that was under way arrives, or does not."""
    document = book.find("txn", transaction)
    waiting = document["payments"][0] if document["payments"] else None
    if waiting is None or waiting["status"] != "pending_no_action_required":
        raise bad("transaction_not_ready_cannot_process_payment", "no payment is under way")
    document["payments"].pop(0)
    return pay(book, document, CARDS["slow"], refusal=refusal)


def pay(book: Book, document: Document, card: Card, *, refusal: str) -> Document:
    """One attempt to collect what is due; all that follows from it."""
    if refusal:
        _attempt(book, document, card, "error", refusal)
        return book.changed(document, "transaction.updated", "transaction.payment_failed")
    attempt = _attempt(book, document, card, "captured")
    if document["customer_id"] and document["origin"] != "subscription_recurring":
        method = save_method(book, document["customer_id"], document["address_id"], card.document())
        attempt["payment_method_id"] = method["id"]
        book.note(document["id"])["method"] = method["id"]
    book.note(document["id"])["card"] = card.name
    document |= {"status": "paid", "billed_at": document["billed_at"] or attempt["captured_at"]}
    document["details"]["totals"]["balance"] = "0"
    book.changed(document, "transaction.updated", "transaction.paid")
    return process(book, document)


def process(book: Book, document: Document) -> Document:
    """What Paddle does once the money is there: a subscription, an invoice, fees; then it is completed."""
    if document["discount_id"]:
        book.find("dsc", document["discount_id"])["times_used"] += 1
    recurring = [item for item in document["items"] if item["price"]["billing_cycle"]]
    if document["origin"] == METHOD_CHANGE:
        subscriptions.use_method(book, document)
    elif recurring and document["subscription_id"] is None:
        subscriptions.begin(book, document, captured_at(document))
    settle(document["details"])
    payout_totals(document)
    document["details"]["adjusted_totals"] |= {
        name: document["details"]["totals"][name] for name in ("fee", "earnings")
    }
    if not document["invoice_number"]:
        book.invoices += 1
        document["invoice_id"] = book.ids.new("inv")
        document["invoice_number"] = f"4201-{10_000 + book.invoices}"
    document["status"] = "completed"
    book.changed(document, "transaction.updated", "transaction.completed")
    subscriptions.recover(book, document)
    return document


def captured_at(document: Document) -> Instant:
    """When its money arrived."""
    captured = [one["captured_at"] for one in document["payments"] if one["status"] == "captured"]
    return read_instant("captured_at", captured[0])


def _attempt(book: Book, document: Document, card: Card, status: str, error: str | None = None) -> Document:
    at = book.stamp()
    attempt: Document = {
        "payment_attempt_id": book.ids.uuid(),
        "stored_payment_method_id": book.ids.uuid(),
        "payment_method_id": None,
        "amount": document["details"]["totals"]["grand_total"],
        "status": status,
        "error_code": error,
        "method_details": {"type": "card", "underlying_details": None, "card": card.document()},
        "created_at": at,
        "captured_at": at if status == "captured" else None,
    }
    document["payments"].insert(0, attempt)
    return attempt
