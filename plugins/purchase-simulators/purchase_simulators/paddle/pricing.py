"""What prices come to for a buyer, before there is a transaction; and the currencies there are.

Sources: api-reference/pricing-preview, api-reference/currencies ("read decimal_places rather than assuming
two").
"""

from __future__ import annotations

from .amounts import HOME, WITHOUT_DECIMALS, Line, currency_of, details
from .book import Book
from .requests import CURRENCIES, PricingPreview
from .shapes import Document
from .transactions import items_of

MINIMUM_MINOR = 70  # of a payment in most currencies


def preview(book: Book, asked: PricingPreview) -> Document:
    """POST /pricing-preview: each line as it would be shown to a buyer. Nothing is kept."""
    country = asked.address.country_code if asked.address else HOME
    if asked.address_id:
        country = book.find("add", asked.address_id)["country_code"]
    items = items_of(book, asked.items)
    currency = asked.currency_code or currency_of(items[0]["price"], country)
    discount = book.find("dsc", asked.discount_id) if asked.discount_id else None
    lines = [Line(item["price"], item["quantity"]) for item in items]
    rows = details(book, lines, country=country, currency=currency, discount=discount, ids=False)
    shown = [
        {
            "price": item["price"],
            "quantity": item["quantity"],
            "tax_rate": row["tax_rate"],
            "unit_totals": row["unit_totals"],
            "formatted_unit_totals": _formatted(row["unit_totals"], currency),
            "totals": row["totals"],
            "formatted_totals": _formatted(row["totals"], currency),
            "product": row["product"],
            "discounts": _discounts(discount, row["totals"]["discount"], currency),
        }
        for item, row in zip(items, rows["line_items"], strict=True)
    ]
    return {
        "customer_id": asked.customer_id,
        "address_id": asked.address_id,
        "business_id": asked.business_id,
        "currency_code": currency,
        "discount_id": asked.discount_id,
        "address": {"country_code": country, "postal_code": asked.address.postal_code}
        if asked.address
        else None,
        "customer_ip_address": asked.customer_ip_address,
        "details": {"line_items": shown},
        "available_payment_methods": ["card"],
    }


def currencies() -> list[Document]:
    """GET /currencies: how many decimal places each has, and the least that can be charged."""
    return [
        {
            "currency_code": code,
            "decimal_places": decimals(code),
            "minimum_payment_amount": str(MINIMUM_MINOR if decimals(code) else MINIMUM_MINOR * 100),
        }
        for code in sorted(CURRENCIES)
    ]


def decimals(currency: str) -> int:
    """How many decimal places a currency has at Paddle."""
    return 0 if currency in WITHOUT_DECIMALS else 2


def _discounts(discount: Document | None, taken: str, currency: str) -> list[Document]:
    if discount is None or taken == "0":
        return []
    return [{"discount": discount, "total": taken, "formatted_total": _shown(taken, currency)}]


def _formatted(totals: Document, currency: str) -> Document:
    return {name: _shown(amount, currency) for name, amount in totals.items()}


def _shown(amount: str, currency: str) -> str:
    digits = decimals(currency)
    text = amount.zfill(digits + 1)
    return f"{currency} {text[:-digits]}.{text[-digits:]}" if digits else f"{currency} {text}"
