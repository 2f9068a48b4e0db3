"""Transactions and their payment: PROVIDERS notes, each named after what it says, with its source."""

from __future__ import annotations

import pytest

from purchase_simulators.paddle import paying
from purchase_simulators.paddle.refusal import Refusal
from purchase_simulators.paddle.settings import Settings
from purchase_simulators.paddle.testing import Desk

PAGE = "http://127.0.0.1/pay"


def test_a_transaction_is_draft_until_it_has_customer_and_address(desk: Desk) -> None:
    """api-reference/transactions: draft and ready."""
    price, ana = desk.price(), desk.customer()
    home = desk.post(f"/customers/{ana['id']}/addresses", {"country_code": "US"})
    assert desk.transaction(price)["status"] == "draft"
    assert desk.transaction(price, customer_id=ana["id"])["status"] == "draft"
    assert desk.transaction(price, customer_id=ana["id"], address_id=home["id"])["status"] == "ready"
    later = desk.transaction(price)
    desk.events()
    body = {"customer_id": ana["id"], "address_id": home["id"]}
    assert desk.patch(f"/transactions/{later['id']}", body)["status"] == "ready"
    assert desk.told() == ["transaction.updated", "transaction.ready"]


def test_an_address_requires_its_customer(desk: Desk) -> None:
    """errors/transactions/transaction_customer_is_required_with_address."""
    price, ana, ben = desk.price(), desk.customer(), desk.customer("ben@example.com")
    home = desk.post(f"/customers/{ana['id']}/addresses", {"country_code": "US"})
    items = [{"price_id": price["id"], "quantity": 1}]
    refused = desk.refused("POST", "/transactions", {"items": items, "address_id": home["id"]})
    assert refused.code == "transaction_customer_is_required_with_address"
    other = {"items": items, "address_id": home["id"], "customer_id": ben["id"]}
    assert desk.refused("POST", "/transactions", other).status == 404


def test_the_checkout_is_an_approved_page_with_ptxn(desk: Desk) -> None:
    """api-reference/transactions (checkout.url), errors/transactions/…checkout_url_domain_is_not_approved."""
    price = desk.price()
    items = [{"price_id": price["id"], "quantity": 1}]
    made = desk.transaction(price, checkout={"url": f"{PAGE}?lang=de"})
    assert made["checkout"]["url"] == f"{PAGE}?lang=de&_ptxn={made['id']}"
    default = desk.transaction(price)
    assert default["checkout"]["url"] == f"{desk.settings.default_checkout_url}?_ptxn={default['id']}"
    body = {"items": items, "checkout": {"url": "https://evil.example/pay"}}
    assert (
        desk.refused("POST", "/transactions", body).code == "transaction_checkout_url_domain_is_not_approved"
    )
    desk.settings.default_checkout_url = ""
    refused = desk.refused("POST", "/transactions", {"items": items})
    assert refused.code == "transaction_default_checkout_url_not_set"


@pytest.mark.parametrize("ready", [False, True])
def test_draft_and_ready_can_be_neither_cancelled_nor_expired(desk: Desk, ready: bool) -> None:
    """errors/transactions/transaction_invalid_status_change; there is no call that expires one."""
    made = desk.transaction()
    if ready:
        paying.identify(desk.book, desk.book.find("txn", made["id"]), email="a@b.example", country="US",
                        postal_code="1")  # fmt: skip
    refused = desk.refused("PATCH", f"/transactions/{made['id']}", {"status": "canceled"})
    assert refused.code == "transaction_invalid_status_change"
    desk.advance(days=400)
    assert desk.get(f"/transactions/{made['id']}")["status"] == ("ready" if ready else "draft")
    assert desk.call("POST", f"/transactions/{made['id']}/expire").status_code == 404
    assert desk.pay(made["id"])["status"] == "completed"  # and it can still be paid


