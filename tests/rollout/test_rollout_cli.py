"""`purchase catalog` with a provider behind it: what is printed, what is asked, and how it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from msgspec.structs import replace

from purchase_core.cli.main import run
from purchase_core.instants import SystemClock
from purchase_core.rollout.plan import decode_plan
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.testing import API_KEY, WEBHOOK_SECRET, SandboxHarness
from tests.cli.background import in_background
from tests.rollout.configured import CONFIG

SHOP = """
from purchase_core import Billing, Catalog, Money, plan, subscription

PRO = plan("pro", name="Pro", price=Money("{amount}", "USD"), every="month")

def billing():
    return Billing.open(catalog=Catalog(subscription("app", name="App", plans=[PRO])), config="purchase.toml")
"""


@attrs.frozen
class Line:
    """A command line, and what it prints."""

    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        sys.modules.pop("shop_of_cli", None)
        self.capture.readouterr()
        code = run(["catalog", *arguments] if arguments[0] != "--color" else list(arguments))
        printed = self.capture.readouterr()
        return code, printed.out, printed.err


@pytest.fixture
def line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Line]:
    harness = SandboxHarness(ManualClock(SystemClock().now()), loopback=True)
    for name in ("PURCHASE_APP", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("API_KEY", API_KEY.reveal())
    monkeypatch.setenv("WEBHOOK_SECRET", WEBHOOK_SECRET.reveal())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # of a module that is written anew within a second
    Path("shop_of_cli.py").write_text(SHOP.format(amount="12.00"))
    with in_background(harness):
        Path("purchase.toml").write_text(CONFIG.format(url=harness.url, account=harness.account.id))
        yield Line(capsys)
    sys.modules.pop("shop_of_cli", None)


def test_check_ends_with_3_while_there_is_anything_to_do(line: Line) -> None:
    assert line("check")[0] == 3
    assert line("plan", "-o", "plan.json")[0] == 0
    assert line("apply", "plan.json")[0] == 0
    code, out, _ = line("check", "--json")
    document = json.loads(out)
    assert (code, document["steps"], document["drift"]) == (0, [], False)


def test_a_plan_is_one_document_for_machines_and_a_file_to_apply(line: Line) -> None:
    code, out, _ = line("plan", "-o", "plan.json", "--html", "plan.html", "--json")
    document = json.loads(out)
    assert (code, document["schema_version"]) == (0, 1)
    assert [step["act"] for step in document["steps"]] == ["create", "create"]
    assert document["summary"] == "Plan: 2 to create."
    assert document["made_at"].endswith("Z")
    plan = decode_plan(Path("plan.json").read_bytes())
    assert plan.id == document["id"]
    page = Path("plan.html").read_text()
    assert "app:pro" in page
    assert "<script" not in page
    code, out, _ = line("apply", "plan.json", "--json")
    done = json.loads(out)
    assert (code, len(done["done"])) == (0, 2)
    assert done["receipt"].startswith("receipt_")
    assert json.loads(line("versions", "--json")[1])["versions"][0]["catalog"] == done["catalog"]
    code, out, _ = line("apply", "plan.json", "--json")  # the same again is done once
    assert (code, json.loads(out)["done"], json.loads(out)["receipt"]) == (0, [], done["receipt"])


def test_plans_that_must_not_be_applied_end_with_2_and_say_why(line: Line) -> None:
    line("plan", "-o", "plan.json")
    text = Path("plan.json").read_text()
    Path("edited.json").write_text(text.replace("12.00", "02.00"))
    code, _, err = line("apply", "edited.json")
    assert (code, "changed since it was made" in err) == (2, True)
    Path("shop_of_cli.py").write_text(SHOP.format(amount="13.00"))
    code, _, err = line("apply", "plan.json")
    assert (code, "the catalog has changed" in err) == (2, True)
    code, out, _ = line("apply", "nothing.json", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "not_found")
    assert line("plan", "--answer", "nonsense")[0] == 2
    assert line("plan", "--connection", "nowhere")[0] == 1
    assert line("check")[0] == 3


def test_where_money_moves_somebody_is_asked_first(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line("plan", "-o", "plan.json")
    plan = decode_plan(Path("plan.json").read_bytes())
    live = replace(plan, accounts=tuple(replace(one, mode="live") for one in plan.accounts)).sealed()
    Path("live.json").write_bytes(live.encode())
    code, _, err = line("apply", "live.json")
    assert (code, "say --yes" in err) == (2, True)
    code, _, err = line("apply", "live.json", "--yes")  # and it is not for this account
    assert (code, "another place" in err) == (2, True)
    assert line("check")[0] == 3


def test_a_terminal_gets_signs_in_colours_and_nobody_else(line: Line, monkeypatch: Any) -> None:
    _, out, _ = line("plan")
    assert "\x1b" not in out
    assert "  + main: price: 12.00 USD every month" in out.splitlines()
    _, out, _ = line("--color", "always", "catalog", "plan")
    assert "\x1b[32m\x1b[1m+\x1b[0m" in out


def test_a_doubt_is_asked_on_the_command_line(line: Line) -> None:
    line("plan", "-o", "plan.json")
    line("apply", "plan.json")
    shop = SHOP.format(amount="12.00").replace('plan("pro"', 'plan("plus"')
    Path("shop_of_cli.py").write_text(shop)
    code, out, _ = line("plan", "-o", "renamed.json")
    assert code == 0
    assert "    --answer main:app:pro->app:plus=rename   yes: its product is renamed" in out
    assert line("apply", "renamed.json")[0] == 2
    answer = "main:app:pro->app:plus=rename"
    assert line("plan", "--answer", answer, "-o", "renamed.json")[0] == 0
    assert line("apply", "renamed.json")[0] == 0
    assert line("check")[0] == 0
