"""`purchase route`: where a checkout would go, whether that comes out the same, and trying a policy."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from purchase_core.workflows.checkout import Checkout

EXPLAIN = ("route", "explain", "--offer", "app:pro", "--customer", "user_1")


def test_explain_says_where_and_why(app: Any) -> None:
    ended = app.run(*EXPLAIN, "--set", "country=DE")
    assert ended.code == 0
    for words in ("goes to", "nowhere (none_fits)", "eligibility: scripted has no trial", "seed"):
        assert words in ended.out
    document = json.loads(app.run(*EXPLAIN, "--json").out)["decision"]
    assert (document["order"], document["refused"]) == ([], "none_fits")
    assert document["request"]["at"].endswith("Z")


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("country", "NAME=VALUE"),
        ("country=de", "two capital letters"),
        ("tier=gold", "declares no attribute 'tier'"),
    ],
)
def test_explain_refuses_what_the_policy_cannot_read(app: Any, setting: str, why: str) -> None:
    ended = app.run(*EXPLAIN, "--set", setting)
    assert ended.code == 2
    assert why in ended.err


def test_explain_shows_a_stored_decision_and_writes_its_page(app: Any, sold: Checkout) -> None:
    ended = app.run("route", "explain", sold.receipt, "--html", "decision.html")
    assert ended.code == 0
    assert "opened" in ended.out
    page = Path("decision.html").read_text()
    assert f"purchase route verify {sold.receipt}" in page
    document = json.loads(app.run("route", "explain", sold.receipt, "--json").out)
    assert document["decision"]["order"] == ["shop"]
    assert [one["name"] for one in document["stages"]] == ["routed", "recorded", "opened"]


@pytest.mark.parametrize("arguments", [(), ("--offer", "app:pro"), ("receipt_1", "--offer", "app:pro")])
def test_explain_wants_a_receipt_or_a_wish(app: Any, arguments: tuple[str, ...]) -> None:
    ended = app.run("route", "explain", *arguments)
    assert ended.code == 2
    assert "Name a receipt" in ended.err


def test_verify_runs_a_decision_again(app: Any, sold: Checkout) -> None:
    ended = app.run("route", "verify", sold.receipt)
    assert (ended.code, ended.out) == (0, "The same, byte for byte: shop.\n")
    document = json.loads(app.run("route", "verify", sold.receipt, "--json").out)["verification"]
    assert (document["same"], document["differs"]) == (True, [])


def test_verify_ends_with_1_where_it_is_not_the_same(app: Any, sold: Checkout) -> None:
    (key,) = app.database.commands
    command = app.database.commands[key]
    forged = command.decision.replace(b'"rule":""', b'"rule":"x"')
    app.database.commands[key] = attrs.evolve(command, decision=forged)
    ended = app.run("route", "verify", sold.receipt)
    assert (ended.code, ended.out) == (1, "Not the same: rule.\n")


def test_rates_are_shown_once_the_horizon_is_over(app: Any, sold: Checkout) -> None:
    ended = app.run("route", "rates")
    assert "No checkout is older than the horizon yet." in ended.err


def test_a_report_says_what_came_of_arms_and_shadow(app: Any, sold: Checkout) -> None:
    ended = app.run("route", "report", "--html", "report.html")
    assert ended.code == 0
    assert re.search(r"checkouts +1", ended.out)
    assert "No checkout was dealt out by chance." in ended.err
    assert "A routing policy at work" in Path("report.html").read_text()
    document = json.loads(app.run("route", "report", "--json").out)["experiment"]
    assert (document["checkouts"], document["excluded"], document["arms"]) == (1, 1, [])


def test_a_backtest_prints_a_table_and_writes_a_page(app: Any, sold: Checkout) -> None:
    Path("new.toml").write_text("[router]\nconnections.shop.enabled = false\n")
    ended = app.run("route", "backtest", "--policy", "new.toml", "--html", "page.html")
    assert ended.code == 0
    assert "1 (nowhere: 1)" in ended.out
    assert sold.receipt in ended.out
    assert "Wrote page.html" in ended.err
    assert "<svg" in Path("page.html").read_text()
    document = json.loads(app.run("route", "backtest", "--policy", "new.toml", "--json").out)
    assert document["backtest"]["nowhere"] == 1


def test_a_policy_that_cannot_be_read_names_every_problem(app: Any) -> None:
    Path("new.toml").write_text("share = { a = 1 }\nrulez = []\n")
    ended = app.run("route", "backtest", "--policy", "new.toml")
    assert ended.code == 2
    assert "add up to 1" in ended.err
    assert "rulez" in ended.err


def test_a_simulation_is_repeatable_and_drawn(app: Any) -> None:
    call = ("route", "simulate", "--offer", "app:pro", "--minutes", "10", "--outage", "shop:2-4")
    first = app.run(*call, "--html", "picture.html")
    assert first.code == 0
    assert first.out == app.run(*call).out
    assert "shop down" in Path("picture.html").read_text()


@pytest.mark.parametrize(
    ("option", "value"),
    [("--outage", "shop"), ("--outage", "shop:4-2"), ("--outage", "acme:1-2"),
     ("--success", "shop"), ("--success", "shop=1.5"), ("--success", "shop=nan"), ("--success", "acme=1")],
)  # fmt: skip
def test_a_world_that_cannot_be_is_refused(app: Any, option: str, value: str) -> None:
    ended = app.run("route", "simulate", "--offer", "app:pro", option, value)
    assert ended.code == 2
    assert "Fix:" in ended.err
