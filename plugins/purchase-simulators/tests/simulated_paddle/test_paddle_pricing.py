"""Prices before there is a transaction, and currencies. Sources as Paddle names its pages."""

from __future__ import annotations

from purchase_simulators.paddle.testing import Desk


def test_a_pricing_preview_shows_each_line_as_a_buyer_would_see_it_and_keeps_nothing(desk: Desk) -> None:
    """api-reference/pricing-preview: prices by country, with tax and discount, as amounts and as text."""
    override = {"country_codes": ["GB"], "unit_price": {"amount": "900", "currency_code": "GBP"}}
    price = desk.price(1_000, unit_price_overrides=[override])
    half = desk.post("/discounts", {"description": "Half", "type": "percentage", "amount": "50"})
    asked = {
        "items": [{"price_id": price["id"], "quantity": 2}],
        "address": {"country_code": "GB"},
        "discount_id": half["id"],
    }
    desk.events()
    found = desk.post("/pricing-preview", asked)
    (line,) = found["details"]["line_items"]
    assert (found["currency_code"], line["quantity"], line["tax_rate"]) == ("GBP", 2, "0.2")
    assert line["totals"] == {"subtotal": "1800", "discount": "900", "tax": "180", "total": "1080"}
    assert line["formatted_totals"]["total"] == "GBP 10.80"
    assert line["discounts"][0]["total"] == "900"
    assert (line["price"]["id"], line["product"]["id"]) == (price["id"], price["product_id"])
    assert desk.get("/transactions") == []
    assert desk.told() == []


def test_currencies_say_how_many_decimal_places_they_have(desk: Desk) -> None:
    """api-reference/currencies: "read decimal_places rather than assuming two"; a least payment each."""
    found = {one["currency_code"]: one for one in desk.get("/currencies")}
    assert (found["USD"]["decimal_places"], found["JPY"]["decimal_places"]) == (2, 0)
    assert all(one["minimum_payment_amount"].isdecimal() for one in found.values())
    yen = desk.price(unit_price={"amount": "1200", "currency_code": "JPY"})
    assert desk.transaction(yen)["details"]["totals"]["total"] == "1200"


def test_a_transaction_has_up_to_a_hundred_items(desk: Desk) -> None:
    """api-reference/transactions: `items`, 1 to 100."""
    price = desk.price()
    body = {"items": [{"price_id": price["id"], "quantity": 1}] * 101}
    assert desk.refused("POST", "/transactions", body).errors[0][0] == "items"
