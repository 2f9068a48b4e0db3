"""Refunds, credits and chargebacks: PROVIDERS notes, each named after what it says, with its source."""

from __future__ import annotations

import pytest

from purchase_simulators.paddle import adjustments
from purchase_simulators.paddle.settings import Settings
from purchase_simulators.paddle.shapes import Document
from purchase_simulators.paddle.testing import Desk


def refund(transaction: Document, amount: int | None = None) -> Document:
    """The body of a refund of a transaction's first line."""
    body: Document = {"action": "refund", "transaction_id": transaction["id"], "reason": "asked for"}
    if amount is None:
        return body | {"type": "full"}
    line = transaction["details"]["line_items"][0]["id"]
    return body | {"items": [{"item_id": line, "type": "partial", "amount": str(amount)}]}


def test_a_refund_waits_for_approval_and_the_sandbox_approves_it_in_ten_minutes(desk: Desk) -> None:
    """api-reference/adjustments (status)."""
    bought = desk.sold()
    made = desk.post("/adjustments", refund(bought))
    assert (made["status"], made["totals"]["total"]) == ("pending_approval", "1200")
    assert desk.told()[-1] == "adjustment.created"
    desk.advance(seconds=599)
    assert desk.get("/adjustments")[0]["status"] == "pending_approval"
    desk.advance(seconds=1)
    (after,) = desk.get(f"/adjustments?transaction_id={bought['id']}")
    assert after["status"] == "approved"
    assert desk.told() == ["adjustment.updated"]
    assert desk.get(f"/transactions/{bought['id']}")["details"]["adjusted_totals"]["total"] == "0"


@pytest.mark.parametrize("approved", [True, False])
def test_on_a_live_account_paddle_decides(approved: bool) -> None:
    with Desk(settings=Settings(approval=None)) as own:
        bought = own.sold()
        made = own.post("/adjustments", refund(bought))
        own.advance(days=30)
        assert own.get("/adjustments")[0]["status"] == "pending_approval"
        adjustments.decide(own.book, made["id"], approved=approved)
        assert own.get("/adjustments")[0]["status"] == ("approved" if approved else "rejected")


def test_only_a_completed_transaction_is_refunded(desk: Desk) -> None:
    """errors/adjustments/adjustment_transaction_invalid_status_for_refund."""
    for transaction in (desk.transaction(), desk.get(f"/transactions/{_declined(desk)}")):
        refused = desk.refused("POST", "/adjustments", refund(transaction))
        assert (refused.status, refused.code) == (400, "adjustment_transaction_invalid_status_for_refund")


def test_one_refund_at_a_time_is_pending(desk: Desk) -> None:
    """errors/adjustments/adjustment_pending_refund_request."""
    bought = desk.sold()
    desk.post("/adjustments", refund(bought, 100))
    assert (
        desk.refused("POST", "/adjustments", refund(bought, 100)).code == "adjustment_pending_refund_request"
    )
    desk.advance(seconds=600)
    desk.post("/adjustments", refund(bought, 100))


def test_a_refund_is_per_line_item_and_never_more_than_is_left(desk: Desk) -> None:
    """errors/adjustments: amount above remaining, zero, item already fully adjusted, unknown item."""
    bought = desk.sold()
    desk.post("/adjustments", refund(bought, 1_000))
    desk.advance(seconds=600)
    assert desk.refused("POST", "/adjustments", refund(bought, 201)).code == (
        "adjustment_amount_above_remaining_allowed"
    )
    assert desk.refused("POST", "/adjustments", refund(bought, 0)).code == "adjustment_amount_cannot_be_zero"
    rest = desk.post("/adjustments", refund(bought))
    assert rest["totals"]["total"] == "200"
    desk.advance(seconds=600)
    for again in (refund(bought), refund(bought, 1)):
        assert desk.refused("POST", "/adjustments", again).code == (
            "adjustment_transaction_item_has_already_been_fully_adjusted"
        )
    other = refund(bought, 1)
    other["items"][0]["item_id"] = "txnitm_" + "0" * 26
    assert desk.refused("POST", "/adjustments", other).code == "adjustment_transaction_item_invalid"


