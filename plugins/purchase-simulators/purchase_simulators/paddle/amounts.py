"""What a transaction comes to: country prices, discounts, tax. Integers inside, strings outside.

Sources: api-reference/transactions (details), concepts/sell/localize-prices (overrides, conversion),
concepts/sell/tax. Tax rates and exchange rates are made up, few and fixed; the arithmetic is Paddle's: tax is
inside the price (`internal`) or on top of it (`external`).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import attrs

from .book import Book
from .refusal import bad
from .shapes import Document, snapshot

HOME = "US"
TAX_RATES = {"GB": "0.2", "DE": "0.19", "FR": "0.2", "ES": "0.21", "IE": "0.23", "JP": "0.1"}
RATES = {"USD": Decimal(1), "EUR": Decimal("0.9"), "GBP": Decimal("0.8"), "JPY": Decimal(150)}
"""What a dollar is in other money, for prices that have no override. Others count as one to one."""

WITHOUT_DECIMALS = frozenset({"JPY", "KRW", "VND", "CLP"})
FEE_FIXED, FEE_SHARE = 50, Fraction(5, 100)


@attrs.frozen
class Line:
    """One line before it is added up. `share`: the part of the period that is charged (1 for all of it)."""

    price: Document
    quantity: int
    free: bool = False  # a trial, or nothing that is due now
    share: Fraction = Fraction(1)
    proration: Document | None = None


def unit_price(price: Document, country: str, currency: str) -> int:
    """What one costs in a country, in a currency: an override, the base price, or a conversion."""
    for override in price["unit_price_overrides"]:
        if country in override["country_codes"] and override["unit_price"]["currency_code"] == currency:
            return int(override["unit_price"]["amount"])
    base = price["unit_price"]
    if base["currency_code"] == currency:
        return int(base["amount"])
    return _converted(int(base["amount"]), base["currency_code"], currency)


def currency_of(price: Document, country: str) -> str:
    """The currency that a buyer in a country pays in, if nobody names one."""
    for override in price["unit_price_overrides"]:
        if country in override["country_codes"]:
            return str(override["unit_price"]["currency_code"])
    return str(price["unit_price"]["currency_code"])


def details(
    book: Book,
    lines: Sequence[Line],
    *,
    country: str,
    currency: str,
    discount: Document | None = None,
    ids: bool = True,
    credit: int = 0,
) -> Document:
    """The `details` of a transaction: line items, totals, tax rates used."""
    rows = [_line(book, line, country, currency, discount, lines) for line in lines]
    if ids:
        rows = [{"id": book.ids.new("txnitm"), **row} for row in rows]
    subtotal, off, tax, total = (
        sum(int(row["totals"][name]) for row in rows) for name in ("subtotal", "discount", "tax", "total")
    )
    used = min(credit, total)
    totals = _totals(subtotal, off, tax, total)
    summed: Document = {
        **totals,
        "credit": str(used),
        "credit_to_balance": "0",
        "balance": str(total - used),
        "grand_total": str(total - used),
        "grand_total_tax": str(_rounded(Fraction(tax * (total - used), total)) if total else 0),
        "fee": None,
        "earnings": None,
        "currency_code": currency,
    }
    rates = sorted({row["tax_rate"] for row in rows})
    return {
        "tax_rates_used": [{"tax_rate": rate, "totals": _rate_totals(rows, rate)} for rate in rates],
        "totals": summed,
        "line_items": rows,
    }


def adjusted(details_: Document, subtotal: int, tax: int, total: int) -> Document:
    """`adjusted_totals`: what is left of the totals after adjustments of these amounts."""
    totals = details_["totals"]
    return {
        "subtotal": str(int(totals["subtotal"]) - int(totals["discount"]) - subtotal),
        "tax": str(int(totals["tax"]) - tax),
        "total": str(int(totals["total"]) - total),
        "grand_total": str(int(totals["grand_total"]) - total),
        "grand_total_tax": str(int(totals["grand_total_tax"]) - tax),
        "retained_fee": "0",
        "fee": totals["fee"] or "0",
        "earnings": totals["earnings"] or "0",
        "currency_code": totals["currency_code"],
    }


def settle(details_: Document) -> None:
    """Work out Paddle's fee and the seller's earnings, once a transaction is processed."""
    totals = details_["totals"]
    grand = int(totals["grand_total"])
    fee = _rounded(FEE_SHARE * grand) + FEE_FIXED if grand else 0
    totals |= {"fee": str(fee), "earnings": str(grand - int(totals["tax"]) - fee if grand else 0)}


def payout(details_: Document) -> Document:
    """`payout_totals`: in the currency of the sale, if Paddle pays that out, else one to one in dollars."""
    totals: Document = snapshot(details_["totals"])
    payable = {"AUD", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HUF", "PLN", "SEK", "USD", "ZAR"}
    totals["currency_code"] = totals["currency_code"] if totals["currency_code"] in payable else "USD"
    return totals | {"exchange_rate": "1", "fee_rate": str(float(FEE_SHARE))}


def tax_rate(country: str) -> str:
    """The rate of a country, as Paddle writes it."""
    return TAX_RATES.get(country, "0")


def split(book: Book, price: Document, amount: int, country: str) -> tuple[int, int]:
    """Net amount and tax of a price, by its tax mode."""
    rate = Fraction(tax_rate(country))
    mode = price["tax_mode"] if price["tax_mode"] != "account_setting" else book.settings.tax_mode
    if mode == "internal":
        net = _rounded(Fraction(amount) / (1 + rate))
        return net, amount - net
    return amount, _rounded(amount * rate)


def applies(discount: Document, price: Document) -> bool:
    """Whether a discount is for a price."""
    only = discount["restrict_to"]
    return not only or price["id"] in only or price["product_id"] in only


def _line(
    book: Book,
    line: Line,
    country: str,
    currency: str,
    discount: Document | None,
    lines: Sequence[Line],
) -> Document:
    unit = 0 if line.free else _rounded(unit_price(line.price, country, currency) * line.share)
    gross = unit * line.quantity
    off = _off(discount, line, gross, currency, lines) if discount and not line.free else 0
    row: Document = {
        "price_id": line.price["id"],
        "quantity": line.quantity,
        "tax_rate": tax_rate(country),
        "unit_totals": _with_tax(book, line.price, unit, off // line.quantity, country),
        "totals": _with_tax(book, line.price, gross, off, country),
        "product": snapshot(book.find("pro", line.price["product_id"])),
    }
    row["proration"] = line.proration
    return row


def _with_tax(book: Book, price: Document, amount: int, off: int, country: str) -> Document:
    # The discount is taken before tax, so both are split in the same way.
    full, _ = split(book, price, amount, country)
    net, tax = split(book, price, amount - off, country)
    return _totals(full, full - net, tax, net + tax)


def _off(discount: Document, line: Line, gross: int, currency: str, lines: Sequence[Line]) -> int:
    if not applies(discount, line.price):
        return 0
    if discount["type"] == "percentage":
        return _rounded(gross * Fraction(discount["amount"]) / 100)
    if discount["currency_code"] != currency:
        raise bad("transaction_invalid_discount_currency", "the discount is in another currency")
    amount = int(discount["amount"])
    if discount["type"] == "flat_per_seat":
        return min(gross, amount * line.quantity)
    first = next(one for one in lines if applies(discount, one.price))
    return min(gross, amount) if first is line else 0


def _rate_totals(rows: Sequence[Document], rate: str) -> Document:
    names = ("subtotal", "discount", "tax", "total")
    chosen = [row["totals"] for row in rows if row["tax_rate"] == rate]
    return {name: str(sum(int(one[name]) for one in chosen)) for name in names}


def _totals(subtotal: int, discount: int, tax: int, total: int) -> Document:
    return {
        "subtotal": str(subtotal),
        "discount": str(discount),
        "tax": str(tax),
        "total": str(total),
    }


def _converted(amount: int, have: str, want: str) -> int:
    dollars = Decimal(amount) / RATES.get(have, Decimal(1)) / (1 if have in WITHOUT_DECIMALS else 100)
    wanted = dollars * RATES.get(want, Decimal(1)) * (1 if want in WITHOUT_DECIMALS else 100)
    return int(wanted.quantize(Decimal(1), ROUND_HALF_UP))


def _rounded(amount: Fraction | int) -> int:
    return int((Fraction(amount) + Fraction(1, 2)) // 1)
