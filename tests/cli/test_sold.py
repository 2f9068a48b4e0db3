"""What the command line shows once something was sold: the receipt, and the customer."""

from __future__ import annotations

import json
from typing import Any

from purchase_core.workflows.checkout import Checkout


def test_a_receipt_shows_its_stages_its_route_and_what_followed(app: Any, sold: Checkout) -> None:
    ended = app.run("receipts", "show", sold.receipt)
    assert ended.code == 0
    words = (
        "checkout.start",
        "confirmed",
        "user_1",
        "routed",
        "recorded",
        "opened",
        "router 'policy'",
        "score 0",
    )
    assert [word for word in words if word not in ended.out] == []
    document = json.loads(app.run("receipts", "show", sold.receipt, "--json").out)["receipt"]
    assert [one["name"] for one in document["stages"]] == ["routed", "recorded", "opened"]
    assert all(one["at"].endswith("Z") for one in document["stages"])


def test_a_customer_shows_rights_subscriptions_and_checkouts(app: Any, sold: Checkout) -> None:
    ended = app.run("customers", "show", "user_1")
    assert ended.code == 0
    assert "Nothing is known" not in ended.err
    words = ("subscriptions", "checkouts", sold.id, "active", "app:pro")
    assert [word for word in words if word not in ended.out] == []
    document = json.loads(app.run("customers", "show", "user_1", "--json").out)
    assert document["customer"] == "user_1"
    assert [one["status"] for one in document["subscriptions"]] == ["active"]
    assert document["subscriptions"][0]["period_end"].endswith("Z")
    assert document["offers"] == {document["subscriptions"][0]["version"]: "app:pro"}


def test_a_customer_shows_which_offer_each_subscription_is_of(app: Any, sold: Checkout) -> None:
    told = app.run("customers", "show", "user_1").out.partition("\nsubscriptions\n")[2].splitlines()
    row = dict(zip(told[0].split(), told[1].split(), strict=True))
    assert (row["offer"], row["status"]) == ("app:pro", "active")


def test_a_feature_is_explained(app: Any, sold: Checkout) -> None:
    ended = app.run("customers", "explain", "user_1", "export")
    assert ended.code == 0
    words = ("no", "app:pro", "the subscription is active, but its first payment is not what was ordered")
    assert [word for word in words if word not in ended.out] == []
    assert "Sold in: app:pro." in ended.err
    document = json.loads(app.run("customers", "explain", "user_1", "export", "--json").out)
    assert (document["granted"], document["sold_in"]) == (False, ["app:pro"])
    assert {one["offer"] for one in document["reasons"]} == {"app:pro"}
    unknown = app.run("customers", "explain", "user_1", "exports")
    assert "check the spelling" in unknown.err


def test_a_timeline_is_read_page_by_page(app: Any, sold: Checkout) -> None:
    ended = app.run("customers", "activity", "user_1")
    assert ended.code == 0
    words = ("set out to buy 1 x app:pro at 9.00 EUR", "subscription is active: 1 x 9.00 EUR", sold.receipt)
    assert [word for word in words if word not in ended.out] == []
    first = app.run("customers", "activity", "user_1", "--limit", "1")
    assert "--after" in first.err
    document = json.loads(app.run("customers", "activity", "user_1", "--limit", "1", "--json").out)
    position = document["activity"][0]["position"]
    rest = json.loads(app.run("customers", "activity", "user_1", "--after", str(position), "--json").out)
    assert len(rest["activity"]) == 2
    assert "Nothing is known" in app.run("customers", "activity", "user_2").err


def test_a_customer_before_the_sale_had_nothing(app: Any, sold: Checkout) -> None:
    early = json.loads(app.run("customers", "show", "user_1", "--at", "2020-01-31T12:00:00Z", "--json").out)
    assert (early["at"], early["subscriptions"], early["rights"]["features"]) == (
        "2020-01-31T12:00:00Z",
        [],
        [],
    )


def test_every_kind_of_grant_is_written_as_people_say_it(app: Any, sold: Checkout) -> None:
    ended = app.run("catalog", "show")
    words = ("every 3 month", "export", "calls 1,000/month", "ai 500 credits", "seats 5 seats")
    assert [word for word in words if word not in ended.out] == []
