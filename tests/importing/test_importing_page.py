"""docs/importing.md: its commands are run as they stand there; and what the command line refuses."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from msgspec.structs import replace

from purchase_core.cli.main import run
from purchase_core.importing.plan import decode_import
from purchase_core.instants import SystemClock
from purchase_core.ports.provider import CheckoutRequest, CustomerRequest, OurReference, PriceRequest
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.account.cards import GOOD_CARD
from purchase_sandbox.account.objects import Price, Product
from purchase_sandbox.client import SandboxClient
from purchase_sandbox.config import SandboxConfig
from purchase_sandbox.testing import API_KEY, WEBHOOK_SECRET, SandboxHarness
from tests.cli.background import in_background
from tests.pages import blocks
from tests.rollout.configured import CONFIG

PAGE = "importing.md"
SHOP = """
from purchase_core import Billing, Catalog, Money, feature, plan, subscription

PRO = plan("pro", name="Pro", price=Money("12.00", "USD"), every="month", includes=[feature("export")()],
           provider_ids={{"main": "{today}"}})

def billing():
    return Billing.open(catalog=Catalog(subscription("app", name="App", plans=[PRO])), config="purchase.toml")
"""


@attrs.frozen
class Office:
    """Where commands are run. `names` are what the page calls things, and what they are called here."""

    capture: pytest.CaptureFixture[str]
    names: dict[str, str]

    def __call__(self, command: str) -> tuple[int, str, str]:
        command = renamed(command, self.names)
        self.capture.readouterr()
        sys.modules.pop("shop_of_import", None)
        code = run(shlex.split(command)[1:])
        printed = self.capture.readouterr()
        return code, printed.out, printed.err


def renamed(text: str, names: dict[str, str]) -> str:
    """The text, with what things are called here."""
    for written, real in names.items():
        text = text.replace(written, real)
    return text


async def sold_before(harness: SandboxHarness) -> dict[str, str]:
    """Two prices and four subscribers of before; the provider's names for them."""
    names: dict[str, str] = {}
    config = SandboxConfig(base_url=harness.url, account=harness.account.id)
    client = SandboxClient(config, API_KEY, harness.clock)
    provider = type(harness.provider)(
        attrs.evolve(harness.connection, project="past"), harness.account.id, client, (WEBHOOK_SECRET,)
    )
    for name, amount in (("today", 1_200), ("price_old", 900)):
        request = PriceRequest(name, name, name, amount, "USD", "month")
        names[name] = await provider.ensure_price(request, key=name)
    for name in ("ana", "ben", "dan", "eve"):
        customer = await provider.ensure_customer(CustomerRequest(name, f"{name}@example.com"), key=name)
        price = names["price_old" if name == "ben" else "today"]
        made = await provider.create_checkout(
            CheckoutRequest(
                "subscription", price, 1, customer, "http://127.0.0.1/", "http://127.0.0.1/", OurReference()
            ),
            key=f"checkout-{name}",
        )
        harness.account.pay(made.id, GOOD_CARD, authenticated=True)
        names[f"cus_{name}"] = customer
    await provider.aclose()
    return names


@pytest.fixture
def office(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Office]:
    harness = SandboxHarness(ManualClock(SystemClock().now()), loopback=True)
    for name in ("PURCHASE_APP", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("API_KEY", API_KEY.reveal())
    monkeypatch.setenv("WEBHOOK_SECRET", WEBHOOK_SECRET.reveal())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with in_background(harness):
        names = asyncio.run(sold_before(harness))
        for kind, book in ((Product, harness.account.book), (Price, harness.account.book)):
            for one in list(book.all(kind)):
                book.tell("catalog.unmarked", attrs.evolve(one, metadata={}))
        config = CONFIG.format(url=harness.url, account=harness.account.id)
        Path("purchase.toml").write_text(config.replace("shop_of_cli", "shop_of_import"))
        Path("shop_of_import.py").write_text(SHOP.format(today=names["today"]))
        who, old = blocks(PAGE, "csv")
        for name, text in (("who.csv", who), ("old.csv", old)):
            Path(name).write_text(renamed(text, names))
        yield Office(capsys, names)
    sys.modules.pop("shop_of_import", None)


def entitled(office: Office, customer: str) -> bool:
    return "export" in office(f"purchase customers show {customer}")[1]


def test_every_command_of_the_page_does_what_it_says(office: Office) -> None:
    said = [line for block in blocks(PAGE, "sh") for line in block.splitlines() if line]
    for place, command in enumerate(said):
        code, out, err = office(command)
        assert code == 0, (command, out, err)
        if place == 0:
            assert "unknown price" in out
        if place == 1:
            assert "2 customers to link (2 by map), 0 doubtful, 2 of nobody" in out
        if place == 2:
            assert "2 linked" in err
            assert [entitled(office, name) for name in ("ana", "ben", "dan")] == [True, True, False]
        if place == 3:
            assert out.count("case:unmatched:") == 2, "a case each, of what was paid"
    assert entitled(office, "dan")
    code, out, _ = office("purchase import plan main --customers who.csv --json")
    document = json.loads(out)
    assert (document["customers"], document["doubts"], document["nobodys"]) == (
        {"left": 1, "link": 3}, [], [],
    )  # fmt: skip
    # The same again changes nothing, and says so to machines as well.
    code, out, _ = office("purchase import apply import.json --json")
    counts = json.loads(out)["counts"]
    assert (code, counts["linked before"], counts.get("linked", 0), counts.get("missing", 0)) == (0, 2, 0, 0)


def test_where_money_moves_somebody_is_asked_and_odd_files_are_refused(office: Office) -> None:
    assert office("purchase import plan main -o plan.json")[0] == 0
    plan = decode_import(Path("plan.json").read_bytes())
    live = replace(plan, account=replace(plan.account, mode="live")).sealed()
    Path("live.json").write_bytes(live.encode())
    code, _, err = office("purchase import apply live.json")
    assert (code, "say --yes" in err) == (2, True)
    code, _, err = office("purchase import apply live.json --yes")
    assert (code, "another place" in err) == (2, True)
    for both_or_neither in ("", " plan.json --resume run_1"):
        assert office(f"purchase import apply{both_or_neither}")[0] == 2
    assert office("purchase import apply --resume run_none")[0] == 1
    assert office("purchase import plan main --customers nothing.csv")[0] == 1
    assert office("purchase import plan nowhere")[0] != 0
    assert office("purchase import decide main cus_ana --reason why")[0] == 2
    code, _, err = office("purchase import decide main cus_ana ana --nobody --reason why")
    assert code == 2
