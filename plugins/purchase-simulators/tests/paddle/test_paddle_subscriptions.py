"""Subscriptions: PROVIDERS notes, each named after what it says, with its source; wrong states included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from purchase_simulators.paddle import paying
from purchase_simulators.paddle.settings import Settings
from purchase_simulators.paddle.shapes import Document
from purchase_simulators.paddle.stamps import read
from purchase_simulators.paddle.testing import Desk

NOW = "prorated_immediately"
TRIAL = {"interval": "day", "frequency": 14}
HALF_OF_OCTOBER = 15


def item(price: Document, quantity: int = 1) -> Document:
    return {"price_id": price["id"], "quantity": quantity}


def ids(subscription: Document) -> dict[str, int]:
    return {one["price"]["id"]: one["quantity"] for one in subscription["items"]}


# --- beginning -----------------------------------------------------------------------------------


def test_there_is_no_call_that_makes_one(desk: Desk) -> None:
    assert desk.call("POST", "/subscriptions", {}).status_code == 405


def test_a_completed_recurring_transaction_makes_it(desk: Desk) -> None:
    """webhooks/simulator/subscription-created; only subscription.created has transaction_id."""
    bought = desk.sold()
    events = desk.events()
    about = [one for one in events if one.data["id"] == bought["subscription_id"]]
    assert [one.type for one in about] == ["subscription.created", "subscription.activated"]
    assert [one.data.get("transaction_id") for one in about] == [bought["id"], None]
    assert all("management_urls" not in one.data for one in about)
    seen = desk.get(f"/subscriptions/{bought['subscription_id']}")
    assert "transaction_id" not in seen
    assert seen["management_urls"]["cancel"].startswith("https://")
    assert (seen["status"], seen["current_billing_period"]) == ("active", bought["billing_period"])


def test_a_one_time_purchase_makes_none(desk: Desk) -> None:
    assert desk.sold(desk.price(interval=""))["subscription_id"] is None


def test_one_time_items_are_not_items_of_the_subscription(desk: Desk) -> None:
    monthly, once = desk.price(), desk.price(interval="")
    assert ids(desk.subscribed(monthly, once)) == {monthly["id"]: 1}


def test_a_trial_is_on_the_price_and_costs_nothing_until_it_ends(desk: Desk) -> None:
    """api-reference/prices (trial_period)."""
    bought = desk.sold(desk.price(trial_period=TRIAL))
    assert bought["details"]["totals"]["total"] == "0"
    seen = desk.get(f"/subscriptions/{bought['subscription_id']}")
    assert (seen["status"], seen["first_billed_at"]) == ("trialing", None)
    assert seen["items"][0]["trial_dates"] == seen["current_billing_period"]
    assert "subscription.trialing" in desk.told()
    desk.advance(days=14)
    after = desk.get(f"/subscriptions/{seen['id']}")
    assert (after["status"], after["current_billing_period"]["starts_at"]) == (
        "active",
        seen["next_billed_at"],
    )
    (renewal,) = desk.get(f"/transactions?subscription_id={seen['id']}&origin=subscription_recurring")
    assert renewal["details"]["totals"]["total"] == "1200"


def test_activate_ends_a_trial_and_charges(desk: Desk) -> None:
    """POST /subscriptions/{id}/activate; errors/subscriptions/subscription_cannot_activate."""
    trial = desk.subscribed(desk.price(trial_period=TRIAL))
    after = desk.post(f"/subscriptions/{trial['id']}/activate")
    assert after["status"] == "active"
    assert len(desk.get(f"/transactions?subscription_id={trial['id']}&status=completed")) == 2
    assert (
        desk.refused("POST", f"/subscriptions/{trial['id']}/activate").code == "subscription_cannot_activate"
    )


# --- time ----------------------------------------------------------------------------------------


def test_a_renewal_is_billed_first_and_then_paid(desk: Desk) -> None:
    """webhooks/simulator/subscription-renewed."""
    bought = desk.subscribed()
    desk.events()
    desk.advance(days=31)
    assert desk.told() == [
        "subscription.updated", "transaction.created", "transaction.billed", "transaction.updated",
        "transaction.paid", "transaction.updated", "transaction.completed",
    ]  # fmt: skip
    after = desk.get(f"/subscriptions/{bought['id']}")
    assert after["current_billing_period"]["starts_at"] == bought["current_billing_period"]["ends_at"]


def test_months_count_from_the_anchor(desk: Desk) -> None:
    desk.clock.set_to(read("t", "2027-01-31T10:00:00Z"))
    bought = desk.subscribed()
    ends = []
    for _ in range(4):
        ends.append(desk.get(f"/subscriptions/{bought['id']}")["next_billed_at"][:10])
        desk.advance(days=31)
    assert ends == ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]


def test_a_failed_renewal_is_past_due_and_recovered_by_a_new_method(desk: Desk) -> None:
    """webhooks/simulator/subscription-renewed (failed), build/retain/payment-recovery."""
    bought = desk.subscribed(card="fails_later")
    desk.events()
    desk.advance(days=31)
    told = desk.told()
    for type_ in ("transaction.payment_failed", "transaction.past_due", "subscription.past_due"):
        assert type_ in told
    assert desk.get(f"/subscriptions/{bought['id']}")["status"] == "past_due"
    owed = desk.get(f"/subscriptions/{bought['id']}/update-payment-method-transaction")
    assert (owed["status"], owed["origin"]) == ("past_due", "subscription_recurring")
    desk.pay(owed["id"])
    assert desk.get(f"/subscriptions/{bought['id']}")["status"] == "active"
    desk.advance(days=31)
    assert desk.get(f"/subscriptions/{bought['id']}")["status"] == "active"


@pytest.mark.parametrize(("action", "status"), [("cancel", "canceled"), ("pause", "paused")])
def test_dunning_ends_as_the_account_says(action: str, status: str) -> None:
    with Desk(settings=Settings(dunning_days=(1, 3, 5, 7), dunning_exhausted=action)) as own:
        bought = own.subscribed(card="fails_later")
        own.advance(days=31)
        own.advance(days=5)
        assert own.get(f"/subscriptions/{bought['id']}")["status"] == "past_due"
        own.advance(days=3)
        assert own.get(f"/subscriptions/{bought['id']}")["status"] == status
        failed = own.get(f"/transactions?subscription_id={bought['id']}&origin=subscription_recurring")[0]
        assert len(failed["payments"]) == 5
        assert failed["status"] == ("canceled" if action == "cancel" else "past_due")


def test_a_payment_method_change_is_a_transaction_of_nothing(desk: Desk) -> None:
    """GET /subscriptions/{id}/update-payment-method-transaction."""
    bought = desk.subscribed(card="fails_later")
    change = desk.get(f"/subscriptions/{bought['id']}/update-payment-method-transaction")
    assert (change["origin"], change["details"]["totals"]["total"]) == (
        "subscription_payment_method_change",
        "0",
    )
    assert desk.get(f"/subscriptions/{bought['id']}/update-payment-method-transaction")["id"] == change["id"]
    paid = desk.pay(change["id"])
    assert (paid["status"], paid["subscription_id"]) == ("completed", bought["id"])
    assert len(desk.get("/subscriptions")) == 1
    desk.advance(days=31)
    assert desk.get(f"/subscriptions/{bought['id']}")["status"] == "active"


# --- cancelling, pausing, resuming ---------------------------------------------------------------


def test_cancel_is_at_the_end_of_the_period_unless_said_otherwise(desk: Desk) -> None:
    """POST /subscriptions/{id}/cancel; effective_from defaults to next_billing_period."""
    bought = desk.subscribed()
    after = desk.post(f"/subscriptions/{bought['id']}/cancel", {})
    assert after["status"] == "active"
    assert after["scheduled_change"] == {
        "action": "cancel", "effective_at": bought["next_billed_at"], "resume_at": None,
    }  # fmt: skip
    desk.advance(days=31)
    ended = desk.get(f"/subscriptions/{bought['id']}")
    assert (ended["status"], ended["canceled_at"]) == ("canceled", bought["next_billed_at"])
    assert desk.get(f"/transactions?subscription_id={bought['id']}&origin=subscription_recurring") == []


def test_a_scheduled_cancellation_is_undone_by_null(desk: Desk) -> None:
    """PATCH /subscriptions/{id} {scheduled_change: null}, by itself."""
    bought = desk.subscribed()
    desk.post(f"/subscriptions/{bought['id']}/cancel", {})
    both = {
        "scheduled_change": None,
        "items": [item(bought["items"][0]["price"])],
        "proration_billing_mode": NOW,
    }
    assert desk.refused("PATCH", f"/subscriptions/{bought['id']}", both).code == (
        "subscription_scheduled_change_invalid_update"
    )
    assert (
        desk.patch(f"/subscriptions/{bought['id']}", {"scheduled_change": None})["scheduled_change"] is None
    )
    desk.advance(days=31)
    assert desk.get(f"/subscriptions/{bought['id']}")["status"] == "active"


def test_one_scheduled_change_at_a_time(desk: Desk) -> None:
    """errors/subscriptions/subscription_locked_pending_changes."""
    bought = desk.subscribed()
    path = f"/subscriptions/{bought['id']}"
    desk.post(f"{path}/cancel", {})
    items = {"items": [item(bought["items"][0]["price"], 2)], "proration_billing_mode": NOW}
    for method, where, body in (
        ("POST", f"{path}/cancel", {}),
        ("POST", f"{path}/pause", {}),
        ("PATCH", path, items),
        ("PATCH", f"{path}/preview", items),
    ):
        assert desk.refused(method, where, body).code == "subscription_locked_pending_changes"
    desk.post(f"{path}/cancel", {"effective_from": "immediately"})


def test_canceled_is_final(desk: Desk) -> None:
    """errors/subscriptions: subscription_is_canceled_action_invalid, subscription_update_when_canceled."""
    bought = desk.subscribed()
    path = f"/subscriptions/{bought['id']}"
    ended = desk.post(f"{path}/cancel", {"effective_from": "immediately"})
    assert (ended["status"], ended["next_billed_at"], ended["current_billing_period"]) == (
        "canceled",
        None,
        None,
    )
    for action in ("cancel", "pause", "resume", "activate"):
        assert desk.refused("POST", f"{path}/{action}", {} if action != "activate" else None).code == (
            "subscription_is_canceled_action_invalid"
        )
    assert desk.refused("PATCH", path, {"custom_data": {}}).code == "subscription_update_when_canceled"
    desk.advance(days=400)
    assert desk.get(path)["status"] == "canceled"


def test_cancelling_takes_back_what_is_past_due(desk: Desk) -> None:
    """webhooks/simulator/subscription-canceled."""
    bought = desk.subscribed(card="fails_later")
    desk.advance(days=31)
    desk.events()
    desk.post(f"/subscriptions/{bought['id']}/cancel", {"effective_from": "immediately"})
    assert desk.told() == [
        "transaction.updated", "transaction.canceled", "subscription.updated", "subscription.canceled",
    ]  # fmt: skip


def test_pause_is_at_the_end_of_the_period_or_now(desk: Desk) -> None:
    """POST /subscriptions/{id}/pause; webhooks/subscriptions/subscription-paused."""
    one, two = desk.subscribed(), desk.subscribed()
    later = desk.post(f"/subscriptions/{one['id']}/pause", {})
    assert (later["status"], later["scheduled_change"]["action"]) == ("active", "pause")
    now = desk.post(f"/subscriptions/{two['id']}/pause", {"effective_from": "immediately"})
    assert (now["status"], now["next_billed_at"], bool(now["paused_at"])) == ("paused", None, True)
    desk.advance(days=31)
    assert desk.get(f"/subscriptions/{one['id']}")["status"] == "paused"
    assert (
        desk.refused("POST", f"/subscriptions/{one['id']}/pause", {}).code == "subscription_cannot_be_paused"
    )
    assert desk.get("/transactions?origin=subscription_recurring") == []


def test_a_pause_with_an_end_resumes_by_itself_and_charges(desk: Desk) -> None:
    bought = desk.subscribed()
    until = "2026-11-01T00:00:00Z"
    body = {"effective_from": "immediately", "resume_at": until}
    paused = desk.post(f"/subscriptions/{bought['id']}/pause", body)
    assert paused["scheduled_change"] == {
        "action": "resume", "effective_at": "2026-11-01T00:00:00.000000Z", "resume_at": None,
    }  # fmt: skip
    desk.events()
    desk.advance(days=41)
    after = desk.get(f"/subscriptions/{bought['id']}")
    assert (after["status"], after["current_billing_period"]["starts_at"]) == (
        "active",
        "2026-11-01T00:00:00.000000Z",
    )
    assert desk.told()[:3] == ["subscription.updated", "subscription.resumed", "subscription.activated"]
    assert len(desk.get("/transactions?origin=subscription_recurring")) == 1
    past = {"effective_from": "immediately", "resume_at": "2020-01-01T00:00:00Z"}
    assert desk.refused("POST", f"/subscriptions/{bought['id']}/pause", past).code == "invalid_field"


def test_resume_charges_at_once_or_continues_the_period(desk: Desk) -> None:
    """POST /subscriptions/{id}/resume: on_resume start_new_billing_period (default) or continue_existing…"""
    for on_resume, charges in (("start_new_billing_period", 1), ("continue_existing_billing_period", 0)):
        bought = desk.subscribed()
        desk.post(f"/subscriptions/{bought['id']}/pause", {"effective_from": "immediately"})
        desk.advance(days=2)
        body = {"effective_from": "immediately", "on_resume": on_resume}
        after = desk.post(f"/subscriptions/{bought['id']}/resume", body)
        assert after["status"] == "active"
        renewals = desk.get(f"/transactions?subscription_id={bought['id']}&origin=subscription_recurring")
        assert len(renewals) == charges
        kept = after["current_billing_period"] == bought["current_billing_period"]
        assert kept == (charges == 0)


def test_a_period_that_is_over_cannot_be_continued(desk: Desk) -> None:
    """errors/subscriptions/subscription_continuing_existing_billing_period_not_allowed."""
    bought = desk.subscribed()
    desk.post(f"/subscriptions/{bought['id']}/pause", {"effective_from": "immediately"})
    desk.advance(days=40)
    body = {"effective_from": "immediately", "on_resume": "continue_existing_billing_period"}
    assert desk.refused("POST", f"/subscriptions/{bought['id']}/resume", body).code == (
        "subscription_continuing_existing_billing_period_not_allowed"
    )
    assert desk.get(f"/subscriptions/{bought['id']}")["status"] == "paused"


def test_only_what_is_paused_resumes(desk: Desk) -> None:
    bought = desk.subscribed()
    assert (
        desk.refused("POST", f"/subscriptions/{bought['id']}/resume", {}).code
        == "subscription_must_be_paused"
    )


# --- changing ------------------------------------------------------------------------------------


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


def test_subscriptions_are_listed_by_status_customer_price_and_schedule(desk: Desk) -> None:
    one, two = desk.subscribed(), desk.subscribed()
    desk.post(f"/subscriptions/{one['id']}/cancel", {})
    desk.post(f"/subscriptions/{two['id']}/pause", {"effective_from": "immediately"})

    def listed(query: str) -> list[str]:
        return [found["id"] for found in desk.get(f"/subscriptions?{query}")]

    assert listed("scheduled_change_action=cancel") == listed("status=active") == [one["id"]]
    assert listed(f"price_id={two['items'][0]['price']['id']}") == listed("status=paused") == [two["id"]]
    assert listed("status=active,paused") == listed("order_by=id[DESC]") == [two["id"], one["id"]]
    assert listed(f"customer_id={one['customer_id']}&order_by=id[ASC]") == [one["id"], two["id"]]


def test_includes_of_a_subscription(desk: Desk) -> None:
    """GET /subscriptions/{id}?include=next_transaction,recurring_transaction_details."""
    bought = desk.subscribed()
    seen = desk.get(f"/subscriptions/{bought['id']}?include=next_transaction,recurring_transaction_details")
    assert seen["next_transaction"]["details"]["totals"]["total"] == "1200"
    assert seen["recurring_transaction_details"]["totals"]["total"] == "1200"


def test_a_recurring_discount_goes_on_and_a_single_one_does_not(desk: Desk) -> None:
    base = {"description": "Off", "type": "percentage", "amount": "50"}
    once = desk.post("/discounts", base)
    twice = desk.post("/discounts", base | {"recur": True, "maximum_recurring_intervals": 2})
    for discount, expected in ((once, ["1200", "1200"]), (twice, ["600", "1200"])):
        bought = desk.subscribed(discount_id=discount["id"])
        desk.advance(days=62)
        found = desk.get(
            f"/transactions?subscription_id={bought['id']}&origin=subscription_recurring&order_by=id[ASC]"
        )
        assert [one["details"]["totals"]["total"] for one in found][:2] == expected


def test_a_card_that_is_used_cannot_be_deleted(desk: Desk) -> None:
    bought = desk.subscribed()
    (method,) = desk.get(f"/customers/{bought['customer_id']}/payment-methods")
    path = f"/customers/{bought['customer_id']}/payment-methods/{method['id']}"
    assert desk.get(path)["card"]["last4"] == "4242"
    assert desk.refused("DELETE", path).status == 400
    desk.post(f"/subscriptions/{bought['id']}/cancel", {"effective_from": "immediately"})
    assert desk.call("DELETE", path).status_code == 204
    assert desk.told()[-1] == "payment_method.deleted"


def test_the_buyers_form_does_not_change_whom_it_is_for(desk: Desk) -> None:
    ana = desk.customer("ana@example.com")
    made = desk.transaction(customer_id=ana["id"])
    paying.checkout(desk.book, made["id"], email="mallory@example.com")
    assert desk.get(f"/transactions/{made['id']}")["customer_id"] == ana["id"]
