"""Transactions: made, changed, priced and previewed. Nothing is paid here (`paying.py`).

    draft ─► ready ─► (billed) ─► paid ─► completed          billed, past_due ─► canceled

Sources: api-reference/transactions (create, update, preview), errors/transactions. A transaction is `ready`
once it has a customer and an address. `draft` and `ready` can be neither cancelled nor expired; whatever is
billed can be cancelled and not be changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType

from .amounts import HOME, Line, adjusted, currency_of, details, payout
from .book import Book
from .catalog import price_document
from .customers import address_of
from .refusal import bad, field
from .requests import CheckoutPage, Item, Revision, Transaction, TransactionPreview, checked_currency, given
from .shapes import Document, snapshot
from .stamps import read as read_instant

OPEN = ("draft", "ready")
ORIGIN_API, ORIGIN_WEB = "api", "web"
CATALOG_PARAMETER = "_ptxn"


def create(book: Book, asked: Transaction, *, origin: str = ORIGIN_API) -> Document:
    """POST /transactions."""
    if asked.items is UNSET:
        raise field("items", "must be provided as part of the request")
    if asked.status not in (UNSET, "billed", "draft", "ready"):
        raise bad("transaction_invalid_status_change", f"cannot create a transaction as {asked.status}")
    document = blank(book, origin)
    document |= given(asked, "items", "checkout", "status", "currency_code")
    document["items"] = items_of(book, asked.items)
    document["checkout"] = _checkout(book, document, asked.checkout)
    document["currency_code"] = asked.currency_code or ""
    _check_parties(book, document)
    check_discount(book, document)
    price_it(book, document)
    document["status"] = _readiness(document)
    if asked.status == "billed":
        return _bill(book, book.add(document, "transaction.created"))
    book.note(document["id"])["currency"] = asked.currency_code or ""
    types = ["transaction.created"] + (["transaction.ready"] if document["status"] == "ready" else [])
    return book.add(document, *types)


def change(book: Book, transaction: str, asked: Transaction) -> Document:
    """PATCH /transactions/{id}."""
    document = book.find("txn", transaction)
    fields = given(asked, "status", "items", "checkout")
    if asked.status == "canceled":
        if fields or asked.items is not UNSET:
            raise bad(
                "transaction_cannot_be_modified_and_canceled", "cannot be modified and cancelled at once"
            )
        return cancel(book, document)
    if document["status"] not in OPEN:
        raise bad("transaction_immutable", f"cannot modify transaction with status {document['status']}")
    if asked.status not in (UNSET, "billed", document["status"]):
        raise bad(
            "transaction_invalid_status_change",
            f"cannot change status from {document['status']} to {asked.status}",
        )
    after = document | fields
    if asked.items is not UNSET:
        after["items"] = items_of(book, asked.items)
    if asked.checkout is not UNSET:
        after["checkout"] = _checkout(book, after, asked.checkout)
    _check_parties(book, after)
    check_discount(book, after)
    price_it(book, after)
    was, after["status"] = document["status"], _readiness(after)
    document |= after
    types = ["transaction.updated"]
    if was == "draft" and document["status"] == "ready":
        types.append("transaction.ready")
    book.changed(document, *types)
    return _bill(book, document) if asked.status == "billed" else document


def cancel(book: Book, document: Document) -> Document:
    """Take back a bill. Source: errors/transactions/transaction_invalid_status_change."""
    if document["status"] not in ("billed", "past_due"):
        raise bad(
            "transaction_invalid_status_change",
            f"cannot change status from {document['status']} to canceled",
        )
    document["status"] = "canceled"
    return book.changed(document, "transaction.updated", "transaction.canceled")


def preview(book: Book, asked: TransactionPreview) -> Document:
    """POST /transactions/preview: what it would come to. Nothing is kept."""
    country = asked.address.country_code if asked.address else HOME
    if asked.address_id:
        country = book.find("add", asked.address_id)["country_code"]
    items = items_of(book, asked.items)
    for item, one in zip(items, asked.items, strict=True):
        item["include_in_totals"] = one.include_in_totals
        del item["price_id"]  # a preview shows prices whole
    counted = [item for item in items if item["include_in_totals"]] or items
    currency = asked.currency_code or currency_of(counted[0]["price"], country)
    discount = book.find("dsc", asked.discount_id) if asked.discount_id else None
    lines = [
        Line(
            item["price"],
            item["quantity"],
            free=bool(item["price"]["trial_period"]) and not asked.ignore_trials,
        )
        for item in counted
    ]
    found = details(book, lines, country=country, currency=currency, discount=discount, ids=False)
    return {
        "customer_id": asked.customer_id,
        "address_id": asked.address_id,
        "business_id": asked.business_id,
        "currency_code": currency,
        "discount_id": asked.discount_id,
        "customer_ip_address": asked.customer_ip_address,
        "address": {"country_code": country, "postal_code": asked.address.postal_code}
        if asked.address
        else None,
        "ignore_trials": asked.ignore_trials,
        "items": items,
        "details": found,
        "available_payment_methods": ["card"],
    }


def revise(book: Book, transaction: str, asked: Revision) -> Document:
    """POST /transactions/{id}/revise: once, of what has an invoice. Amounts stay as they are."""
    document = book.find("txn", transaction)
    if document["status"] not in ("billed", "completed"):
        raise bad("transaction_invalid_status_change", f"a {document['status']} transaction is not revised")
    if document["revised_at"]:
        raise bad("transaction_immutable", "a transaction is revised once")
    if not given(asked):
        raise field("customer", "something must be revised")
    document["revised_at"] = book.stamp()
    return book.changed(document, "transaction.updated", "transaction.revised")


def blank(book: Book, origin: str) -> Document:
    """A transaction with nothing in it yet."""
    return {
        "id": book.ids.new("txn"),
        "status": "draft",
        "customer_id": None,
        "address_id": None,
        "business_id": None,
        "custom_data": None,
        "currency_code": "",
        "origin": origin,
        "subscription_id": None,
        "invoice_id": None,
        "invoice_number": None,
        "collection_mode": "automatic",
        "discount_id": None,
        "billing_details": None,
        "billing_period": None,
        "items": [],
        "details": {},
        "payments": [],
        "checkout": None,
        "billed_at": None,
        "revised_at": None,
    }


def items_of(book: Book, asked: Sequence[Item]) -> list[Document]:
    """The items of a request, each with its price as it is now. Raises Refusal."""
    found = []
    for number, item in enumerate(asked):
        if (item.price_id is UNSET) == (item.price is UNSET):
            raise field(f"items[{number}]", "must have one of price_id and price")
        if item.quantity is UNSET:
            raise field(f"items[{number}].quantity", "must be provided as part of the request")
        price = _price(book, item)
        bounds = price["quantity"]
        if not bounds["minimum"] <= item.quantity <= bounds["maximum"]:
            raise bad(
                "transaction_item_quantity_out_of_range",
                f"quantity {item.quantity} of {price['id']} is not within "
                f"{bounds['minimum']} and {bounds['maximum']}",
            )
        found.append({"price_id": price["id"], "price": price, "quantity": item.quantity, "proration": None})
    identifiers = [item["price_id"] for item in found]
    if len(set(identifiers)) != len(identifiers):
        raise bad("transaction_duplicate_price_ids", "a price stands in two items")
    recurring = [item["price"] for item in found if item["price"]["billing_cycle"]]
    if any(one["billing_cycle"] != recurring[0]["billing_cycle"] for one in recurring):
        raise bad("transaction_price_different_billing_cycle", "prices have different billing cycles")
    if any(one["trial_period"] != recurring[0]["trial_period"] for one in recurring):
        raise bad("transaction_price_different_trial_period", "prices have different trial periods")
    return found


def price_it(book: Book, document: Document) -> None:
    """Work out what an open transaction comes to, for its buyer's country."""
    country = country_of(book, document)
    if not document["currency_code"]:
        document["currency_code"] = currency_of(document["items"][0]["price"], country)
    checked_currency("currency_code", document["currency_code"])
    lines = [
        Line(item["price"], item["quantity"], free=bool(item["price"]["trial_period"]))
        for item in document["items"]
    ]
    fill(book, document, lines, country=country)


