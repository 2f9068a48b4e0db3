"""Conventions of Paddle's API, customers and the catalog: PROVIDERS notes, each named after what it says."""

from __future__ import annotations

import re

import pytest

from purchase_core.secret import Secret
from purchase_simulators.paddle.refusal import Refusal
from purchase_simulators.paddle.settings import Settings
from purchase_simulators.paddle.testing import Desk

ID = {
    "/customers": ("ctm", {"email": "ana@example.com"}),
    "/products": ("pro", {"name": "App", "tax_category": "standard"}),
}


# --- conventions ---------------------------------------------------------------------------------


def test_a_missing_malformed_or_unknown_key_is_403(desk: Desk) -> None:
    """errors/shared: authentication_missing, authentication_malformed, invalid_token are all 403."""
    for header, code in (
        ({}, "authentication_missing"),
        ({"authorization": "Basic abc"}, "authentication_malformed"),
        ({"authorization": "Bearer pdl_sdbx_apikey_nobody"}, "invalid_token"),
    ):
        answer = desk.call("GET", "/customers", headers={"x": "y", **header})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, code)


def test_another_api_version_is_refused(desk: Desk) -> None:
    answer = desk.call("GET", "/customers", headers=desk.headers | {"paddle-version": "2"})
    assert answer.status_code == 400


def test_success_is_data_and_meta_with_a_request_id(desk: Desk) -> None:
    """api-reference/about/success-responses."""
    answer = desk.call("POST", "/customers", {"email": "ana@example.com"}).json()
    assert set(answer) == {"data", "meta"}
    assert re.fullmatch(r"[0-9a-f-]{36}", answer["meta"]["request_id"])


def test_an_error_has_type_code_detail_and_page(desk: Desk) -> None:
    """api-reference/about/errors."""
    answer = desk.call("POST", "/customers", {"email": "not an address"})
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["type"], error["code"]) == ("request_error", "invalid_field")
    assert [one["field"] for one in error["errors"]] == ["email"]
    assert error["documentation_url"] == "https://developer.paddle.com/errors/shared/invalid_field"


def test_what_is_no_json_is_refused(desk: Desk) -> None:
    assert desk.refused("POST", "/customers", b"{").code == "invalid_json"
    assert desk.refused("POST", "/customers", b'{"email":"a@b.c","email":"c@d.e"}').code == "invalid_json"


def test_an_unknown_path_and_method(desk: Desk) -> None:
    assert desk.call("GET", "/nowhere").json()["error"]["code"] == "invalid_url"
    assert desk.call("DELETE", "/customers").json()["error"]["code"] == "method_not_allowed"


def test_ids_are_typed_and_ascend(desk: Desk) -> None:
    """Every id is `^xxx_[a-z\\d]{26}$`; they sort by time, which `after` relies on."""
    for path, (prefix, body) in ID.items():
        assert re.fullmatch(rf"{prefix}_[a-z\d]{{26}}", desk.post(path, body)["id"])
    made = [desk.customer(f"c{number}@example.com")["id"] for number in range(5)]
    assert made == sorted(made)


def test_timestamps_are_rfc_3339_with_microseconds(desk: Desk) -> None:
    created = desk.customer()["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", created)


def test_money_is_a_string_of_the_lowest_unit(desk: Desk) -> None:
    """api-reference/about/data-types."""
    totals = desk.sold(desk.price(1_200))["details"]["totals"]
    assert (totals["total"], totals["grand_total"], totals["currency_code"]) == ("1200", "1200", "USD")
    assert desk.refused("POST", "/prices", _price(desk, amount=1200)).code == "invalid_field"
    assert desk.refused("POST", "/prices", _price(desk, amount="12.00")).code == "invalid_field"


def test_the_same_request_twice_is_two_entities(desk: Desk) -> None:
    """No idempotency keys: nothing in the specification, and a header of that name changes nothing."""
    price = desk.price()
    body = {"items": [{"price_id": price["id"], "quantity": 1}]}
    headers = desk.headers | {"idempotency-key": "k", "x-transaction-id": "k"}
    one, two = (desk.call("POST", "/transactions", body, headers).json()["data"]["id"] for _ in range(2))
    assert one != two


# --- pages ---------------------------------------------------------------------------------------


