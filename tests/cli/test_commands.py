"""The tree of commands: every leaf speaks JSON, every help helps, and plugins add but never replace."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import click
import pytest

from purchase_core.cli.asking import yourself
from purchase_core.cli.capability_table import capability_page
from purchase_core.cli.main import COMMANDS, MODULES, cli
from purchase_core.errors import PurchaseError
from purchase_core.facts.rows import CaseRow
from purchase_core.instants import SECOND, Instant
from purchase_core.plugins.installed import installed
from purchase_core.plugins.registry import Registry
from purchase_core.ports.provider import Capabilities, Capability
from purchase_core.records.delivery import Delivery

NOW = Instant(1_800_000_000 * SECOND)
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\u202eevil"


def leaves(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        names = COMMANDS if command is cli else command.list_commands(context)
        for name in names:
            child = command.get_command(context, name)
            assert child is not None
            yield from leaves(child, (*path, name))
    else:
        yield path, command


LEAVES = dict(leaves(cli))
SIDES = ("--from", "shop", "--to", "acme")
ARGUMENTS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("cases", "resolve"): ("case:excess:invoice:shop:in_1", "--reason", "a present"),
    ("cases", "settle"): ("case:excess:invoice:shop:in_1", "--yes"),
    ("cases", "show"): ("case:excess:invoice:shop:in_1",),
    ("credits", "adjust"): ("user_1", "ai", "5", "--reason", "a present", "--yes"),
    ("credits", "grant"): ("user_1", "ai", "5", "--yes"),
    ("credits", "history"): ("user_1",),
    ("credits", "verify"): ("user_1",),
    ("credits", "wallet"): ("user_1", "ai"),
    ("customers", "show"): ("user_1",),
    ("customers", "erase"): ("user_1", "--yes"),
    ("customers", "merge"): ("user_1", "user_2", "--reason", "one person", "--yes"),
    ("customers", "explain"): ("user_1", "export"),
    ("customers", "activity"): ("user_1",),
    ("import", "apply"): ("import.json",),
    ("import", "decide"): ("shop", "cus_1", "user_1", "--reason", "she wrote"),
    ("import", "plan"): ("nowhere",),
    ("customers", "find"): ("user_1",),
    ("invoices", "list"): ("user_1",),
    ("invoices", "refund"): ("user_1", "invoice:shop:in_1", "--reason", "a complaint", "--yes"),
    ("policy", "what-if"): ("--policy", "access.toml"),
    ("receipts", "decide"): ("receipt_1", "--did-not-happen", "--reason", "nothing there", "--yes"),
    ("receipts", "show"): ("receipt_1",),
    ("replay",): ("delivery_1",),
    ("retention", "prune"): ("--yes",),
    ("doctor",): ("--truth",),
    ("rebuild",): ("--shadow",),
    ("export",): ("customers.jsonl",),
    ("runs", "show"): ("run_1",),
    ("webhooks", "discard"): ("delivery_1", "--because", "odd"),
    ("webhooks", "retry"): ("delivery_1",),
    ("route", "backtest"): ("--policy", "policy.toml"),
    ("route", "explain"): ("--offer", "app:pro", "--customer", "user_1"),
    ("route", "simulate"): ("--offer", "app:pro", "--minutes", "5"),
    ("catalog", "apply"): ("plan.json",),
    ("catalog", "migrate-holders"): ("app:pro",),
    ("catalog", "pull"): ("nowhere",),
    ("route", "verify"): ("receipt_1",),
    ("subscribers", "forget"): ("mail", "--yes"),
    ("subscribers", "retry"): ("mail", "customer:user_1"),
    ("subscribers", "skip"): ("mail", "customer:user_1", "--yes"),
    ("subscribers", "stuck"): ("mail",),
    ("usage", "show"): ("user_1",),
    ("webhooks", "show"): ("delivery_1",),
    ("work",): ("--once",),
    **{("migrate-provider", name): SIDES for name in ("plan", "resume", "status", "stop")},
    ("migrate-provider", "start"): (
        *SIDES, "--success-url", "https://shop.example/a", "--cancel-url", "https://shop.example/b", "--yes",
    ),
}  # fmt: skip
ABSENT = (
    ("catalog", "apply"),
    ("catalog", "pull"),
    ("cases", "resolve"),
    ("cases", "settle"),
    ("cases", "show"),
    *(("migrate-provider", name) for name in ("plan", "resume", "start", "status", "stop")),
    ("customers", "erase"),
    ("customers", "merge"),
    ("import", "apply"),
    ("import", "plan"),
    ("invoices", "refund"),
    ("receipts", "decide"),
    ("receipts", "show"),
    ("runs", "show"),
    ("route", "verify"),
    ("subscribers", "forget"),
    ("subscribers", "retry"),
    ("subscribers", "skip"),
    ("subscribers", "stuck"),
)  # what they are asked for is not there
each_leaf = pytest.mark.parametrize("path", LEAVES, ids=" ".join)


def delivery(body: bytes = b"{}", reason: str = "") -> Delivery:
    return Delivery(
        id="delivery_1", connection="shop", event_id="evt_1", event_type="a.b", object="invoice:shop:in_1",
        occurred_at=NOW, received_at=NOW, headers=(), body=body, state="quarantined", reason=reason,
    )  # fmt: skip


def keep(app: Any, one: Delivery) -> None:
    app.database.deliveries[one.id] = one


# --- JSON ------------------------------------------------------------------------------------------


@each_leaf
def test_every_command_answers_in_one_json_document(app: Any, path: tuple[str, ...]) -> None:
    keep(app, delivery())
    Path("policy.toml").write_text("share = { shop = 100 }")
    Path("access.toml").write_text("paused_grants = true")
    ended = app.run(*path, *ARGUMENTS.get(path, ()), "--json")
    document = json.loads(ended.out)
    assert document["schema_version"] == 1
    assert ended.code == (1 if "error" in document or document.get("failed") else 0)
    assert "error" not in document or path in ABSENT
    assert "Using shop_for_this_test:factory (from --app)" in ended.err


@each_leaf
def test_every_command_fails_in_one_json_document(app: Any, path: tuple[str, ...]) -> None:
    ended = app.run(*path, *ARGUMENTS.get(path, ()), "--json", app="nowhere_at_all:factory")
    assert ended.code == 2
    assert json.loads(ended.out)["error"]["code"] == "configuration_error"


def test_json_escapes_what_a_terminal_would_obey_and_means_the_same(app: Any) -> None:
    keep(app, delivery(f"{HOSTILE}\U000e0041ä".encode()))
    ended = app.run("webhooks", "show", "delivery_1", "--body", "--json")
    assert json.loads(ended.out)["delivery"]["body"] == f"{HOSTILE}\U000e0041ä"
    assert all(one.isprintable() or one == "\n" for one in ended.out)
    assert "ä" in ended.out


# --- words -----------------------------------------------------------------------------------------


@each_leaf
def test_no_command_escapes_what_is_its_own(app: Any, path: tuple[str, ...]) -> None:
    """A cell that a command has styled would show its escapes, as a value's from outside is shown."""
    Path("policy.toml").write_text("share = { shop = 100 }")
    Path("access.toml").write_text("paused_grants = true")
    ended = app.run("--color", "always", *path, *ARGUMENTS.get(path, ()))
    assert "\ufffd" not in ended.out + ended.err


