"""Subscriptions: begun by a transaction that was paid, and their states.

    trialing ─► active ◄─► past_due         active ◄─► paused         any ─► canceled (final)

Sources: api-reference/subscriptions (cancel, pause, resume, activate), errors/subscriptions,
webhooks/simulator/subscription-*. There is no call that makes one. One scheduled change at a time.
"""

from __future__ import annotations

from purchase_core.instants import Instant

from .book import Book
from .refusal import bad, field
from .requests import Cancel, Pause, Resume
from .shapes import Document, snapshot
from .stamps import after, written
from .stamps import read as read_instant

MANAGE = "https://buyer-portal.paddle.com/subscriptions"
START_NEW = "start_new_billing_period"


def imported(book: Book, customer: Document, address: Document, price: Document, external: str) -> Document:
    """What Paddle does for those who come from elsewhere: a subscription that no transaction has made."""
    source = {
        "id": book.ids.new("txn"), "customer_id": customer["id"], "address_id": address["id"],
        "business_id": None, "currency_code": price["unit_price"]["currency_code"], "discount_id": None,
        "collection_mode": "automatic", "billing_details": None, "custom_data": None,
        "items": [{"price": price, "quantity": 1}],
    }  # fmt: skip
    return begin(book, source, book.now(), {"external_id": external, "imported_from": "paddle_classic"})


def begin(book: Book, transaction: Document, at: Instant, import_meta: Document | None = None) -> Document:
    """The subscription for the recurring items of a transaction that was just paid, or one from elsewhere."""
    recurring = [item for item in transaction["items"] if item["price"]["billing_cycle"]]
    first = recurring[0]["price"]
    trial = first["trial_period"]
    end = after(at, trial or first["billing_cycle"])
    period = {"starts_at": written(at), "ends_at": written(end)}
    identifier = book.ids.new("sub")
    subscription: Document = {
        "id": identifier,
        "status": "trialing" if trial else "active",
        "customer_id": transaction["customer_id"],
        "address_id": transaction["address_id"],
        "business_id": transaction["business_id"],
        "currency_code": transaction["currency_code"],
        "started_at": written(at),
        "first_billed_at": None if trial else written(at),
        "next_billed_at": written(end),
        "paused_at": None,
        "canceled_at": None,
        "discount": _discount(book, transaction, at),
        "collection_mode": transaction["collection_mode"],
        "billing_details": transaction["billing_details"],
        "current_billing_period": period,
        "billing_cycle": first["billing_cycle"],
        "scheduled_change": None,
        "management_urls": {
            "update_payment_method": f"{MANAGE}/{identifier}/update-payment-method",
            "cancel": f"{MANAGE}/{identifier}/cancel",
        },
        "items": [],
        "custom_data": snapshot(transaction["custom_data"]) if transaction["custom_data"] else None,
        "import_meta": import_meta,
    }
    subscription["items"] = [
        item_of(book, subscription, one["price"], one["quantity"], trial=period if trial else None)
        for one in recurring
    ]
    known = book.note(transaction["id"])
    note = book.note(identifier)
    note |= {"anchor": end if trial else at, "periods": 0 if trial else 1, "charges": []}
    note |= {"card": known.get("card"), "method": known.get("method")}
    transaction |= {"subscription_id": identifier, "billing_period": period}
    book.add(subscription)
    if import_meta:
        book.tell(subscription, "subscription.imported")
        return subscription
    book.tell(subscription, "subscription.created", transaction_id=transaction["id"])
    book.tell(subscription, "subscription.trialing" if trial else "subscription.activated")
    return subscription


def item_of(
    book: Book, subscription: Document, price: Document, quantity: int, *, trial: Document | None = None
) -> Document:
    """An item of a subscription."""
    at = book.stamp()
    return {
        "status": "trialing" if trial else "active",
        "quantity": quantity,
        "recurring": True,
        "created_at": at,
        "updated_at": at,
        "previously_billed_at": None if trial else subscription["started_at"],
        "next_billed_at": subscription["next_billed_at"],
        "trial_dates": trial,
        "price": snapshot(price),
        "product": snapshot(book.find("pro", price["product_id"])),
    }


def cancel(book: Book, subscription: str, asked: Cancel) -> Document:
    """POST /subscriptions/{id}/cancel."""
    document = living(book, subscription)
    if asked.effective_from == "immediately" or document["status"] == "paused":
        return end(book, document)
    _unlocked(document)
    at = document["next_billed_at"]
    document["scheduled_change"] = {"action": "cancel", "effective_at": at, "resume_at": None}
    return book.changed(document, "subscription.updated")


