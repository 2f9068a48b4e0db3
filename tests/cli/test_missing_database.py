"""A database that is not there: every command says so, and what makes it, and not to try again later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from purchase_core import Billing
from purchase_core.testing.plugins import MemoryPlugin
from purchase_sqlite import plugin as sqlite_plugin
from tests.cli.conftest import CONFIG, ENVIRON


@pytest.fixture
def places(app: Any, tmp_path: Path) -> Any:
    """The application on a SQLite file at this path; what a command came to there."""

    def place(path: str, *arguments: str) -> Any:
        def factory() -> Any:
            config = {**CONFIG, "store": {"plugin": "sqlite", "path": str(tmp_path / path)}}
            plugins = [MemoryPlugin(app.database), sqlite_plugin]
            return Billing.open(catalog=app.catalog, config=config, plugins=plugins, environ=ENVIRON)

        app.module.factory = factory
        return app.run(*arguments)

    return place


@pytest.mark.parametrize(
    "command",
    [
        ["customers", "show", "ana"],
        ["customers", "find", "ana"],
        ["webhooks", "list"],
        ["cases", "list"],
        ["attention"],
        ["export"],
        ["metrics"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("path", ["purchase.db", "not/mounted/purchase.db"])
def test_a_command_that_looks_names_what_is_not_there(
    places: Any, tmp_path: Path, command: list[str], path: str
) -> None:
    ended = places(path, *command)
    what = f"folder {tmp_path}/not/mounted" if "/" in path else f"file {tmp_path}/{path}"
    assert ended.code == 1
    assert f"Error (store_missing): there is no {what}" in ended.err
    assert "purchase migrate" in ended.err
    assert list(tmp_path.iterdir()) == [], "looking makes nothing"


def test_it_is_said_in_json_too(places: Any) -> None:
    ended = places("purchase.db", "customers", "show", "ana", "--json")
    error = json.loads(ended.out)["error"]
    assert (ended.code, error["code"], error["retryable"]) == (1, "store_missing", False)


def test_what_checks_finds_something_pending(places: Any, tmp_path: Path) -> None:
    checked = places("purchase.db", "migrate", "--check")
    assert checked.code == 3
    assert f"There is no file {tmp_path}/purchase.db.\nRun `purchase migrate`." in checked.err + checked.out
    examined = places("purchase.db", "doctor", "--json")
    assert examined.code == 3
    assert f"there is no file {tmp_path}/purchase.db" in examined.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["migrate"], ["migrate", "--check"]])
def test_a_folder_that_is_not_there_is_not_made(places: Any, tmp_path: Path, arguments: list[str]) -> None:
    ended = places("not/mounted/purchase.db", *arguments)
    assert ended.code == 1
    assert f"there is no folder {tmp_path}/not/mounted" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_migrate_makes_it_and_then_everything_is_found(places: Any) -> None:
    assert places("purchase.db", "migrate").code == 0
    assert places("purchase.db", "migrate", "--check").code == 0
    assert places("purchase.db", "cases", "list").code == 0