@pytest.mark.parametrize(
    "arguments",
    [["webhooks", "list"], ["webhooks", "show", "delivery_1"], ["webhooks", "show", "delivery_1", "--body"]],
)
def test_what_came_from_outside_moves_no_cursor(app: Any, arguments: list[str]) -> None:
    keep(app, delivery(HOSTILE.encode(), HOSTILE))
    ended = app.run(*arguments)
    assert ended.code == 0
    assert "evil" in ended.out
    assert all(one.isprintable() or one == "\n" for one in ended.out + ended.err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["customers", "show", HOSTILE],
        ["customers", "explain", HOSTILE, "export"],
        ["customers", "activity", HOSTILE],
        ["receipts", "show", HOSTILE],
        ["--app", f"{HOSTILE}:x", "cases", "list"],
    ],
)
def test_what_is_asked_for_moves_no_cursor_when_it_is_repeated(app: Any, arguments: list[str]) -> None:
    ended = app.run(*arguments)
    assert ended.code in (1, 2)
    assert all(one.isprintable() or one == "\n" for one in ended.out + ended.err)


def test_cases_are_listed_with_the_money_at_stake(app: Any) -> None:
    row = CaseRow(
        key="case:1", root="r", lane="customer:user_1", kind="excess", about="invoice:shop:in_1",
        detail=HOSTILE, amount=900, currency="EUR", opened_at=NOW, provider_customer="cus_1",
        status="open", decision="",
    )  # fmt: skip
    app.database.rows[CaseRow, row.key] = row
    ended = app.run("cases", "list")
    assert "9.00 EUR" in ended.out
    assert "user_1" in ended.out
    assert "\x1b" not in ended.out
    assert json.loads(app.run("cases", "list", "--kind", "excess", "--json").out)["cases"][0]["amount"] == 900
    assert "No open cases." in app.run("cases", "list", "--kind", "mismatch").err