def test_pages_follow_next_until_has_more_is_false(desk: Desk) -> None:
    """api-reference/about/pagination: per_page, after, order_by=id[ASC|DESC], meta.pagination."""
    made = [desk.customer(f"c{number}@example.com")["id"] for number in range(7)]
    for order, expected in (("ASC", made), ("DESC", made[::-1])):
        listed, url = [], f"/customers?per_page=3&order_by=id[{order}]"
        while url:
            answer = desk.call("GET", url).json()
            listed += [one["id"] for one in answer["data"]]
            pagination = answer["meta"]["pagination"]
            assert pagination["per_page"] == 3
            url = pagination["next"] if pagination["has_more"] else ""
        assert listed == expected


def test_a_page_is_fifty_and_at_most_two_hundred(desk: Desk) -> None:
    for query, size in (("", 50), ("?per_page=200", 200), ("?per_page=500", 200)):
        assert desk.call("GET", f"/customers{query}").json()["meta"]["pagination"]["per_page"] == size
    for path, size in (("/transactions", 30), ("/adjustments", 10)):
        assert desk.call("GET", path).json()["meta"]["pagination"]["per_page"] == size


def test_a_page_after_something_else_or_in_no_order_is_refused(desk: Desk) -> None:
    assert desk.refused("GET", "/customers?after=ctm_unknown").errors[0][0] == "after"
    assert desk.refused("GET", "/customers?order_by=colour[ASC]").code == "bad_request"
    assert desk.refused("GET", "/customers?per_page=0").errors[0][0] == "per_page"
    assert desk.refused("GET", "/customers?colour=red").errors[0][0] == "colour"


# --- rate limits ---------------------------------------------------------------------------------


def test_240_requests_a_minute_then_429_with_retry_after(desk: Desk) -> None:
    """api-reference/about/rate-limiting."""
    for _ in range(240):
        assert desk.call("GET", "/event-types").status_code == 200
    answer = desk.call("GET", "/event-types")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_requests")
    assert answer.json()["error"]["type"] == "api_error"
    desk.advance(seconds=int(answer.headers["retry-after"]))
    assert desk.call("GET", "/event-types").status_code == 200


def test_previews_have_a_limit_of_their_own(desk: Desk) -> None:
    """1,000 a minute for pricing and transaction previews."""
    settings = Settings(requests_per_minute=3, previews_per_minute=5)
    with Desk(settings=settings) as own:
        price = own.price()
        body = {"items": [{"price_id": price["id"], "quantity": 1}]}
        for _ in range(5):
            own.post("/transactions/preview", body)
        assert own.refused("POST", "/transactions/preview", body).status == 429
        assert own.get("/event-types")


# --- customers -----------------------------------------------------------------------------------


def test_a_customer_needs_an_email(desk: Desk) -> None:
    assert desk.refused("POST", "/customers", {"name": "Ana"}).errors[0][0] == "email"


def test_an_email_is_unique_and_the_refusal_names_the_customer(desk: Desk) -> None:
    """errors/customers/customer_already_exists: 409, with the id in `detail`."""
    ana = desk.customer("ana@example.com")
    for email in ("ana@example.com", "ANA@example.com"):
        refused = desk.refused("POST", "/customers", {"email": email})
        assert (refused.status, refused.code) == (409, "customer_already_exists")
        assert refused.detail == f"customer email conflicts with customer of id {ana['id']}"
    ben = desk.customer("ben@example.com")
    assert desk.refused("PATCH", f"/customers/{ben['id']}", {"email": "ana@example.com"}).status == 409
    assert desk.patch(f"/customers/{ana['id']}", {"email": "ana@example.com"})["id"] == ana["id"]


def test_customers_are_found_by_exact_emails(desk: Desk) -> None:
    """GET /customers?email=a,b."""
    ana, ben = desk.customer("ana@example.com"), desk.customer("ben@example.com")
    desk.customer("cho@example.com")
    found = desk.get("/customers?email=ana@example.com,ben@example.com")
    assert {one["id"] for one in found} == {ana["id"], ben["id"]}
    assert desk.get("/customers?email=ana") == []
    assert [one["id"] for one in desk.get("/customers?search=cho")] != []