def fill(book: Book, document: Document, lines: Sequence[Line], *, country: str, credit: int = 0) -> None:
    """Set the details of a transaction from its lines."""
    discount = book.find("dsc", document["discount_id"]) if document["discount_id"] else None
    found = details(
        book, lines, country=country, currency=document["currency_code"], discount=discount, credit=credit
    )
    found["adjusted_totals"] = adjusted(found, 0, 0, 0)
    document["details"] = found | {"payout_totals": None, "adjusted_payout_totals": None}


def country_of(book: Book, document: Document) -> str:
    """Where the buyer lives; at home, as long as nobody knows."""
    address = document.get("address_id")
    return str(book.find("add", address)["country_code"]) if address else HOME


def payout_totals(document: Document) -> None:
    """What Paddle will pay out for a transaction that it has processed."""
    found = payout(document["details"])
    document["details"]["payout_totals"] = found
    document["details"]["adjusted_payout_totals"] = {
        **{name: found[name] for name in ("subtotal", "tax", "total", "fee", "earnings", "currency_code")},
        "chargeback_fee": {"amount": "0", "original": None},
        "exchange_rate": "1",
        "retained_fee": "0",
    }


def _price(book: Book, item: Item) -> Document:
    if not isinstance(item.price_id, UnsetType):
        found = [one for one in book.rows("pri") if one["id"] == item.price_id]
        if not found:
            raise bad("transaction_price_not_found", f"price not found: {item.price_id}")
        if found[0]["status"] != "active":
            raise bad("entity_archived", f"cannot use archived entity {item.price_id}")
        return snapshot(found[0])
    if isinstance(item.price, UnsetType):
        raise field("items", "must have one of price_id and price")
    price = price_document(book, item.price)
    return price | {"type": "custom", "created_at": book.stamp(), "updated_at": book.stamp()}


