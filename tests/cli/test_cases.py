"""`purchase cases`: what is wrong, what would set it right, and doing it once somebody has said yes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from msgspec.structs import replace

from purchase_core.cli.exit_codes import FAILED, OK, USAGE
from purchase_sandbox.account.objects import Refund
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault
from tests.faults.shop import Shop
from tests.workflows.paid_twice import paid_twice


@pytest.fixture
def shop(app: Any) -> Shop:
    """A book that ana has paid twice, in the application that the command line knows."""
    shop = Shop()

    async def scene() -> None:
        async with shop:
            await paid_twice(shop, "book:full")

    asyncio.run(scene())
    app.module.factory = shop.unopened
    return shop


def the_case(app: Any) -> str:
    (found,) = json.loads(app.run("cases", "list", "--json").out)["cases"]
    return str(found["key"])


def test_a_case_is_shown_with_what_would_set_it_right(app: Any, shop: Shop) -> None:
    key = the_case(app)
    ended = app.run("cases", "show", key)
    assert ended.code == OK
    for word in (
        "open",
        "ana",
        "20.00 EUR",
        "a second payment",
        "would set it right",
        "refund",
        "End what",
    ):
        assert word in ended.out
    document = json.loads(app.run("cases", "show", key, "--json").out)
    assert [(one["kind"], one["amount"]) for one in document["steps"]] == [("refund", 2_000)]
    assert app.run("cases", "show", "case:excess:invoice:sandbox:no").code == FAILED


def test_f64_a_currency_that_nobody_has_heard_of_hides_nothing(app: Any, shop: Shop) -> None:
    """A provider's word for a currency is data: what it is about is listed all the same."""
    strange = {
        key: replace(row, currency="ABC") for key, row in shop.memory.rows.items() if hasattr(row, "currency")
    }
    shop.memory.rows.update(strange)
    for command in (
        ("attention",),
        ("cases", "list"),
        ("invoices", "list", "ana"),
        ("customers", "show", "ana"),
    ):
        ended = app.run(*command)
        assert (ended.code, "2000 ABC" in ended.out) == (OK, True), command


def test_no_money_moves_unless_somebody_has_said_yes(app: Any, shop: Shop) -> None:
    ended = app.run("cases", "settle", the_case(app))
    assert ended.code == USAGE
    assert "say --yes" in ended.err
    assert not shop.made(Refund)


def test_a_case_is_settled(app: Any, shop: Shop) -> None:
    key = the_case(app)
    ended = app.run("cases", "settle", key, "--yes")
    assert (ended.code, "The case is closed." in ended.err) == (OK, True)
    assert "confirmed" in ended.out
    assert [one.amount for one in shop.made(Refund)] == [2_000]
    assert "No open cases." in app.run("cases", "list").err
    assert app.run("cases", "settle", key, "--yes").code == FAILED


def test_a_step_that_fails_is_said_and_leaves_the_case_open(app: Any, shop: Shop) -> None:
    key = the_case(app)
    shop.chaos.set(Fault.LOST_ANSWER, CERTAIN_PPM)
    ended = app.run("cases", "settle", key, "--yes", "--json")
    shop.chaos.set(Fault.LOST_ANSWER, 0)
    assert ended.code == FAILED
    document = json.loads(ended.out)
    assert [one["state"] for one in document["taken"]] == ["unknown"]
    assert document["case"]["key"] == key
    assert "outcome_unknown" in app.run("cases", "show", key).out


def test_a_case_is_resolved_by_somebody_for_a_reason(app: Any, shop: Shop) -> None:
    key = the_case(app)
    assert app.run("cases", "resolve", key).code == USAGE
    ended = app.run("cases", "resolve", key, "--reason", "a present", "--by", "mia", "--json")
    assert json.loads(ended.out)["case"]["status"] == "resolved"
    assert "No open cases." in app.run("cases", "list").err
    assert key in app.run("cases", "list", "--all").out
    shown = app.run("cases", "show", key).out
    assert ("mia" in shown, "a present" in shown) == (True, True)