def test_a_checkout_creates_the_customer_or_uses_the_one_who_has_the_email(desk: Desk) -> None:
    """build/customers/create-update-customers."""
    ana = desk.customer("ana@example.com")
    price = desk.price()
    bought = desk.pay(desk.transaction(price)["id"], email="ana@example.com")
    assert bought["customer_id"] == ana["id"]
    new = desk.pay(desk.transaction(price)["id"], email="new@example.com")
    assert desk.get(f"/customers/{new['customer_id']}")["email"] == "new@example.com"


def test_addresses_belong_to_one_customer(desk: Desk) -> None:
    ana, ben = desk.customer("ana@example.com"), desk.customer("ben@example.com")
    home = desk.post(f"/customers/{ana['id']}/addresses", {"country_code": "GB", "postal_code": "EC1A 7BL"})
    assert desk.get(f"/customers/{ana['id']}/addresses/{home['id']}") == home
    assert desk.refused("GET", f"/customers/{ben['id']}/addresses/{home['id']}").status == 404
    changed = desk.patch(f"/customers/{ana['id']}/addresses/{home['id']}", {"city": "London"})
    assert (changed["city"], changed["country_code"]) == ("London", "GB")
    assert desk.get(f"/customers/{ben['id']}/addresses") == []


def test_a_portal_is_of_the_whole_customer_with_links_per_subscription(desk: Desk) -> None:
    """api-reference/customer-portals: at most 25 subscriptions, of this customer."""
    bought = desk.subscribed()
    path = f"/customers/{bought['customer_id']}/portal-sessions"
    session = desk.post(path, {"subscription_ids": [bought["id"]]})
    (links,) = session["urls"]["subscriptions"]
    assert links["id"] == bought["id"]
    assert bought["id"] in links["cancel_subscription"]
    assert bought["id"] in links["update_subscription_payment_method"]
    assert session["urls"]["general"]["overview"]
    ben = desk.customer("ben@example.com")
    other = f"/customers/{ben['id']}/portal-sessions"
    assert desk.refused("POST", other, {"subscription_ids": [bought["id"]]}).status == 404
    assert desk.refused("POST", path, {"subscription_ids": [bought["id"]] * 26}).code == "invalid_field"


# --- catalog -------------------------------------------------------------------------------------


def test_a_product_needs_an_approved_tax_category(desk: Desk) -> None:
    """errors/products/product_tax_category_not_approved."""
    assert desk.refused("POST", "/products", {"name": "App"}).errors[0][0] == "tax_category"
    refused = desk.refused("POST", "/products", {"name": "App", "tax_category": "website-hosting"})
    assert refused.code == "product_tax_category_not_approved"
    assert desk.refused("POST", "/products", {"name": "App", "tax_category": "fish"}).code == "invalid_field"


def test_a_prices_amount_is_mutable_and_what_was_sold_keeps_its_own(desk: Desk) -> None:
    price = desk.price(1_200)
    bought = desk.sold(price)
    after = desk.patch(f"/prices/{price['id']}", {"unit_price": {"amount": "1500", "currency_code": "USD"}})
    assert after["unit_price"]["amount"] == "1500"
    again = desk.get(f"/transactions/{bought['id']}")
    assert again["items"][0]["price"]["unit_price"]["amount"] == "1200"
    assert desk.sold(price)["details"]["totals"]["total"] == "1500"


def test_a_trial_requires_a_billing_cycle(desk: Desk) -> None:
    """errors/prices/price_trial_period_requires_billing_cycle."""
    body = _price(desk) | {"billing_cycle": None, "trial_period": {"interval": "day", "frequency": 14}}
    assert desk.refused("POST", "/prices", body).code == "price_trial_period_requires_billing_cycle"


def test_overrides_are_by_country_and_one_a_country(desk: Desk) -> None:
    """concepts/sell/localize-prices, errors/prices/price_duplicate_currency_override_for_country."""
    euro = {"country_codes": ["DE", "FR"], "unit_price": {"amount": "1000", "currency_code": "EUR"}}
    price = desk.price(1_200, unit_price_overrides=[euro])
    ana = desk.customer()
    home = desk.post(f"/customers/{ana['id']}/addresses", {"country_code": "DE"})
    here = desk.transaction(price, customer_id=ana["id"], address_id=home["id"])
    assert (here["currency_code"], here["details"]["totals"]["subtotal"]) == ("EUR", "1000")
    assert desk.transaction(price)["currency_code"] == "USD"
    twice = _price(desk) | {"unit_price_overrides": [euro, euro]}
    assert desk.refused("POST", "/prices", twice).code == "price_duplicate_currency_override_for_country"


