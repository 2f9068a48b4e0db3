"""Customers, their addresses, saved payment methods and portal sessions.

Sources: api-reference/customers, /addresses, /payment-methods, /customer-portals; errors/customers. An e-mail
address belongs to one customer: a second one is refused, and the refusal names the first.
"""

from __future__ import annotations

from msgspec import UNSET

from .book import Book
from .refusal import bad, conflict, missing
from .requests import Address, Customer, PortalSession, given, needed
from .shapes import Document


def add_customer(book: Book, asked: Customer) -> Document:
    """POST /customers."""
    needed(asked, "email")
    _unique(book, asked.email if asked.email is not UNSET else "", "")
    fields: Document = {"name": None, "marketing_consent": False, "custom_data": None, "locale": "en"}
    document = {"id": book.ids.new("ctm"), **fields, "status": "active", "import_meta": None, **given(asked)}
    return book.add(document, "customer.created")


def change_customer(book: Book, customer: str, asked: Customer) -> Document:
    """PATCH /customers/{id}."""
    document = book.find("ctm", customer)
    if asked.email is not UNSET:
        _unique(book, asked.email, customer)
    document |= given(asked)
    return book.changed(document, "customer.updated")


def by_email(book: Book, email: str) -> Document | None:
    """The customer who has an e-mail address."""
    return next((one for one in book.rows("ctm") if one["email"].lower() == email.lower()), None)


def add_address(book: Book, customer: str, asked: Address) -> Document:
    """POST /customers/{id}/addresses."""
    needed(asked, "country_code")
    book.find("ctm", customer)
    document: Document = {"id": book.ids.new("add"), "customer_id": customer}
    document |= dict.fromkeys(
        ("description", "first_line", "second_line", "city", "postal_code", "region", "custom_data")
    )
    document |= {"status": "active", "import_meta": None, **given(asked)}
    return book.add(document, "address.created")


def change_address(book: Book, customer: str, address: str, asked: Address) -> Document:
    """PATCH /customers/{id}/addresses/{id}."""
    document = address_of(book, customer, address)
    document |= given(asked)
    return book.changed(document, "address.updated")


def address_of(book: Book, customer: str, address: str) -> Document:
    """An address, if it is that customer's. Raises Refusal (404)."""
    document = book.find("add", address)
    if document["customer_id"] != customer:
        raise missing(address)
    return document


def save_method(book: Book, customer: str, address: str, card: Document) -> Document:
    """A payment method that was used at a checkout, kept for the next time."""
    saved = book.stamp()
    document = book.keep(
        {
            "id": book.ids.new("paymtd"),
            "customer_id": customer,
            "address_id": address,
            "type": "card",
            "card": card,
            "paypal": None,
            "underlying_details": None,
            "origin": "subscription",
            "saved_at": saved,
            "updated_at": saved,
        }
    )
    book.tell(_told(document), "payment_method.saved")
    return document


def delete_method(book: Book, customer: str, method: str) -> None:
    """DELETE /customers/{id}/payment-methods/{id}."""
    document = book.find("paymtd", method)
    if document["customer_id"] != customer:
        raise missing(method)
    used = {book.note(one["id"]).get("method") for one in book.rows("sub") if one["status"] != "canceled"}
    if method in used:
        raise bad("payment_method_in_use", "the payment method is used by a subscription")
    book.remove(document)
    book.tell(_told(document), "payment_method.deleted", deletion_reason="api")


def open_portal(book: Book, customer: str, asked: PortalSession) -> Document:
    """POST /customers/{id}/portal-sessions. The whole customer's, with links for the subscriptions named."""
    book.find("ctm", customer)
    session, token = book.ids.new("cpls"), book.ids.secret("pga_", 40)
    portal = book.settings.portal_url
    book.note(session).update(customer=customer, token=token)
    for subscription in asked.subscription_ids:
        if book.find("sub", subscription)["customer_id"] != customer:
            raise missing(subscription)

    def link(action: str, subscription: str) -> str:
        return f"{portal}/{session}?action={action}&subscription_id={subscription}&token={token}"

    return {
        "id": session,
        "customer_id": customer,
        "urls": {
            "general": {"overview": f"{portal}/{session}?action=overview&token={token}"},
            "subscriptions": [
                {
                    "id": one,
                    "cancel_subscription": link("cancel_subscription", one),
                    "update_subscription_payment_method": link("update_subscription_payment_method", one),
                }
                for one in asked.subscription_ids
            ],
        },
        "created_at": book.stamp(),
    }


def _told(method: Document) -> Document:
    """A payment method as its events show it: without the card."""
    shown = ("id", "customer_id", "address_id", "type", "origin", "saved_at", "updated_at")
    return {name: method[name] for name in shown}


def _unique(book: Book, email: str, own: str) -> None:
    taken = by_email(book, email)
    if taken and taken["id"] != own:
        raise conflict(
            "customer_already_exists", f"customer email conflicts with customer of id {taken['id']}"
        )