def test_only_a_ready_one_is_billed_and_only_a_billed_one_is_cancelled(desk: Desk) -> None:
    """errors/transactions: transaction_status_must_be_ready, transaction_immutable."""
    price, ana = desk.price(), desk.customer()
    home = desk.post(f"/customers/{ana['id']}/addresses", {"country_code": "US"})
    draft = desk.transaction(price)
    assert desk.refused("PATCH", f"/transactions/{draft['id']}", {"status": "billed"}).code == (
        "transaction_status_must_be_ready"
    )
    ready = desk.transaction(price, customer_id=ana["id"], address_id=home["id"])
    billed = desk.patch(f"/transactions/{ready['id']}", {"status": "billed"})
    assert (billed["status"], bool(billed["invoice_number"])) == ("billed", True)
    assert desk.refused("PATCH", f"/transactions/{ready['id']}", {"custom_data": {"a": 1}}).code == (
        "transaction_immutable"
    )
    both = {"status": "canceled", "custom_data": {"a": 1}}
    assert desk.refused("PATCH", f"/transactions/{ready['id']}", both).code == (
        "transaction_cannot_be_modified_and_canceled"
    )
    assert desk.patch(f"/transactions/{ready['id']}", {"status": "canceled"})["status"] == "canceled"


@pytest.mark.parametrize("status", ["paid", "completed", "past_due"])
def test_no_status_but_billed_and_canceled_can_be_set(desk: Desk, status: str) -> None:
    made = desk.transaction()
    refused = desk.refused("PATCH", f"/transactions/{made['id']}", {"status": status})
    assert refused.code == "transaction_invalid_status_change"


def test_a_completed_transaction_is_immutable(desk: Desk) -> None:
    bought = desk.sold()
    for body in ({"custom_data": {"a": 1}}, {"items": [{"price_id": desk.price()["id"], "quantity": 1}]}):
        assert desk.refused("PATCH", f"/transactions/{bought['id']}", body).code == "transaction_immutable"
    refused = desk.refused("PATCH", f"/transactions/{bought['id']}", {"status": "canceled"})
    assert refused.code == "transaction_invalid_status_change"
    with pytest.raises(Refusal, match="cannot be paid"):
        desk.pay(bought["id"])


def test_items_are_checked(desk: Desk) -> None:
    """errors/transactions: duplicate prices, unknown prices, different cycles and trials."""
    price, yearly = desk.price(), desk.price(interval="year")
    trial = desk.price(trial_period={"interval": "day", "frequency": 14})

    def refused(*items: dict[str, object]) -> str:
        return desk.refused("POST", "/transactions", {"items": list(items)}).code

    one = {"price_id": price["id"], "quantity": 1}
    assert refused(one, one) == "transaction_duplicate_price_ids"
    assert refused({"price_id": "pri_" + "0" * 26, "quantity": 1}) == "transaction_price_not_found"
    assert (
        refused(one, {"price_id": yearly["id"], "quantity": 1}) == "transaction_price_different_billing_cycle"
    )
    assert (
        refused(one, {"price_id": trial["id"], "quantity": 1}) == "transaction_price_different_trial_period"
    )
    assert refused({"quantity": 1}) == refused({"price_id": price["id"]}) == "invalid_field"
    assert refused() == "invalid_field"


def test_a_price_of_ones_own_can_be_sold_once(desk: Desk) -> None:
    """An item may bring its price (POST /transactions, items[].price)."""
    product = desk.post("/products", {"name": "Talk", "tax_category": "standard"})
    price = {
        "description": "A talk",
        "product_id": product["id"],
        "unit_price": {"amount": "9900", "currency_code": "USD"},
    }
    made = desk.post("/transactions", {"items": [{"price": price, "quantity": 1}]})
    assert made["items"][0]["price"]["type"] == "custom"
    assert desk.pay(made["id"])["details"]["totals"]["total"] == "9900"