def test_a_price_without_an_override_is_converted(desk: Desk) -> None:
    """concepts/sell/localize-prices: automatic currency conversion (the rates here are made up)."""
    made = desk.transaction(desk.price(1_000), currency_code="EUR")
    assert made["details"]["totals"]["total"] == "900"
    assert desk.transaction(desk.price(1_000), currency_code="JPY")["details"]["totals"]["total"] == "1500"


def test_quantities_are_one_to_a_hundred_by_default(desk: Desk) -> None:
    price = desk.price()
    assert price["quantity"] == {"minimum": 1, "maximum": 100}
    body = {"items": [{"price_id": price["id"], "quantity": 101}]}
    assert desk.refused("POST", "/transactions", body).code == "transaction_item_quantity_out_of_range"
    seats = desk.price(quantity={"minimum": 5, "maximum": 1_000})
    assert desk.transaction(seats, quantity=1_000)["details"]["totals"]["total"] == "1200000"
    few = {"items": [{"price_id": seats["id"], "quantity": 4}]}
    assert desk.refused("POST", "/transactions", few).code == "transaction_item_quantity_out_of_range"


def test_currencies_are_paddles(desk: Desk) -> None:
    body = _price(desk) | {"unit_price": {"amount": "1000", "currency_code": "KWD"}}
    assert desk.refused("POST", "/prices", body).errors[0][0] == "unit_price.currency_code"


def test_an_archived_customer_keeps_the_address_and_buys_nothing(desk: Desk) -> None:
    """api-reference/about/delete-entities, /default-scopes: not listed by default, not used, and restored."""
    ana = desk.customer("ana@example.com")["id"]
    body = {"items": [{"price_id": desk.price()["id"], "quantity": 1}], "customer_id": ana}
    desk.patch(f"/customers/{ana}", {"status": "archived"})
    assert desk.get("/customers?email=ana@example.com") == []
    assert [one["id"] for one in desk.get("/customers?status=active,archived")] == [ana]
    assert desk.get(f"/customers/{ana}")["status"] == "archived"
    assert desk.refused("POST", "/transactions", body).code == "entity_archived"
    assert desk.refused("POST", "/customers", {"email": "ana@example.com"}).code == "customer_already_exists"
    desk.patch(f"/customers/{ana}", {"status": "active"})
    assert desk.post("/transactions", body)["customer_id"] == ana


def test_archived_prices_are_not_sold_and_products_are_never_deleted(desk: Desk) -> None:
    price = desk.price()
    assert desk.patch(f"/prices/{price['id']}", {"status": "archived"})["status"] == "archived"
    body = {"items": [{"price_id": price["id"], "quantity": 1}]}
    assert desk.refused("POST", "/transactions", body).code == "entity_archived"
    assert desk.call("DELETE", f"/products/{price['product_id']}").status_code == 405


def test_prices_have_no_lookup_key_and_are_listed_by_product(desk: Desk) -> None:
    price = desk.price(custom_data={"key": "pro"})
    desk.price()
    (found,) = desk.get(f"/prices?product_id={price['product_id']}&status=active&include=product")
    assert found["custom_data"] == {"key": "pro"}
    assert found["product"]["id"] == price["product_id"]
    assert desk.refused("GET", "/prices?lookup_key=pro").errors[0][0] == "lookup_key"


def test_a_short_api_key_opens_nothing(desk: Desk) -> None:
    with pytest.raises(Exception, match="characters"):
        desk.simulator.allow(desk.account, Secret("short"))


def test_a_refusal_says_what_it_is() -> None:
    assert str(Refusal(404, "not_found", "gone")) == "404 not_found: gone"


def _price(desk: Desk, amount: object = "1000") -> dict[str, object]:
    product = desk.post("/products", {"name": "App", "tax_category": "standard"})
    return {
        "description": "App",
        "product_id": product["id"],
        "unit_price": {"amount": amount, "currency_code": "USD"},
        "billing_cycle": {"interval": "month", "frequency": 1},
    }
