"""Exit codes: every error has one, the page says which, and a command ends with it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest

from purchase_core import errors
from purchase_core.cli import exit_codes
from purchase_core.errors import CatalogInvalid, KeyConflict, NoRoute, PurchaseError

PAGE = (Path(__file__).parents[2] / "docs" / "exit-codes.md").read_text()


def tree(kind: type[PurchaseError]) -> list[type[PurchaseError]]:
    return [
        kind,
        *(
            one
            for child in kind.__subclasses__()
            if child.__module__ == errors.__name__
            for one in tree(child)
        ),
    ]


KINDS = tree(PurchaseError)


def make(kind: type[PurchaseError]) -> PurchaseError:
    if kind is KeyConflict:
        return KeyConflict("fact", "key")
    return kind(["why"]) if kind in (NoRoute, CatalogInvalid) else kind("why")


def test_the_page_has_every_code_with_its_meaning_and_no_other() -> None:
    found = {int(code): meaning for code, meaning in re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, re.MULTILINE)}
    assert found == exit_codes.MEANINGS


def test_the_page_has_every_error_with_its_code_and_no_other() -> None:
    found = re.findall(r"^\| `(\w+)` \| (\d+) \|$", PAGE, re.MULTILINE)
    assert dict(found) == {kind.code: str(exit_codes.exit_code(make(kind))) for kind in KINDS}
    assert len(found) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_command_ends_with_the_code_of_its_error(
    app: Any, kind: type[PurchaseError], as_json: bool
) -> None:
    error = make(kind)

    def factory() -> Any:
        raise error

    app.module.factory = factory
    ended = app.run("catalog", "show", *(["--json"] if as_json else []))
    assert ended.code == exit_codes.exit_code(error)
    assert ended.code in exit_codes.MEANINGS
    assert ended.code != 0
    assert "Traceback" not in ended.out + ended.err
    if as_json:
        assert json.loads(ended.out) == {
            "schema_version": 1,
            "error": {"code": kind.code, "message": error.message, "hint": "", "retryable": kind.retryable},
        }
    else:
        assert ended.out == ""
        assert f"Error ({kind.code}): {error.message}" in ended.err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_a_command_that_is_interrupted_says_so(
    app: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def interrupt(*_: object) -> None:
        raise error

    monkeypatch.setattr("purchase_core.cli.commands.catalog.find_app", interrupt)
    ended = app.run("catalog", "show")
    assert (ended.code, ended.err.strip()) == (130, "Interrupted.")


@pytest.mark.parametrize("as_json", [False, True])
def test_the_unexpected_is_named_without_a_traceback_or_message(
    app: Any, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("canary-4711")

    monkeypatch.setattr("purchase_core.cli.commands.catalog.find_app", fail)
    ended = app.run("catalog", "show", *(["--json"] if as_json else []))
    told = ended.out if as_json else ended.err
    assert ended.code == 1
    assert "internal_error" in told
    assert "ZeroDivisionError" in told
    assert "--debug" in told
    assert "canary-4711" not in ended.out + ended.err
    with pytest.raises(ZeroDivisionError, match="canary-4711"):
        app.run("--debug", "catalog", "show")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"], ["catalog", "nope"], ["catalog", "show", "--nope"], ["customers", "show"],
        ["--color", "blue"],
        ["webhooks", "list", "--limit", "0"], ["webhooks", "list", "--limit", "1001"],
        ["webhooks", "list", "--state", "x"], ["customers", "show", "user_1", "--at", "yesterday"],
        ["customers", "show", "user_1", "--at", "2026-01-31T12:00:00"], ["customers", "show", ""],
        ["customers", "show", "a\nb"], ["customers", "show", "x" * 256],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_ends_with_2_in_words_or_json(app: Any, arguments: list[str]) -> None:
    ended = app.run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "Error" in ended.err
    ended = app.run(*arguments, "--json")
    assert ended.code == 2
    assert json.loads(ended.out)["error"]["code"] in ("usage_error", "invalid_argument", "invalid_text")


def test_an_unknown_command_suggests_the_nearest(app: Any) -> None:
    assert "Did you mean 'customers'?" in app.run("custmers").err
    assert "Did you mean 'show'?" in app.run("catalog", "shw").err
    assert "Did you mean" not in app.run("zzzzzz").err


def test_pending_migrations_end_with_3_only_when_asked_to_check(app: Any) -> None:
    app.database.schema_version = 0
    ended = app.run("migrate", "--check", "--json")
    assert (ended.code, json.loads(ended.out)) == (
        3,
        {"schema_version": 1, "state": "pending", "found": 0, "now": 0, "wanted": 1},
    )
    assert app.database.schema_version == 0
    assert app.run("migrate").code == 0
    assert app.database.schema_version == 1
    assert app.run("migrate", "--check").code == 0


@pytest.mark.parametrize("option", [(), ("--check",)])
def test_f98_tables_of_newer_code_end_with_1_and_what_to_do(app: Any, option: tuple[str, ...]) -> None:
    app.database.schema_version = 9
    ended = app.run("migrate", *option, "--json")
    error = json.loads(ended.out)["error"]
    assert (ended.code, error["code"]) == (1, "schema_error")
    assert "version 9, newer than this code's 1" in error["message"]
    assert error["hint"] == "Upgrade Purchase here as well."
    assert app.database.schema_version == 9


def test_a_store_without_sql_says_so(app: Any) -> None:
    ended = app.run("migrate", "--sql", "--json")
    assert (ended.code, json.loads(ended.out)["error"]["code"]) == (2, "configuration_error")
    assert app.run("migrate", "--sql", "--check").code == 2


def test_reading_commands_say_to_migrate_first(app: Any) -> None:
    app.database.schema_version = 0
    ended = app.run("customers", "show", "user_1")
    assert ended.code == 1
    assert "Fix: Run `purchase migrate`." in ended.err


@pytest.mark.parametrize(("command", "name"), [("receipts", "receipt_1"), ("webhooks", "delivery_1")])
def test_what_does_not_exist_ends_with_1_and_what_to_do(app: Any, command: str, name: str) -> None:
    ended = app.run(command, "show", name, "--json")
    assert (ended.code, json.loads(ended.out)["error"]["code"]) == (1, "not_found")
    assert name in json.loads(ended.out)["error"]["message"]
    assert json.loads(ended.out)["error"]["hint"]


def test_a_customer_nobody_knows_has_everybodys_defaults(app: Any) -> None:
    ended = app.run("customers", "show", "nobody")
    assert ended.code == 0
    assert "Nothing is known of 'nobody'" in ended.err