def _checkout(book: Book, document: Document, asked: CheckoutPage | UnsetType | None) -> Document | None:
    if document["collection_mode"] == "manual":
        return None
    page = asked.url if isinstance(asked, CheckoutPage) and asked.url else book.settings.default_checkout_url
    if not page:
        raise bad("transaction_default_checkout_url_not_set", "a default payment link has not been set")
    if urlsplit(page).hostname not in book.settings.approved_domains:
        raise bad("transaction_checkout_url_domain_is_not_approved", "the domain is not approved")
    sign = "&" if "?" in page else "?"
    return {"url": f"{page}{sign}{CATALOG_PARAMETER}={document['id']}"}


def _check_parties(book: Book, document: Document) -> None:
    customer, address = document["customer_id"], document["address_id"]
    if customer and book.find("ctm", customer)["status"] != "active":
        raise bad("entity_archived", f"cannot use archived entity {customer}")
    if address and not customer:
        raise bad("transaction_customer_is_required_with_address", "an address requires a customer")
    if address:
        address_of(book, customer, address)
    if document["collection_mode"] == "manual" and not document["billing_details"]:
        raise bad("transaction_billing_details_object_required", "billing details are required")
    if document["collection_mode"] == "automatic" and document["billing_details"]:
        raise bad("transaction_billing_details_must_be_null", "billing details must be null")


def check_discount(book: Book, document: Document) -> None:
    """Refuse a discount that is over, used up or archived."""
    if not document["discount_id"]:
        return
    found = [one for one in book.rows("dsc") if one["id"] == document["discount_id"]]
    if not found:
        raise bad("transaction_discount_not_found", f"discount not found: {document['discount_id']}")
    discount = found[0]
    used_up = discount["usage_limit"] is not None and discount["times_used"] >= discount["usage_limit"]
    over = discount["expires_at"] and read_instant("expires_at", discount["expires_at"]) <= book.now()
    if discount["status"] != "active" or used_up or over:
        raise bad("transaction_discount_not_eligible", f"discount is not eligible: {discount['id']}")


def _readiness(document: Document) -> str:
    return "ready" if document["customer_id"] and document["address_id"] else "draft"


def _bill(book: Book, document: Document) -> Document:
    if document["status"] != "ready":
        raise bad("transaction_status_must_be_ready", "only a ready transaction can be billed")
    book.invoices += 1
    document |= {"status": "billed", "billed_at": book.stamp(), "invoice_id": book.ids.new("inv")}
    document["invoice_number"] = f"4201-{10_000 + book.invoices}"
    return book.changed(document, "transaction.updated", "transaction.billed")
