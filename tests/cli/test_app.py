"""Finding the application: which source wins, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from purchase_core.opening import Opening

TOML = 'app = "{app}"\n[store]\nplugin = "memory"\n'


def test_the_option_wins_over_the_variable_and_that_over_the_file(
    app: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "purchase.toml").write_text(TOML.format(app=app.app))
    assert f"Using {app.app} (from purchase.toml)" in app.run("catalog", "show", app="").err
    monkeypatch.setenv("PURCHASE_APP", app.app)
    assert f"Using {app.app} (from PURCHASE_APP)" in app.run("catalog", "show", app="").err
    assert f"Using {app.app} (from --app)" in app.run("catalog", "show").err


def test_pyproject_is_the_last_resort(app: Any, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.purchase]\napp = "{app.app}"\n[tool.purchase.store]\nplugin = "x"'
    )
    assert f"Using {app.app} (from pyproject.toml)" in app.run("catalog", "show", app="").err


def test_a_file_that_is_named_is_the_one_that_is_used(app: Any, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "staging.toml"
    other.parent.mkdir()
    other.write_text(TOML.format(app=app.app) + "[connections]\n")
    ended = app.run("--config", str(other), "providers", "--json", app="")
    assert f"Using {app.app} (from staging.toml)" in ended.err
    assert '"providers": {}' in ended.out
    assert '"providers": {}' in app.run("--config", str(other), "providers", "--json").out
    assert '"shop (test)"' in app.run("providers", "--json").out


def test_a_module_beside_the_configuration_is_found(app: Any, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "found_beside.py").write_text(f"from {app.app.partition(':')[0]} import factory\n")
    (folder / "purchase.toml").write_text(TOML.format(app="found_beside:factory"))
    assert app.run("--config", str(folder / "purchase.toml"), "catalog", "show", app="").code == 0


def test_an_opening_itself_and_a_nested_name_will_do(app: Any) -> None:
    class Holder:
        opening = app.module.factory()

    app.module.holder = Holder
    assert app.run("catalog", "show", app=f"{app.module.__name__}:holder.opening").code == 0


def test_without_any_the_ways_to_say_it_are_told(app: Any, tmp_path: Path) -> None:
    ended = app.run("catalog", "show", app="")
    assert ended.code == 2
    assert "no purchase.toml and no [tool.purchase]" in ended.err
    assert "Fix: Give the file with --config" in ended.err
    (tmp_path / "purchase.toml").write_text('[store]\nplugin = "memory"\n')
    ended = app.run("catalog", "show", app="")
    assert "purchase.toml does not say which application this is" in ended.err
    assert 'Fix: Write app = "module:factory"' in ended.err


def raising(error: BaseException) -> Any:
    def factory() -> Any:
        raise error

    return factory


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("shop", "is not of the form module:factory"),
        (":factory", "is not of the form"),
        ("shop:", "is not of the form"),
        ("no_such_module:factory", "ModuleNotFoundError"),
        ("no_such_module:factory", "Fix: Try `python -c 'import no_such_module'` in "),
        ("{module}:nothing", "AttributeError"),
        ("{module}:nothing", "Fix: {module}.py needs a nothing() that returns Billing.open(...)."),
        ("{module}:fails", "cannot be loaded: ZeroDivisionError"),
        ("{module}:exits", "cannot be loaded: SystemExit"),
        ("{module}:number", "returned int"),
        ("{module}:gives_none", "returned NoneType"),
        ("{module}:takes", "TypeError"),
    ],
)
def test_an_application_that_cannot_be_loaded_is_a_configuration_error(app: Any, name: str, why: str) -> None:
    vars(app.module).update(
        fails=raising(ZeroDivisionError()),
        exits=raising(SystemExit(0)),
        number=7,
        gives_none=lambda: None,
        takes=lambda argument: argument,
    )
    ended = app.run("catalog", "show", app=name.format(module=app.module.__name__))
    assert ended.code == 2
    assert "(configuration_error)" in ended.err
    assert why.format(module=app.module.__name__) in ended.err
    assert "\n  Fix: " in ended.err
    assert "Traceback" not in ended.err


def test_the_traceback_is_there_for_who_asks(app: Any) -> None:
    app.module.factory = raising(ZeroDivisionError("why"))
    with pytest.raises(Exception, match="ZeroDivisionError: why") as told:
        app.run("--debug", "catalog", "show")
    assert isinstance(told.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    "arguments", [("import", "plan", "shop"), ("catalog", "migrate-holders", "app:pro"), ("catalog", "plan")]
)
def test_a_command_that_only_looks_opens_nothing_to_write(
    app: Any, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """It is run beside an application that may have the store for itself."""
    app.run("migrate")
    monkeypatch.setattr(Opening, "__aenter__", AsyncMock(side_effect=AssertionError))
    assert "internal_error" not in app.run(*arguments).err