def test_a_rejected_refund_frees_what_it_asked_for() -> None:
    with Desk(settings=Settings(approval=None)) as own:
        bought = own.sold()
        made = own.post("/adjustments", refund(bought))
        adjustments.decide(own.book, made["id"], approved=False)
        assert own.post("/adjustments", refund(bought))["totals"]["total"] == "1200"


def test_a_full_refund_names_no_items_and_a_partial_one_does(desk: Desk) -> None:
    bought = desk.sold()
    both = refund(bought, 1) | {"type": "full"}
    assert desk.refused("POST", "/adjustments", both).code == "adjustment_invalid_combination_of_types"
    neither = refund(bought) | {"type": "partial"}
    assert desk.refused("POST", "/adjustments", neither).code == "bad_request"


def test_tax_goes_back_with_the_amount(desk: Desk) -> None:
    ana = desk.customer()
    home = desk.post(f"/customers/{ana['id']}/addresses", {"country_code": "GB"})
    bought = desk.sold(customer_id=ana["id"], address_id=home["id"])
    made = desk.post("/adjustments", refund(bought, 720))
    assert (made["totals"]["subtotal"], made["totals"]["tax"], made["totals"]["total"]) == (
        "600",
        "120",
        "720",
    )
    desk.advance(seconds=600)
    line = bought["details"]["line_items"][0]["id"]
    only_tax = refund(bought) | {"type": "partial", "items": [{"item_id": line, "type": "tax"}]}
    assert desk.post("/adjustments", only_tax)["totals"]["total"] == "120"


def test_credits_are_for_issued_manual_invoices_and_approved_at_once(desk: Desk) -> None:
    """errors/adjustments/adjustment_transaction_invalid_status_for_credit."""
    bought = desk.sold()
    credit = refund(bought) | {"action": "credit"}
    assert (
        desk.refused("POST", "/adjustments", credit).code
        == "adjustment_transaction_invalid_status_for_credit"
    )
    ana = desk.customer("manual@example.com")
    home = desk.post(f"/customers/{ana['id']}/addresses", {"country_code": "US"})
    terms = {"payment_terms": {"interval": "day", "frequency": 14}}
    invoice = desk.transaction(
        customer_id=ana["id"], address_id=home["id"], collection_mode="manual", billing_details=terms,
        status="billed",
    )  # fmt: skip
    made = desk.post("/adjustments", refund(invoice) | {"action": "credit"})
    assert made["status"] == "approved"


def test_chargebacks_are_made_by_paddle_alone(desk: Desk) -> None:
    """api-reference/adjustments (action); there is no evidence API."""
    bought = desk.sold()
    for action in ("chargeback", "chargeback_warning", "chargeback_reverse"):
        assert (
            desk.refused("POST", "/adjustments", refund(bought) | {"action": action}).code == "invalid_field"
        )
    desk.events()
    lost = adjustments.charge_back(desk.book, bought["id"])
    assert (lost["action"], lost["status"], lost["totals"]["total"]) == ("chargeback", "approved", "1200")
    won = adjustments.reverse(desk.book, lost["id"])
    assert won["action"] == "chargeback_reverse"
    assert desk.told() == ["adjustment.created", "adjustment.updated", "adjustment.created"]
    listed = {one["id"]: one["status"] for one in desk.get("/adjustments")}
    assert listed == {lost["id"]: "reversed", won["id"]: "approved"}


def test_a_chargeback_leaves_nothing_to_refund(desk: Desk) -> None:
    bought = desk.sold()
    adjustments.charge_back(desk.book, bought["id"])
    assert desk.refused("POST", "/adjustments", refund(bought)).code == (
        "adjustment_transaction_item_has_already_been_fully_adjusted"
    )


def test_adjustments_are_immutable_and_have_no_custom_data(desk: Desk) -> None:
    bought = desk.sold()
    made = desk.post("/adjustments", refund(bought))
    assert "custom_data" not in made
    assert desk.call("PATCH", f"/adjustments/{made['id']}", {"reason": "x"}).status_code == 404
    body = refund(bought) | {"custom_data": {"a": "b"}}
    assert desk.refused("POST", "/adjustments", body).code == "invalid_field"


def _declined(desk: Desk) -> str:
    made = desk.transaction()
    desk.pay(made["id"], "declined")
    return str(made["id"])
