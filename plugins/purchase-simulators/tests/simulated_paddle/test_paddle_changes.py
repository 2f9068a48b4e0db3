"""Changes of subscriptions: items and prorations; each test named after what Paddle says, with its source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from purchase_simulators.paddle.shapes import Document
from purchase_simulators.paddle.testing import Desk

from .items import NOW, TRIAL, ids, item

HALF_OF_OCTOBER = 15


def test_the_list_of_items_is_whole_and_what_is_left_out_is_removed(desk: Desk) -> None:
    """PATCH /subscriptions/{id} (items)."""
    base, seats = desk.price(1_000), desk.price(500)
    bought = desk.subscribed(base, seats)
    path = f"/subscriptions/{bought['id']}"
    body = {"items": [item(base)], "proration_billing_mode": "do_not_bill"}
    assert ids(desk.patch(path, body)) == {base["id"]: 1}
    body["items"] = [{"price_id": base["id"]}, item(seats, 4)]
    assert ids(desk.patch(path, body)) == {base["id"]: 1, seats["id"]: 4}


def test_items_need_a_proration_mode(desk: Desk) -> None:
    """errors/subscriptions/subscription_items_update_missing_proration_billing_mode."""
    bought = desk.subscribed()
    body: dict[str, Any] = {"items": [item(bought["items"][0]["price"], 2)]}
    assert desk.refused("PATCH", f"/subscriptions/{bought['id']}", body).code == (
        "subscription_items_update_missing_proration_billing_mode"
    )
    body["proration_billing_mode"] = "whenever"
    assert desk.refused("PATCH", f"/subscriptions/{bought['id']}", body).code == "invalid_field"


def test_prorated_immediately_charges_the_difference_to_the_minute(desk: Desk) -> None:
    """concepts/subscriptions/proration."""
    cheap, dear = desk.price(1_000), desk.price(3_000)
    bought = desk.subscribed(cheap)
    desk.advance(days=HALF_OF_OCTOBER)
    desk.events()
    after = desk.patch(
        f"/subscriptions/{bought['id']}", {"items": [item(dear)], "proration_billing_mode": NOW}
    )
    assert ids(after) == {dear["id"]: 1}
    assert after["current_billing_period"] == bought["current_billing_period"]
    (bill,) = desk.get(f"/transactions?subscription_id={bought['id']}&origin=subscription_update")
    totals = bill["details"]["totals"]
    assert (totals["total"], totals["credit"], totals["grand_total"]) == ("1500", "500", "1000")
    assert round(float(bill["items"][0]["proration"]["rate"]), 3) == 0.5
    credit = next(one for one in desk.get("/adjustments") if one["action"] == "credit")
    assert (credit["status"], credit["totals"]["total"], credit["items"][0]["type"]) == (
        "approved",
        "500",
        "proration",
    )
    assert "adjustment.created" in desk.told()


@pytest.mark.parametrize(
    ("mode", "now", "later"),
    [
        (NOW, "1000", "3000"),
        ("prorated_next_billing_period", "", "4000"),
        ("full_immediately", "3000", "3000"),
        ("full_next_billing_period", "", "6000"),
        ("do_not_bill", "", "3000"),
    ],
)
def test_five_proration_modes(desk: Desk, mode: str, now: str, later: str) -> None:
    """Items change at once in each; *_next_billing_period defers only the billing."""
    cheap, dear = desk.price(1_000), desk.price(3_000)
    bought = desk.subscribed(cheap)
    desk.advance(days=HALF_OF_OCTOBER)
    body = {"items": [item(dear)], "proration_billing_mode": mode}
    shown = desk.patch(f"/subscriptions/{bought['id']}/preview", body)
    after = desk.patch(f"/subscriptions/{bought['id']}", body)
    assert ids(after) == {dear["id"]: 1}
    bills = desk.get(f"/transactions?subscription_id={bought['id']}&origin=subscription_update")
    assert [one["details"]["totals"]["grand_total"] for one in bills] == ([now] if now else [])
    immediate = shown["immediate_transaction"]
    assert (immediate["details"]["totals"]["grand_total"] if immediate else "") == now
    desk.advance(days=16)
    (renewal,) = desk.get(f"/transactions?subscription_id={bought['id']}&origin=subscription_recurring")
    assert renewal["details"]["totals"]["grand_total"] == later


def test_a_preview_changes_nothing_and_sums_up(desk: Desk) -> None:
    """PATCH /subscriptions/{id}/preview: update_summary, immediate and next transaction."""
    cheap, dear = desk.price(1_000), desk.price(3_000)
    bought = desk.subscribed(cheap)
    desk.advance(days=HALF_OF_OCTOBER)
    desk.events()
    seen = desk.patch(
        f"/subscriptions/{bought['id']}/preview", {"items": [item(dear)], "proration_billing_mode": NOW}
    )
    assert seen["update_summary"]["result"] == {"action": "charge", "amount": "1000", "currency_code": "USD"}
    assert seen["next_transaction"]["details"]["totals"]["total"] == "3000"
    assert seen["recurring_transaction_details"]["totals"]["total"] == "3000"
    assert desk.told() == []
    assert ids(desk.get(f"/subscriptions/{bought['id']}")) == {cheap["id"]: 1}


def test_a_downgrade_leaves_credit_that_the_next_bill_uses(desk: Desk) -> None:
    cheap, dear = desk.price(1_000), desk.price(3_000)
    bought = desk.subscribed(dear)
    desk.advance(days=HALF_OF_OCTOBER)
    body = {"items": [item(cheap)], "proration_billing_mode": NOW}
    seen = desk.patch(f"/subscriptions/{bought['id']}/preview", body)
    assert seen["update_summary"]["result"]["action"] == "credit"
    desk.patch(f"/subscriptions/{bought['id']}", body)
    (balance,) = desk.get(f"/customers/{bought['customer_id']}/credit-balances")
    assert balance["balance"]["available"] == "1000"
    desk.advance(days=16)
    (renewal,) = desk.get(f"/transactions?subscription_id={bought['id']}&origin=subscription_recurring")
    totals = renewal["details"]["totals"]
    assert (totals["total"], totals["credit"], totals["grand_total"]) == ("1000", "1000", "0")


def test_a_failed_upgrade_changes_nothing_unless_it_is_to_be_applied(desk: Desk) -> None:
    """on_payment_failure: prevent_change (default) or apply_change; subscription_payment_declined."""
    cheap, dear = desk.price(1_000), desk.price(3_000)
    bought = desk.subscribed(cheap, card="fails_later")
    body = {"items": [item(dear)], "proration_billing_mode": NOW}
    assert (
        desk.refused("PATCH", f"/subscriptions/{bought['id']}", body).code == "subscription_payment_declined"
    )
    assert ids(desk.get(f"/subscriptions/{bought['id']}")) == {cheap["id"]: 1}
    body["on_payment_failure"] = "apply_change"
    after = desk.patch(f"/subscriptions/{bought['id']}", body)
    assert (after["status"], ids(after)) == ("past_due", {dear["id"]: 1})


def test_another_interval_begins_a_new_period(desk: Desk) -> None:
    monthly, yearly = desk.price(1_000), desk.price(10_000, interval="year")
    bought = desk.subscribed(monthly)
    desk.advance(days=HALF_OF_OCTOBER)
    after = desk.patch(
        f"/subscriptions/{bought['id']}", {"items": [item(yearly)], "proration_billing_mode": NOW}
    )
    assert after["billing_cycle"] == {"interval": "year", "frequency": 1}
    assert after["next_billed_at"][:4] == "2027"
    (bill,) = desk.get("/transactions?origin=subscription_update")
    assert bill["details"]["totals"]["grand_total"] == "9500"


@pytest.mark.parametrize(
    ("state", "body", "code"),
    [
        ("past_due", {"proration_billing_mode": NOW}, "subscription_update_when_past_due"),
        ("trialing", {"proration_billing_mode": NOW}, "subscription_trialing_items_update_invalid_options"),
        (
            "paused",
            {"proration_billing_mode": NOW},
            "subscription_incorrect_proration_on_paused_subscription",
        ),
    ],
)
def test_items_do_not_change_in_every_state(desk: Desk, state: str, body: Document, code: str) -> None:
    """errors/subscriptions."""
    makers: dict[str, Callable[[], Document]] = {
        "past_due": lambda: desk.subscribed(card="fails_later"),
        "trialing": lambda: desk.subscribed(desk.price(trial_period=TRIAL)),
        "paused": desk.subscribed,
    }
    bought = makers[state]()
    path = f"/subscriptions/{bought['id']}"
    if state == "past_due":
        desk.advance(days=31)
    if state == "paused":
        desk.post(f"{path}/pause", {"effective_from": "immediately"})
    assert desk.get(path)["status"] == state
    changed = {"items": [item(bought["items"][0]["price"], 2)]}
    assert desk.refused("PATCH", path, changed | body).code == code
    if state != "past_due":
        assert ids(desk.patch(path, changed | {"proration_billing_mode": "do_not_bill"}))


def test_lists_of_items_are_checked(desk: Desk) -> None:
    """errors/subscriptions: duplicates, quantities, archived or one-time prices."""
    bought = desk.subscribed()
    price = bought["items"][0]["price"]
    once, gone = desk.price(interval=""), desk.price()
    desk.patch(f"/prices/{gone['id']}", {"status": "archived"})

    def refused(*items: Document) -> str:
        body = {"items": list(items), "proration_billing_mode": NOW}
        return desk.refused("PATCH", f"/subscriptions/{bought['id']}", body).code

    assert refused(item(price), item(price)) == "subscription_duplicate_price_ids"
    assert refused(item(price, 101)) == "subscription_quantity_not_valid"
    assert refused(item(once)) == "subscription_no_recurring_items_remain"
    assert refused(item(gone)) == "subscription_new_items_not_valid"
    assert refused({"price_id": desk.price()["id"]}) == "subscription_quantity_missing_for_new_items"
    assert refused() == "invalid_field"


def test_no_credit_while_a_refund_is_pending(desk: Desk) -> None:
    """errors/subscriptions/subscription_outstanding_pending_refund."""
    bought = desk.sold()
    desk.post(
        "/adjustments",
        {"action": "refund", "transaction_id": bought["id"], "reason": "r", "type": "full"},
    )
    body = {"items": [item(desk.price(2_000))], "proration_billing_mode": NOW}
    refused = desk.refused("PATCH", f"/subscriptions/{bought['subscription_id']}", body)
    assert refused.code == "subscription_outstanding_pending_refund"


def test_twenty_immediate_charges_an_hour(desk: Desk) -> None:
    """changelog/2024/subscription-immediate-charge-limits: 429, a limit of each subscription."""
    price = desk.price(quantity={"minimum": 1, "maximum": 1_000})
    bought = desk.subscribed(price)
    path = f"/subscriptions/{bought['id']}"
    for quantity in range(2, 22):
        desk.patch(path, {"items": [item(price, quantity)], "proration_billing_mode": NOW})
    body = {"items": [item(price, 100)], "proration_billing_mode": NOW}
    answer = desk.call("PATCH", path, body)
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "subscription_immediate_charge_hour_limit_exceeded"
    body["proration_billing_mode"] = "prorated_next_billing_period"
    assert ids(desk.patch(path, body)) == {price["id"]: 100}


def test_a_one_off_charge_is_now_or_on_the_next_bill(desk: Desk) -> None:
    """POST /subscriptions/{id}/charge."""
    once = desk.price(700, interval="")
    bought = desk.subscribed()
    path = f"/subscriptions/{bought['id']}"
    assert desk.refused("POST", f"{path}/charge", {"items": [item(once)]}).code == "invalid_field"
    desk.post(f"{path}/charge", {"effective_from": "immediately", "items": [item(once)]})
    (charge,) = desk.get("/transactions?origin=subscription_charge")
    assert (charge["status"], charge["details"]["totals"]["total"]) == ("completed", "700")
    desk.post(f"{path}/charge", {"effective_from": "next_billing_period", "items": [item(once)]})
    desk.advance(days=31)
    (renewal,) = desk.get("/transactions?origin=subscription_recurring")
    assert renewal["details"]["totals"]["total"] == "1900"
    again = {"effective_from": "immediately", "items": [item(bought["items"][0]["price"])]}
    assert desk.refused("POST", f"{path}/charge", again).code == "invalid_field"


def test_the_next_date_can_be_moved_but_not_too_near(desk: Desk) -> None:
    """errors/subscriptions/subscription_next_billed_at_too_soon."""
    bought = desk.subscribed()
    path = f"/subscriptions/{bought['id']}"
    body = {"next_billed_at": "2026-12-01T00:00:00Z", "proration_billing_mode": "do_not_bill"}
    assert desk.patch(path, body)["next_billed_at"] == "2026-12-01T00:00:00.000000Z"
    soon = {"next_billed_at": "2026-09-21T14:14:00Z", "proration_billing_mode": "do_not_bill"}
    assert desk.refused("PATCH", path, soon).code == "subscription_next_billed_at_too_soon"


def test_a_hundred_immediate_charges_a_day(desk: Desk) -> None:
    """changelog/2024/subscription-immediate-charge-limits: 100 in 24 hours, one-off charges counted too."""
    bought, once = desk.subscribed(), desk.price(100, "")
    path = f"/subscriptions/{bought['id']}/charge"
    body = {"effective_from": "immediately", "items": [item(once)]}
    for _ in range(5):
        for _ in range(20):
            desk.post(path, body)
        assert desk.refused("POST", path, body).code == "subscription_immediate_charge_hour_limit_exceeded"
        desk.advance(seconds=3_601)
    assert desk.refused("POST", path, body).code == "subscription_immediate_charge_24_hour_limit_exceeded"


def test_a_charge_can_be_previewed_and_then_nothing_is_charged(desk: Desk) -> None:
    """POST /subscriptions/{id}/charge/preview: on the bill of now, or on the next one."""
    bought, once = desk.subscribed(), desk.price(500, "")
    path = f"/subscriptions/{bought['id']}/charge/preview"
    desk.events()
    now = desk.post(path, {"effective_from": "immediately", "items": [item(once)]})
    assert now["immediate_transaction"]["details"]["totals"]["total"] == "500"
    assert now["next_transaction"]["details"]["totals"]["total"] == "1200"
    later = desk.post(path, {"effective_from": "next_billing_period", "items": [item(once)]})
    assert later["immediate_transaction"] is None
    assert later["next_transaction"]["details"]["totals"]["total"] == "1700"
    assert len(desk.get("/transactions")) == 1
    assert desk.told() == []
