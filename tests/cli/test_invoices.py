"""`purchase invoices`: what was paid, and money that goes back once, whoever asks for it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from purchase_core.cli.exit_codes import FAILED, OK, USAGE
from purchase_sandbox.account import refunds
from purchase_sandbox.account.objects import Refund
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault
from tests.faults.shop import Shop


@pytest.fixture
def shop(app: Any) -> Shop:
    """Ana's book, for 20.00 EUR, in the application that the command line knows."""
    shop = Shop()

    async def scene() -> None:
        async with shop:
            await shop.sold(offer="book:full")

    asyncio.run(scene())
    app.module.factory = shop.unopened
    return shop


def bill(app: Any) -> dict[str, Any]:
    (found,) = json.loads(app.run("invoices", "list", "ana", "--json").out)["invoices"]
    return dict(found)


def refund(app: Any, *arguments: str, by: str = "mia") -> Any:
    said = ("--reason", "two days down", "--by", by, "--yes")
    return app.run("invoices", "refund", "ana", bill(app)["key"], *said, *arguments)


def test_bills_are_listed_with_what_went_back(app: Any, shop: Shop) -> None:
    ended = app.run("invoices", "list", "ana")
    assert ended.code == OK
    assert [word in ended.out for word in ("paid", "20.00 EUR", "0.00 EUR", bill(app)["key"])] == [True] * 4
    assert "has no bills" in app.run("invoices", "list", "ben").err


def test_two_operators_give_back_once(app: Any, shop: Shop) -> None:
    assert refund(app, "--amount", "3.00").code == OK
    told = refund(app, "--amount", "3.00", by="noah")
    assert told.code == OK
    assert "Asked for already: 3.00 EUR by mia" in told.err
    assert "two days down (succeeded)" in told.err
    document = json.loads(refund(app, "--amount", "3.00", "--json", by="noah").out)
    assert (document["is_new"], document["by"], document["refund"]["amount"]) == (False, "mia", 300)
    assert [one.amount for one in shop.made(Refund)] == [300]
    assert bill(app)["refunded"] == 300


def test_as_much_once_more_has_to_be_meant_and_never_exceeds_what_is_left(app: Any, shop: Shop) -> None:
    tries = [refund(app, "--amount", "8.00", *more) for more in ((), ("--again",), ("--again",))]
    assert [one.code for one in tries] == [OK, OK, FAILED]
    assert "cannot go back" in tries[2].err
    assert [one.amount for one in shop.made(Refund)] == [800, 800]
    assert refund(app).code == OK, "what is left"
    assert sum(one.amount for one in shop.made(Refund)) == 2_000
    assert "Asked for already" in refund(app, by="noah").err


def test_one_that_did_not_arrive_is_tried_anew(app: Any, shop: Shop) -> None:
    refund(app)
    refunds.come_back(shop.account.book, shop.made(Refund)[0].id)

    async def told() -> None:
        async with shop.unopened() as billing:
            for one in shop.harness.webhooks():
                await billing.webhooks.receive("sandbox", one.body, one.headers)

    asyncio.run(told())
    assert "Asked for." in refund(app, by="noah").err
    assert [one.status for one in shop.made(Refund)] == ["failed", "succeeded"]


def test_an_unknown_outcome_is_found_out_about_and_not_asked_for_once_more(app: Any, shop: Shop) -> None:
    shop.chaos.set(Fault.LOST_ANSWER, CERTAIN_PPM)
    assert refund(app, "--amount", "3.00").code == 75
    shop.chaos.clear()
    assert "by mia" in refund(app, "--amount", "3.00", "--again", by="noah").err
    assert [one.amount for one in shop.made(Refund)] == [300]


def test_no_money_moves_unless_somebody_has_said_yes_and_why(app: Any, shop: Shop) -> None:
    key = bill(app)["key"]
    ended = app.run("invoices", "refund", "ana", key, "--reason", "x")
    assert (ended.code, "say --yes" in ended.err) == (USAGE, True)
    assert app.run("invoices", "refund", "ana", key, "--yes").code == USAGE
    assert app.run("invoices", "refund", "ana", key, "--reason", " ", "--yes").code == USAGE
    assert app.run("invoices", "refund", "ana", "invoice:no", "--reason", "x", "--yes").code == FAILED
    assert refund(app, "--amount", "3.001").code == USAGE
    assert refund(app, "--amount", "20.01").code == FAILED
    assert not shop.made(Refund)


def test_a_page_says_how_to_go_on(app: Any, shop: Shop) -> None:
    key = bill(app)["key"]
    ended = app.run("invoices", "list", "ana", "--limit", "1")
    assert f"There may be more: purchase invoices list ana --before {key}" in ended.err
    assert "ana has no more bills." in app.run("invoices", "list", "ana", "--before", key).err
    assert app.run("invoices", "list", "ana", "--before", "invoice:no").code == FAILED
    assert app.run("invoices", "list", "ana", "--limit", "1001").code == USAGE
