"""Subscriptions: how they begin, go on and end; each test named after what Paddle says, with its source."""

from __future__ import annotations

import pytest

from purchase_simulators.paddle import paying
from purchase_simulators.paddle.settings import Settings
from purchase_simulators.paddle.stamps import read
from purchase_simulators.paddle.testing import Desk

from .items import NOW, TRIAL, ids, item

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


# --- shown ---------------------------------------------------------------------------------------


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