def test_the_catalog_shows_what_is_sold(app: Any) -> None:
    ended = app.run("catalog", "show")
    assert "app:pro" in ended.out
    assert "9.00 EUR" in ended.out
    assert "every month, 14 days free" in ended.out
    assert "2 offers, catalog " in ended.err


def test_the_capabilities_of_connections_are_a_table(app: Any) -> None:
    ended = app.run("providers")
    assert "shop (test)" in ended.out
    assert "subscription_checkout" in ended.out
    document = json.loads(app.run("providers", "--json").out)["providers"]["shop (test)"]
    assert (document["plugin"], document["test_only"]) == ("scripted", True)


def test_the_table_of_capabilities_names_every_one_and_every_trait(app: Any) -> None:
    lines = app.run("providers", "--plugin", "sandbox").out.splitlines()[1:]
    cells = {name.strip(): cell for name, _, cell in (line.strip().partition("  ") for line in lines)}
    cells = {name: cell.strip() for name, cell in cells.items()}
    traits = {field.name for field in attrs.fields(Capabilities) if field.type in (bool, "bool")}
    assert {one.value for one in Capability} | traits <= set(cells)
    assert (cells["refund"], cells["tax_collection"], cells["refund_approval"]) == ("yes", "-", "-")
    assert (cells["currencies"], cells["idempotency keys hold"]) == ("all", "24 h")
    document = json.loads(app.run("providers", "--plugin", "sandbox", "--json").out)["providers"]["sandbox"]
    assert traits <= set(document)


def offered(plugin: str) -> Capabilities | None:
    """What an installed plugin's provider declares; None if it brings no provider."""
    registry = Registry()
    registry.load(plugin)
    try:
        return registry.provider(plugin).capabilities
    except PurchaseError:
        return None


def test_the_readmes_table_of_capabilities_is_current() -> None:
    """Regenerate it with the command that stands above it."""
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    command, _, rest = readme.partition("<!-- purchase providers")[2].partition(" -->\n")
    named = [word for word in command.split() if not word.startswith("--")]
    plugins = {name: found for name in named if (found := offered(name))}
    ours = {one.name for one in installed() if one.distribution.startswith("purchase-")}
    assert set(named) == {name for name in ours if not name.startswith("command.") and offered(name)}
    expected = capability_page(plugins)
    assert rest.partition("<!-- end -->")[0] == expected


def test_a_page_of_deliveries_says_how_to_go_on(app: Any) -> None:
    keep(app, delivery())
    assert (
        "More: purchase webhooks list --before delivery_1" in app.run("webhooks", "list", "--limit", "1").err
    )
    assert "No deliveries." in app.run("webhooks", "list", "--state", "done").err


# --- help ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_the_help_lists_every_command_with_a_line_and_has_examples(app: Any, option: str) -> None:
    ended = app.run(option, app="")
    assert ended.code == 0
    assert ended.out.startswith("Usage: purchase [OPTIONS] COMMAND")
    for name, line in COMMANDS.items():
        assert f"  {name} " in ended.out
        assert line.split(":")[0].split(",")[0] in ended.out
    assert "Examples:\n" in ended.out


