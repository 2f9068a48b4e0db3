"""The checkout page, and what only a simulator has."""

from __future__ import annotations

import json
import re

import pytest

from purchase_simulators.paddle.conformance import PaddleDocument
from purchase_simulators.paddle.deviations import ADDITIONS
from purchase_simulators.paddle.testing import Desk

FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_the_page_pays_declines_and_is_over(desk: Desk) -> None:
    made = desk.transaction()
    page = desk.call("GET", f"/checkout/{made['id']}").text
    assert re.search(r'id="due">12.00 USD', page)
    assert 'name="email"' in page
    declined = desk.call("POST", f"/checkout/{made['id']}", b"card=declined&email=a%40b.example", FORM)
    assert "The card was declined." in declined.text
    paid = desk.call("POST", f"/checkout/{made['id']}", b"card=pays", FORM)
    assert "This checkout is completed." in paid.text
    again = desk.call("POST", f"/checkout/{made['id']}", b"card=pays", FORM)
    assert again.status_code == 400
    assert desk.call("GET", "/checkout/txn_unknown").status_code == 404


def test_a_bank_asks_and_is_answered(desk: Desk) -> None:
    made = desk.transaction()
    address = f"/checkout/{made['id']}"
    asked = desk.call("POST", address, b"card=challenge&email=a%40b.example&action=pay", FORM).text
    assert "Is it really you?" in asked
    assert 'name="email" value="a@b.example"' in asked
    assert desk.get(f"/transactions/{made['id']}")["status"] == "draft"
    failed = desk.call("POST", address, b"card=challenge&action=fail", FORM).text
    assert "did not confirm" in failed
    (attempt,) = desk.get(f"/transactions/{made['id']}")["payments"]
    assert (attempt["status"], attempt["error_code"]) == ("error", "authentication_failed")
    desk.call("POST", address, b"card=challenge&action=approve", FORM)
    assert desk.get(f"/transactions/{made['id']}")["status"] == "completed"


def test_the_default_payment_link_leads_to_the_page(desk: Desk) -> None:
    answer = desk.call("GET", "/checkout?_ptxn=txn_1")
    assert (answer.status_code, answer.headers["location"]) == (303, "checkout/txn_1")
    assert (
        desk.call("GET", "/checkout?_ptxn=//evil.example").headers["location"]
        == "checkout/%2F%2Fevil.example"
    )


def test_a_page_that_is_left_stays_payable(desk: Desk) -> None:
    made = desk.transaction()
    desk.call("GET", f"/checkout/{made['id']}")
    desk.advance(days=30)
    assert desk.get(f"/transactions/{made['id']}")["status"] == "draft"
    desk.call("POST", f"/checkout/{made['id']}", b"card=pays&country=GB", FORM)
    assert desk.get(f"/transactions/{made['id']}")["status"] == "completed"


@pytest.mark.parametrize(
    ("to", "goes"),
    [
        ("http://127.0.0.1/thanks", True),
        ("http://localhost:8000/thanks", True),
        ("https://evil.example/", False),
        ("//evil.example", False),
        ("javascript:alert(1)", False),
        ("http://me@127.0.0.1/", False),
    ],
)
def test_t05_the_buyer_is_sent_to_approved_domains_only(desk: Desk, to: str, goes: bool) -> None:
    made = desk.transaction()
    answer = desk.call("POST", f"/checkout/{made['id']}?success={to}", b"card=pays", FORM)
    assert (answer.headers.get("location") == to) == goes


def test_a_code_is_taken_where_the_page_takes_codes(desk: Desk) -> None:
    desk.post("/discounts", {"description": "x", "type": "percentage", "amount": "25", "code": "OFF"})
    plain, open_ = desk.transaction(), desk.transaction()
    assert 'name="code"' not in desk.call("GET", f"/checkout/{plain['id']}").text
    assert 'name="code"' in desk.call("GET", f"/checkout/{open_['id']}?codes=yes").text
    wrong = desk.call("POST", f"/checkout/{open_['id']}?codes=yes", b"card=pays&code=NONE", FORM)
    assert (wrong.status_code, "discount not found" in wrong.text) == (400, True)
    for made, query, total in ((plain, "", "1200"), (open_, "?codes=yes", "900")):
        desk.call("POST", f"/checkout/{made['id']}{query}", b"card=pays&code=OFF", FORM)
        assert desk.get(f"/transactions/{made['id']}")["details"]["totals"]["total"] == total


def test_the_page_escapes_what_it_shows(desk: Desk) -> None:
    product = desk.post("/products", {"name": "<script>alert(1)</script>", "tax_category": "standard"})
    price = desk.post(
        "/prices",
        {
            "description": "x y",
            "product_id": product["id"],
            "unit_price": {"amount": "1", "currency_code": "USD"},
        },
    )
    page = desk.call("GET", f"/checkout/{desk.transaction(price)['id']}").text
    assert "<script>" not in page


