"""Products, prices and discounts.

Sources: api-reference/products, /prices and /discounts; errors/prices and errors/products. A price's amount
can be changed in place; there is no lookup key, `custom_data` is all there is.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import UNSET

from .book import Book
from .refusal import bad, conflict, field
from .requests import Discount, Price, PriceFields, Product, checked_currency, given, needed
from .shapes import Document

FREQUENCY_MAX = {"day": 365, "week": 52, "month": 12, "year": 1}
PERCENT_MAX = 100


def add_product(book: Book, asked: Product) -> Document:
    """POST /products."""
    needed(asked, "name", "tax_category")
    _approved(book, asked)
    fields = {"description": None, "type": "standard", "image_url": None, "custom_data": None}
    document = {"id": book.ids.new("pro"), **fields, "status": "active", "import_meta": None, **given(asked)}
    return book.add(document, "product.created")


def change_product(book: Book, product: str, asked: Product) -> Document:
    """PATCH /products/{id}."""
    document = book.find("pro", product)
    _approved(book, asked)
    document |= given(asked)
    return book.changed(document, "product.updated")


def add_price(book: Book, asked: Price) -> Document:
    """POST /prices."""
    needed(asked, "description", "product_id", "unit_price")
    return book.add(price_document(book, asked) | given(asked), "price.created")


def price_document(book: Book, asked: PriceFields) -> Document:
    """A price that is not kept yet, with what a request leaves out. Raises Refusal."""
    if asked.product_id is UNSET:
        raise field("product_id", "must be provided as part of the request")
    _active(book.find("pro", asked.product_id))
    document: Document = {
        "id": book.ids.new("pri"),
        "product_id": asked.product_id,
        "description": "",
        "type": "standard",
        "name": None,
        "billing_cycle": None,
        "trial_period": None,
        "tax_mode": "account_setting",
        "unit_price_overrides": [],
        "quantity": {"minimum": 1, "maximum": 100},
        "status": "active",
        "custom_data": None,
        "import_meta": None,
    }
    document |= given(asked, "product")
    _check_price(document)
    return document


def change_price(book: Book, price: str, asked: Price) -> Document:
    """PATCH /prices/{id}; what was sold before keeps the price that it was sold at."""
    document = book.find("pri", price)
    if asked.product_id is not UNSET:
        raise field("product_id", "cannot be changed")
    after = document | given(asked)
    _check_price(after)
    document |= after
    return book.changed(document, "price.updated")


def add_discount(book: Book, asked: Discount) -> Document:
    """POST /discounts."""
    needed(asked, "description", "type", "amount")
    fields: Document = {
        "enabled_for_checkout": True, "code": None, "mode": "standard", "currency_code": None, "recur": False,
        "maximum_recurring_intervals": None, "usage_limit": None, "restrict_to": None, "expires_at": None,
        "custom_data": None, "import_meta": None, "discount_group": None,
    }  # fmt: skip
    document = {"id": book.ids.new("dsc"), "status": "active", **fields, "times_used": 0, **given(asked)}
    _check_discount(book, document)
    return book.add(document, "discount.created")


def change_discount(book: Book, discount: str, asked: Discount) -> Document:
    """PATCH /discounts/{id}."""
    document = book.find("dsc", discount)
    after = document | given(asked)
    _check_discount(book, after)
    document |= after
    return book.changed(document, "discount.updated")


def _approved(book: Book, asked: Product) -> None:
    if asked.tax_category is not UNSET and asked.tax_category not in book.settings.tax_categories:
        raise bad(
            "product_tax_category_not_approved",
            f"tax category not approved: {asked.tax_category}",
        )


def _active(document: Document) -> None:
    if document["status"] != "active":
        raise bad("entity_archived", f"cannot use archived entity {document['id']}")


def _check_price(document: Document) -> None:
    checked_currency("unit_price.currency_code", document["unit_price"]["currency_code"])
    cycle = document["billing_cycle"]
    if cycle and cycle["frequency"] > FREQUENCY_MAX[cycle["interval"]]:
        raise bad("price_billing_cycle_frequency_greater_than_maximum", "billing cycle is over a year")
    if document["trial_period"] and not cycle:
        raise bad("price_trial_period_requires_billing_cycle", "a trial period requires a billing cycle")
    if document["quantity"]["minimum"] > document["quantity"]["maximum"]:
        raise field("quantity.minimum", "must not be above the maximum")
    countries = [code for one in document["unit_price_overrides"] for code in one["country_codes"]]
    if len(set(countries)) != len(countries):
        raise bad("price_duplicate_currency_override_for_country", "a country has two overrides")
    for one in document["unit_price_overrides"]:
        checked_currency("unit_price_overrides.currency_code", one["unit_price"]["currency_code"])


def _check_discount(book: Book, document: Document) -> None:
    if document["type"] == "percentage":
        if not 0 < Decimal(document["amount"]) <= PERCENT_MAX:
            raise field("amount", "must be above 0 and at most 100")
        document["currency_code"] = None
    elif not document["currency_code"]:
        raise field("currency_code", "must be provided for flat discounts")
    taken = [
        one["id"]
        for one in book.rows("dsc")
        if document["code"] and one["code"] == document["code"] and one["id"] != document["id"]
    ]
    if taken:
        raise conflict("discount_code_conflict", f"discount code conflicts with discount {taken[0]}")