@each_leaf
def test_the_help_of_a_command_begins_with_what_it_does(app: Any, path: tuple[str, ...]) -> None:
    ended = app.run(*path, "--help")
    usage, blank, what = ended.out.splitlines()[:3]
    assert (ended.code, blank) == (0, "")
    assert usage.startswith(f"Usage: purchase {' '.join(path)}")
    assert what.strip()[0].isupper()
    assert "--json" in ended.out
    assert LEAVES[path].help


@pytest.mark.parametrize("path", [("migrate",), ("providers",)], ids=" ".join)
def test_a_command_with_options_to_choose_among_has_examples(app: Any, path: tuple[str, ...]) -> None:
    assert "Examples:\n" in app.run(*path, "--help").out


def test_every_command_of_the_list_is_imported_only_when_it_is_called() -> None:
    for name in COMMANDS:
        module = MODULES.get(name, name.replace("-", "_"))
        found = importlib.import_module(f"purchase_core.cli.commands.{module}")
        assert isinstance(getattr(found, module), click.Command)


# --- commands of plugins ---------------------------------------------------------------------------


def install(site: Path, distribution: str, points: Mapping[str, str], source: str) -> None:
    name = distribution.replace("-", "_")
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    lines = "".join(f"{point} = {target}\n" for point, target in points.items())
    (info / "entry_points.txt").write_text(f"[purchase]\n{lines}")
    (site / f"{name}.py").write_text(source)
    sys.modules.pop(name, None)
    importlib.invalidate_caches()


GREETS = """
import click
@click.command()
def greet():
    "Say hello."
    click.echo("hello")
not_a_command = 7
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_plugin_adds_a_command_and_help_says_whose_it_is(app: Any, site: Path) -> None:
    install(site, "acme-billing", {"command.greet": "acme_billing:greet"}, GREETS)
    assert app.run("greet").out == "hello\n"
    ended = app.run("--help")
    assert "(from acme-billing)" in ended.out
    assert "Did you mean 'greet'?" in app.run("gret").err


def test_f104_no_plugin_takes_the_place_of_a_command(app: Any, site: Path) -> None:
    install(
        site, "evil-tools", dict.fromkeys((f"command.{name}" for name in COMMANDS), "evil_tools:run"), "1 / 0"
    )
    assert app.run("catalog", "show").code == 0
    assert "evil-tools" not in app.run("--help").out
    assert "evil_tools" not in sys.modules


def test_f104_two_plugins_of_one_command_are_named_and_neither_is_run(app: Any, site: Path) -> None:
    for name in ("acme-billing", "evil-tools"):
        install(site, name, {"command.greet": f"{name.replace('-', '_')}:greet"}, "1 / 0")
    ended = app.run("greet")
    assert ended.code == 2
    assert "(plugin_collision): command 'greet' is offered by acme-billing and evil-tools" in ended.err
    assert "(from acme-billing and evil-tools)" in app.run("--help").out
    assert not {"acme_billing", "evil_tools"} & set(sys.modules)


@pytest.mark.parametrize(
    "source", ["raise SystemExit(0)", "raise BaseException", "1 / 0", "import not_there", "x ="]
)
def test_f102_a_command_that_cannot_be_loaded_is_named(app: Any, site: Path, source: str) -> None:
    install(site, "acme-billing", {"command.greet": "acme_billing:greet"}, source)
    ended = app.run("greet")
    assert ended.code == 2
    assert "(plugin_failed): command 'greet' of acme-billing cannot be loaded" in ended.err
    assert app.run("catalog", "show").code == 0


def test_what_is_no_command_is_said_to_be_none(app: Any, site: Path) -> None:
    install(site, "acme-billing", {"command.greet": "acme_billing:not_a_command"}, GREETS)
    ended = app.run("greet", "--json")
    error = json.loads(ended.out)["error"]
    assert (ended.code, error["code"]) == (2, "plugin_incompatible")
    assert "is no click command, but a int" in error["message"]


def test_alert_rules_are_told_to_machines_too(app: Any) -> None:
    (first, *_) = json.loads(app.run("metrics", "--alerts", "--json").out)["rules"]
    assert first["name"] == "PurchaseInboxBehind"
    assert (first["expression"], first["for_seconds"]) == ("purchase_inbox_oldest_seconds > 300", 300)


def test_whoever_has_no_name_on_the_machine_is_known_by_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert yourself() == f"uid {os.getuid()}"