def test_a_preview_keeps_nothing(desk: Desk) -> None:
    """POST /transactions/preview."""
    price = desk.price(1_000)
    desk.events()
    body = {
        "items": [{"price_id": price["id"], "quantity": 3}],
        "address": {"country_code": "GB", "postal_code": "EC1A 7BL"},
    }
    totals = desk.post("/transactions/preview", body)["details"]["totals"]
    assert (totals["subtotal"], totals["tax"], totals["total"]) == ("3000", "600", "3600")
    assert desk.get("/transactions") == []
    assert desk.told() == []


# --- payment -------------------------------------------------------------------------------------


def test_paid_comes_before_completed_and_has_less(desk: Desk) -> None:
    """webhooks/transactions/transaction-paid: no subscription, invoice number, billing period or fees yet."""
    made = desk.transaction(custom_data={"order": "1"})
    desk.pay(made["id"])
    events = [one for one in desk.events() if one.data.get("id") == made["id"]]
    types = [one.type for one in events]
    assert types == [
        "transaction.created", "transaction.updated", "transaction.ready", "transaction.updated",
        "transaction.paid", "transaction.updated", "transaction.completed",
    ]  # fmt: skip
    paid, completed = (
        next(one.data for one in events if one.type == f"transaction.{t}") for t in ("paid", "completed")
    )
    for name in ("subscription_id", "invoice_number", "invoice_id", "billing_period"):
        assert paid[name] is None
        assert completed[name] is not None
    assert paid["details"]["payout_totals"] is None
    assert paid["details"]["totals"]["fee"] is None
    assert completed["details"]["totals"]["fee"] == "110"
    assert paid["payments"] == completed["payments"]
    assert paid["updated_at"] < completed["updated_at"]


def test_custom_data_goes_from_transaction_to_subscription_to_renewals(desk: Desk) -> None:
    """build/transactions/custom-data."""
    bought = desk.subscribed(custom_data={"order": "1"})
    assert bought["custom_data"] == {"order": "1"}
    desk.advance(days=32)
    renewals = desk.get(f"/transactions?subscription_id={bought['id']}&origin=subscription_recurring")
    assert [one["custom_data"] for one in renewals] == [{"order": "1"}]


def test_a_declined_payment_leaves_it_ready_and_is_told(desk: Desk) -> None:
    made = desk.transaction()
    declined = desk.pay(made["id"], "declined")
    assert (declined["status"], declined["payments"][0]["error_code"]) == ("ready", "declined")
    assert declined["payments"][0]["captured_at"] is None
    assert "transaction.payment_failed" in desk.told()
    paid = desk.pay(made["id"])
    assert [one["status"] for one in paid["payments"]] == ["captured", "error"]
    assert paid["status"] == "completed"


def test_a_slow_payment_grants_nothing_until_it_arrives(desk: Desk) -> None:
    """payments.status: pending_no_action_required."""
    made = desk.transaction()
    slow = desk.pay(made["id"], "slow")
    assert (slow["status"], slow["payments"][0]["status"]) == ("ready", "pending_no_action_required")
    assert desk.get("/subscriptions") == []
    desk.advance(days=3)
    paying.arrived(desk.book, made["id"])
    assert desk.get(f"/transactions/{made['id']}")["status"] == "completed"


def test_a_slow_payment_may_not_arrive(desk: Desk) -> None:
    made = desk.transaction()
    desk.pay(made["id"], "slow")
    paying.arrived(desk.book, made["id"], refusal="declined")
    assert desk.get(f"/transactions/{made['id']}")["status"] == "ready"


def test_tax_is_on_top_or_inside_by_tax_mode(desk: Desk) -> None:
    """tax_mode external and internal; GB has 20 %."""
    ana = desk.customer()
    home = desk.post(f"/customers/{ana['id']}/addresses", {"country_code": "GB"})
    whose = {"customer_id": ana["id"], "address_id": home["id"]}
    outside = desk.transaction(desk.price(1_200, tax_mode="external"), **whose)["details"]["totals"]
    inside = desk.transaction(desk.price(1_200, tax_mode="internal"), **whose)["details"]["totals"]
    assert (outside["subtotal"], outside["tax"], outside["total"]) == ("1200", "240", "1440")
    assert (inside["subtotal"], inside["tax"], inside["total"]) == ("1000", "200", "1200")


