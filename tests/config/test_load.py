"""The configuration: one file, read strictly; each error says where, and what was meant."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from purchase_core.config.load import FILE_BYTES_MAX, NUMBER_MAX, find_config, load_settings, read_settings
from purchase_core.config.settings import ReadsSettings, Settings
from purchase_core.errors import ConfigurationError

CANARY = "sk_live_canary4711"
CONNECTION: dict[str, object] = {
    "plugin": "acme",
    "mode": "test",
    "api_key": "env:KEY",
    "webhook_secrets": ["env:SECRET"],
}
WHOLE: dict[str, Any] = {"store": {"plugin": "memory"}, "connections": {"shop": CONNECTION}}
TOML = """
[store]
plugin = "memory"
"""


def changed(*path: str, to: object) -> dict[str, Any]:
    table = copy.deepcopy(WHOLE)
    here = table
    for name in path[:-1]:
        here = here.setdefault(name, {})
    here[path[-1]] = to
    return table


def read(table: Any) -> Settings:
    return read_settings(table, source="purchase.toml", folder=Path())


def refused(table: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as told:
        read(table)
    assert str(told.value).startswith("purchase.toml")
    return told.value


# --- what is understood ----------------------------------------------------------------------------


def test_the_shortest_configuration_is_a_store() -> None:
    found = read({"store": {"plugin": "memory"}})
    assert (found.project, found.environment, found.app) == ("default", "development", "")
    assert (found.store.plugin, found.router.plugin, found.connections) == ("memory", "policy", {})
    assert found.reads == ReadsSettings(0.0)


def test_what_is_the_plugins_own_is_left_to_it() -> None:
    found = read(changed("connections", "shop", "region", to="eu"))
    assert found.connections["shop"].options == {"region": "eu"}
    assert read(changed("store", "path", to="purchase.db")).store.options == {"path": "purchase.db"}
    assert read(changed("router", to={"plugin": "cheapest", "weight": 1})).router.options == {"weight": 1}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("inbox", "mode"), "queue"), (("inbox", "attempts_max"), 1),
        (("inbox", "lease_seconds"), NUMBER_MAX), (("access", "renewal_slack_seconds"), 0),
        (("access", "paused_grants"), True),
        (("reads", "max_stale_seconds"), 2.5), (("reads", "max_stale_seconds"), 0),
    ],
)  # fmt: skip
def test_a_setting_is_read(path: tuple[str, str], value: object) -> None:
    section = getattr(read(changed(*path, to=value)), path[0])
    assert getattr(section, path[1]) == value


# --- which file ------------------------------------------------------------------------------------


def test_purchase_toml_wins_and_nothing_is_merged(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.purchase]\nproject = "other"\n[tool.purchase.store]\nplugin = "x"'
    )
    assert find_config(tmp_path) == tmp_path / "pyproject.toml"
    assert load_settings(find_config(tmp_path)).project == "other"
    (tmp_path / "purchase.toml").write_text(TOML)
    found = load_settings(find_config(tmp_path))
    assert (found.source, found.project, found.store.plugin) == ("purchase.toml", "default", "memory")
    assert found.folder == tmp_path.resolve()


@pytest.mark.parametrize("content", ["", "[tool]", "tool = 1", "[tool.purchases]", "[project]\nname = 'a'"])
def test_a_pyproject_without_our_table_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "pyproject.toml").write_text(content)
    with pytest.raises(ConfigurationError, match=r"no purchase.toml and no \[tool.purchase\]") as told:
        find_config(tmp_path)
    assert "--config" in told.value.hint
    with pytest.raises(ConfigurationError, match=r"no table \[tool.purchase\]"):
        load_settings(tmp_path / "pyproject.toml")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"store = ", "not valid TOML"),
        (b"[store]\n[store]", "not valid TOML"),
        (b"\xff\xfe", "not valid TOML"),
        (b"a = " + b"9" * 5_000, "not valid TOML"),
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (f'api_key = {CANARY}\n[store]\nplugin = "memory"'.encode(), "not valid TOML"),
        (f'api_key = "{CANARY}\\q"'.encode(), "not valid TOML"),
    ],
    ids=range(7),
)
def test_what_is_no_toml_is_refused_by_file_name(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "purchase.toml").write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"^purchase.toml is {why}") as told:
        load_settings(tmp_path / "purchase.toml")
    assert CANARY not in str(told.value)
    assert told.value.__suppress_context__


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "purchase.toml"
    path.write_text(TOML + "#" * (FILE_BYTES_MAX - len(TOML)))
    assert load_settings(path).store.plugin == "memory"
    path.write_text(TOML + "#" * (FILE_BYTES_MAX - len(TOML) + 1))
    with pytest.raises(ConfigurationError, match="larger than 1048576 bytes"):
        load_settings(path)


@pytest.mark.parametrize("path", ["absent.toml", ".", "a\x00b", "absent/purchase.toml", "a" * 5_000])
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_settings(str(tmp_path) + "/" + path)


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "table", "near"),
    [
        (("stor",), "purchase.toml", "store"),
        (("conections",), "purchase.toml", "connections"),
        (("inbox", "attempt_max"), "purchase.toml [inbox]", "attempts_max"),
        (("access", "pause_grants"), "purchase.toml [access]", "paused_grants"),
        (("reads", "max_stale"), "purchase.toml [reads]", "max_stale_seconds"),
    ],
)
def test_an_unknown_key_is_an_error_with_file_table_key_and_the_nearest(
    path: tuple[str, ...], table: str, near: str
) -> None:
    error = refused(changed(*path, to=CANARY))
    assert error.message == f"{table}: unknown key {path[-1]!r}"
    assert error.hint == f"Did you mean {near!r}?"


def test_a_key_that_is_near_nothing_gets_the_list() -> None:
    assert refused(changed("inbox", "zzz", to=1)).hint.startswith("Known here: attempts_max, body_bytes_max")


@pytest.mark.parametrize("key", ["k" * 1_000_000, "\x1b[31m", 7, None, ("a",)], ids=range(5))
def test_an_odd_key_is_shown_short_and_harmless(key: Any) -> None:
    error = refused({**WHOLE, key: 1})
    assert "unknown key" in error.message
    assert len(str(error)) < 400
    assert "\x1b" not in str(error)


WRONG = [
    (("app",), 7),
    (("project",), ""),
    (("project",), "Shop"),
    (("project",), "shöp"),
    (("environment",), "a b"),
    (("environment",), "a" * 49),
    (("environment",), "prod\n"),
    (("store",), 7),
    (("store",), {}),
    (("store",), []),
    (("store", "plugin"), 7),
    (("store", "plugin"), ""),
    (("connections",), []),
    (("connections", "shop"), CANARY),
    (("connections", "Shop"), CONNECTION),
    (("connections", "a:b"), CONNECTION),
    (("connections", "a/b"), CONNECTION),
    (("connections", ""), CONNECTION),
    (("connections", "sh\u043ep"), CONNECTION),
    (("connections", "shop\n"), CONNECTION),
    (("connections", "shop", "mode"), CANARY),
    (("connections", "shop", "mode"), "Live"),
    (("connections", "shop", "mode"), 1),
    (("connections", "shop", "plugin"), None),
    (("connections", "shop", "api_key"), ["env:KEY"]),
    (("connections", "shop", "api_key"), ""),
    (("connections", "shop", "webhook_secrets"), "env:SECRET"),
    (("connections", "shop", "webhook_secrets"), []),
    (("connections", "shop", "webhook_secrets"), [7]),
    (("connections", "shop", "webhook_secrets"), [CANARY, None]),
    (("connections", "shop", "webhook_secrets"), {CANARY: 1}),
    (("router",), "first"),
    (("router", "plugin"), 7),
    (("inbox",), []),
    (("inbox", "mode"), CANARY),
    (("inbox", "mode"), 1),
    (("inbox", "attempts_max"), 0),
    (("inbox", "attempts_max"), -1),
    (("inbox", "attempts_max"), True),
    (("inbox", "attempts_max"), CANARY),
    (("inbox", "attempts_max"), 1.5),
    (("inbox", "lease_seconds"), NUMBER_MAX + 1),
    (("inbox", "lease_seconds"), 10**30),
    (("inbox", "retry_seconds_max"), None),
    (("access", "paused_grants"), 1),
    (("access", "paused_grants"), "no"),
    (("access", "past_due_grace_seconds"), -1),
    (("reads", "max_stale_seconds"), -0.5),
    (("reads", "max_stale_seconds"), float("nan")),
    (("reads", "max_stale_seconds"), float("inf")),
    (("reads", "max_stale_seconds"), 1e300),
    (("reads", "max_stale_seconds"), CANARY),
    (("plugins",), ["audit"]),
    (("plugins", "audit"), 7),
    (("plugins", "audit"), ""),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_value_is_refused_by_table_and_key_and_not_quoted(
    path: tuple[str, ...], value: object
) -> None:
    error = refused(changed(*path, to=value))
    assert path[-1].strip() in str(error)
    assert CANARY not in str(error)
    assert error.__cause__ is None


@pytest.mark.parametrize("key", CONNECTION)
def test_a_connection_lacks_nothing(key: str) -> None:
    table = copy.deepcopy(WHOLE)
    del table["connections"]["shop"][key]
    error = refused(table)
    assert "[connections.shop]" in error.message
    assert key in error.message


def test_a_missing_store_is_said_with_the_shortest_way_to_one() -> None:
    assert refused({}).hint == 'For one file: plugin = "sqlite", path = "purchase.db".'


def test_nothing_that_is_read_prints_a_secret() -> None:
    assert "env:KEY" in repr(read(WHOLE))  # references may be seen


@pytest.mark.parametrize(
    "variable", ["PURCHASE_MODE", "PURCHASE_PROJECT", "PURCHASE_STORE", "PURCHASE_CONFIG", "DEBUG"]
)
def test_t15_no_environment_variable_changes_a_setting(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    before = read(WHOLE)
    monkeypatch.setenv(variable, "live")
    assert read(WHOLE) == before