def end(book: Book, document: Document) -> Document:
    """It is over, for good. What is past due is taken back."""
    for transaction in book.rows("txn"):
        if transaction["subscription_id"] == document["id"] and transaction["status"] == "past_due":
            transaction["status"] = "canceled"
            book.changed(transaction, "transaction.updated", "transaction.canceled")
    document |= {
        "status": "canceled",
        "canceled_at": written(book.now()),
        "next_billed_at": None,
        "current_billing_period": None,
        "scheduled_change": None,
        "paused_at": None,
    }
    for item in document["items"]:
        item |= {"status": "inactive", "next_billed_at": None}
    return book.changed(document, "subscription.updated", "subscription.canceled")


def pause(book: Book, subscription: str, asked: Pause) -> Document:
    """POST /subscriptions/{id}/pause."""
    document = living(book, subscription)
    if document["status"] == "paused":
        raise bad("subscription_cannot_be_paused", "the subscription is paused already")
    if document["status"] in ("trialing", "past_due"):
        raise bad("subscription_cannot_be_paused", f"cannot pause a {document['status']} subscription")
    _unlocked(document)
    resume_at = _future(book, "resume_at", asked.resume_at)
    book.note(subscription)["on_resume"] = asked.on_resume
    if asked.effective_from == "immediately":
        return stop(book, document, resume_at)
    document["scheduled_change"] = {
        "action": "pause",
        "effective_at": document["next_billed_at"],
        "resume_at": resume_at,
    }
    return book.changed(document, "subscription.updated")


def stop(book: Book, document: Document, resume_at: str | None) -> Document:
    """It is paused from now on; with a date, it is scheduled to go on."""
    book.note(document["id"])["paused_period"] = document["current_billing_period"]
    document |= {
        "status": "paused",
        "paused_at": written(book.now()),
        "next_billed_at": None,
        "current_billing_period": None,
        "scheduled_change": None,
    }
    if resume_at:
        document["scheduled_change"] = {"action": "resume", "effective_at": resume_at, "resume_at": None}
    for item in document["items"]:
        item |= {"status": "inactive", "next_billed_at": None}
    return book.changed(document, "subscription.updated", "subscription.paused")


def resume(book: Book, subscription: str, asked: Resume) -> Document | None:
    """POST /subscriptions/{id}/resume, up to the point where it must be charged: then None."""
    document = living(book, subscription)
    scheduled = document["scheduled_change"]
    if document["status"] != "paused" and (scheduled is None or scheduled["action"] != "pause"):
        raise bad("subscription_must_be_paused", "the subscription is not paused")
    book.note(subscription)["on_resume"] = asked.on_resume
    if asked.effective_from in (None, "immediately"):
        return None
    at = _future(book, "effective_from", asked.effective_from)
    if document["status"] == "paused":
        document["scheduled_change"] = {"action": "resume", "effective_at": at, "resume_at": None}
    else:
        document["scheduled_change"] = scheduled | {"resume_at": at}
    return book.changed(document, "subscription.updated")


def living(book: Book, subscription: str) -> Document:
    """A subscription that is not over. Raises Refusal."""
    document = book.find("sub", subscription)
    if document["status"] == "canceled":
        raise bad("subscription_is_canceled_action_invalid", "the subscription is canceled")
    return document


def use_method(book: Book, transaction: Document) -> None:
    """A payment method that was given at a payment-method-change checkout."""
    note, known = book.note(transaction["subscription_id"]), book.note(transaction["id"])
    note |= {"card": known.get("card"), "method": known.get("method")}


def recover(book: Book, transaction: Document) -> None:
    """What was past due has been paid."""
    if not transaction["subscription_id"]:
        return
    document = book.find("sub", transaction["subscription_id"])
    due = [
        one
        for one in book.rows("txn")
        if one["subscription_id"] == document["id"] and one["status"] == "past_due"
    ]
    if document["status"] == "past_due" and not due:
        if transaction["origin"] != "subscription_payment_method_change":
            use_method(book, transaction)
        document["status"] = "active"
        for item in document["items"]:
            item["status"] = "active"
        book.note(document["id"]).pop("retries", None)
        book.changed(document, "subscription.updated", "subscription.activated")


def _discount(book: Book, transaction: Document, at: Instant) -> Document | None:
    if not transaction["discount_id"]:
        return None
    discount = book.find("dsc", transaction["discount_id"])
    if not discount["recur"]:
        return None
    cycle = next(i["price"]["billing_cycle"] for i in transaction["items"] if i["price"]["billing_cycle"])
    times = discount["maximum_recurring_intervals"]
    ends = written(after(at, cycle, times)) if times else None
    return {"id": discount["id"], "starts_at": written(at), "ends_at": ends}


def _unlocked(document: Document) -> None:
    if document["scheduled_change"] is not None:
        raise bad(
            "subscription_locked_pending_changes", "cannot update subscription, pending scheduled changes"
        )


def _future(book: Book, name: str, text: str | None) -> str | None:
    if text is None:
        return None
    at = read_instant(name, text)
    if at <= book.now():
        raise field(name, "must be in the future")
    return written(at)