def test_the_portal_lets_in_whoever_has_the_link_and_nobody_else(desk: Desk) -> None:
    sold, bought = desk.sold(), desk.transaction()
    other = desk.post(f"/simulator/transactions/{bought['id']}/pay", {"email": "ben@example.com"})
    session = desk.post(f"/customers/{sold['customer_id']}/portal-sessions")
    address = session["urls"]["general"]["overview"].replace(desk.settings.portal_url, "/portal")
    assert "App Pro" in desk.call("GET", address).text
    assert desk.call("GET", address[:-1]).status_code == 404
    assert desk.call("GET", "/portal/cpls_1?token=").status_code == 404
    subscription = sold["subscription_id"]
    form = f"subscription={subscription}&action=".encode()
    assert desk.call("POST", address, form + b"cancel", FORM).status_code == 303
    change = desk.get(f"/subscriptions/{subscription}")["scheduled_change"]
    assert change["action"] == "cancel"
    assert "ends " in desk.call("GET", address).text
    desk.call("POST", address, form + b"keep", FORM)
    assert desk.get(f"/subscriptions/{subscription}")["scheduled_change"] is None
    desk.call("POST", address, form + b"card&card=fails_later", FORM)
    desk.advance(days=31)
    assert desk.get(f"/subscriptions/{subscription}")["status"] == "past_due"
    foreign = f"subscription={other['subscription_id']}&action=cancel".encode()
    assert other["customer_id"] != sold["customer_id"]
    assert desk.call("POST", address, foreign, FORM).status_code == 404


def test_clock_chaos_and_decisions_over_http(desk: Desk) -> None:
    made = desk.transaction()
    paid = desk.post(f"/simulator/transactions/{made['id']}/pay", {"email": "a@b.example"})
    assert paid["status"] == "completed"
    body = {"action": "refund", "transaction_id": made["id"], "reason": "r", "type": "full"}
    refund = desk.post("/adjustments", body)
    decided = desk.post(f"/simulator/adjustments/{refund['id']}/decide", {"approved": False})
    assert decided["status"] == "rejected"
    back = desk.post(f"/simulator/transactions/{made['id']}/chargeback", {})
    assert desk.post(f"/simulator/adjustments/{back['id']}/reverse")["action"] == "chargeback_reverse"
    before = desk.call("GET", "/sandbox/clock").json()["time"]
    assert desk.call("POST", "/sandbox/clock", {"by": "1month"}).json()["time"] > before
    assert len(desk.get("/transactions?origin=subscription_recurring")) == 1
    assert desk.call("POST", "/sandbox/chaos", {"odds": "drop=0.5"}).json()["odds"] == {"drop": "0.5"}
    assert desk.call("POST", "/sandbox/chaos", {"odds": "fish=1"}).status_code == 400
    assert desk.call("POST", "/sandbox/clock", {"by": "yesterday"}).status_code == 400


def test_a_slow_payment_arrives_over_http(desk: Desk) -> None:
    made = desk.transaction()
    desk.post(f"/simulator/transactions/{made['id']}/pay", {"card": "slow"})
    assert desk.post(f"/simulator/transactions/{made['id']}/arrive", {})["status"] == "completed"


# --- the means of checking -----------------------------------------------------------------------


def test_the_document_finds_what_is_wrong(openapi: PaddleDocument | None) -> None:
    if openapi is None:
        pytest.skip("Paddle's document is not here")
    good = b'{"data":{"id":"ctm_01h8441jn5pcwrfhwh78jqt8hk","email":"a@b.example"},"meta":{"request_id":"r"}}'
    path = "/customers/ctm_01h8441jn5pcwrfhwh78jqt8hk"
    assert openapi.response("GET", path, 200, good) == []
    for wrong in (b'"ctm_1"', b"7"):
        bad = good.replace(b'"ctm_01h8441jn5pcwrfhwh78jqt8hk"', wrong)
        assert "data/id" in [one.place for one in openapi.response("GET", path, 200, bad)]
    extra = good.replace(b'"email"', b'"colour":"red","email"')
    assert "colour" in openapi.response("GET", path, 200, extra)[0].message
    assert openapi.request("POST", "/customers", "", b"{}")[0].message == '"email" is a required property'
    assert openapi.request("POST", "/fish", "", b"{}")[0].message == "no such operation"
    assert openapi.request("GET", "/customers", "colour=red", b"")[0].place == "colour"
    assert openapi.response("GET", path, 202, good)[0].message == "no such status"
    assert openapi.event(b'{"event_type":"fish.caught"}')[0].message == "no such event"


def test_what_the_document_does_not_have_yet_is_met_and_has_a_reason(desk: Desk) -> None:
    bought = desk.sold()
    body = {"action": "refund", "transaction_id": bought["id"], "reason": "r", "type": "full"}
    discount = {"description": "x", "type": "percentage", "amount": "5"}
    shown = json.dumps([bought, desk.post("/adjustments", body), desk.post("/discounts", discount)])
    assert all(one.reason and f'"{one.name}"' in shown for one in ADDITIONS)
    assert len({(one.part, one.name) for one in ADDITIONS}) == len(ADDITIONS)