def test_one_discount_a_transaction_within_its_limits(desk: Desk) -> None:
    """api-reference/discounts; errors/transactions/transaction_discount_not_eligible."""
    price = desk.price(1_000)
    discount = desk.post(
        "/discounts",
        {"description": "Half", "type": "percentage", "amount": "50", "code": "HALF", "usage_limit": 1},
    )
    bought = desk.sold(price, discount_id=discount["id"])
    assert bought["details"]["totals"]["discount"] == "500"
    assert desk.get(f"/discounts/{discount['id']}")["times_used"] == 1
    body = {"items": [{"price_id": price["id"], "quantity": 1}], "discount_id": discount["id"]}
    assert desk.refused("POST", "/transactions", body).code == "transaction_discount_not_eligible"
    body["discount_id"] = "dsc_" + "0" * 26
    assert desk.refused("POST", "/transactions", body).code == "transaction_discount_not_found"
    same = {"description": "Again", "type": "percentage", "amount": "5", "code": "HALF"}
    assert desk.refused("POST", "/discounts", same).code == "discount_code_conflict"
    flat = {"description": "Flat", "type": "flat", "amount": "300", "currency_code": "EUR"}
    euros = desk.post("/discounts", flat)
    body["discount_id"] = euros["id"]
    assert desk.refused("POST", "/transactions", body).code == "transaction_invalid_discount_currency"


def test_discounts_restricted_to_prices(desk: Desk) -> None:
    price, other = desk.price(1_000, interval=""), desk.price(1_000, interval="")
    discount = desk.post(
        "/discounts",
        {"description": "Off", "type": "flat_per_seat", "amount": "100", "currency_code": "USD",
         "restrict_to": [price["id"]]},
    )  # fmt: skip
    made = desk.transaction(price, other, quantity=2, discount_id=discount["id"])
    assert [row["totals"]["discount"] for row in made["details"]["line_items"]] == ["200", "0"]


def test_an_invoice_document_exists_once_it_is_completed(desk: Desk) -> None:
    made = desk.transaction()
    assert desk.refused("GET", f"/transactions/{made['id']}/invoice").status == 404
    desk.pay(made["id"])
    assert desk.get(f"/transactions/{made['id']}/invoice")["url"].startswith("https://")


def test_transactions_are_listed_by_customer_and_time(desk: Desk) -> None:
    """How an unknown outcome is looked for: customer_id and created_at[GTE]."""
    ana, price = desk.customer(), desk.price()
    old = desk.transaction(price, customer_id=ana["id"])
    desk.advance(days=1)
    new = desk.transaction(price, customer_id=ana["id"])
    desk.transaction(price)
    since = new["created_at"]
    assert [one["id"] for one in desk.get(f"/transactions?customer_id={ana['id']}")] == [new["id"], old["id"]]
    found = desk.get(f"/transactions?customer_id={ana['id']}&created_at[GTE]={since}")
    assert [one["id"] for one in found] == [new["id"]]
    assert desk.get("/transactions?origin=web") == []
    assert len(desk.get("/transactions?subscription_id=null&status=draft")) == 3


def test_includes_bring_entities_along(desk: Desk) -> None:
    bought = desk.sold()
    seen = desk.get(f"/transactions/{bought['id']}?include=customer,address,adjustments")
    assert seen["customer"]["id"] == bought["customer_id"]
    assert seen["address"]["id"] == bought["address_id"]
    assert seen["adjustments"] == []
    assert desk.refused("GET", f"/transactions/{bought['id']}?include=colour").code == "bad_request"


def test_the_account_says_what_account_setting_means() -> None:
    with Desk(settings=Settings(tax_mode="internal")) as own:
        ana = own.customer()
        home = own.post(f"/customers/{ana['id']}/addresses", {"country_code": "GB"})
        made = own.transaction(own.price(1_200), customer_id=ana["id"], address_id=home["id"])
        assert made["details"]["totals"]["total"] == "1200"
