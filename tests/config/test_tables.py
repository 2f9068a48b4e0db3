"""Tables of plugins: read into their class, strictly, with secrets by reference and no value in an error."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchase_core.config.load import load_settings, read_settings
from purchase_core.config.tables import read_table
from purchase_core.errors import ConfigurationError, InvalidArgument, SecretMissing
from purchase_core.secret import Secret, resolve_secret

T = TypeVar("T")

CANARY = "sk_live_canary4711"


def _even(instance: object, attribute: object, value: int) -> None:
    if value % 2:
        raise InvalidArgument("level must be even", hint="Write 2.")


def _rude(instance: object, attribute: object, value: str) -> None:
    if value == "rude":
        raise RuntimeError(value)


@attrs.frozen
class Config:
    url: str
    level: int = attrs.field(default=0, validator=_even)
    kind: Literal["fast", "slow"] = "fast"
    token: Secret | None = None
    tokens: tuple[Secret, ...] = ()
    word: str = attrs.field(default="", validator=_rude)
    seconds: float = 1.0
    on: bool = False


def resolve(where: str, reference: str) -> Secret:
    return resolve_secret(where, reference, environ={"TOKEN": CANARY}, folder=Path())


def read(**table: object) -> Config:
    return read_table(Config, table, where="purchase.toml [x]", secret=resolve)


def test_keys_are_fields_and_references_become_secrets() -> None:
    found = read(url="a", level=2, kind="slow", token="env:TOKEN", tokens=["env:TOKEN"], seconds=2, on=True)
    assert found == Config("a", 2, "slow", Secret(CANARY), (Secret(CANARY),), "", 2.0, True)
    assert CANARY not in repr(found)


def test_the_hint_of_a_class_that_checks_its_values_is_the_errors_hint() -> None:
    with pytest.raises(ConfigurationError) as told:
        read_table(Config, {"url": "a", "level": 3}, where="here", secret=resolve)
    assert (told.value.message, told.value.hint) == ("here: level must be even", "Write 2.")


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({}, "lacks url"),
        ({"url": "a", "levl": 1}, "unknown key 'levl'"),
        ({"url": 7}, "Expected `str`, got `int` - at `$.url`"),
        ({"url": "a", "level": CANARY}, "at `$.level`"),
        ({"url": "a", "level": 3}, "level must be even"),
        ({"url": "a", "kind": CANARY}, "none of those allowed"),
        ({"url": "a", "word": "rude"}, "RuntimeError"),
        ({"url": "a", "token": 7}, "a value is not a Secret"),
        ({"url": "a", "tokens": "env:TOKEN"}, "at `$.tokens`"),
        ({"url": "a", "on": 1}, "at `$.on`"),
    ],
)
def test_a_wrong_value_is_refused_where_it_stands(table: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        read(**table)
    assert str(told.value).startswith("purchase.toml [x]")
    assert why in str(told.value)
    assert CANARY not in str(told.value)


@pytest.mark.parametrize("reference", [CANARY, "env:OTHER", "file:absent", "file:a\x00b", "", "env:"])
def test_a_secret_that_cannot_be_resolved_is_missing_and_never_quoted(reference: str) -> None:
    with pytest.raises(SecretMissing) as told:
        read(url="a", token=reference)
    assert CANARY not in str(told.value)
    assert "purchase.toml [x]" in str(told.value)


def outcome(call: Callable[[], T]) -> T | ConfigurationError:
    try:
        return call()
    except ConfigurationError as error:
        return error


# --- whatever comes --------------------------------------------------------------------------------

KEYS = [
    "app", "project", "environment", "connections", "store", "router", "inbox", "access", "reads", "plugins",
    "plugin", "mode", "api_key", "webhook_secrets", "shop", "attempts_max", "paused_grants",
    "max_stale_seconds",
]  # fmt: skip
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3)
    | st.sampled_from(["memory", "test", "live", "inline", "env:A", "first", math.inf, 2**70]) | st.dates()
)  # fmt: skip
keys = st.sampled_from(KEYS) | st.text(max_size=3)
tables = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
store = st.just({"plugin": "memory"})


@given(st.dictionaries(keys, tables, max_size=5) | st.fixed_dictionaries({"store": store}, optional={
    "connections": st.dictionaries(keys, tables, max_size=2), "inbox": tables, "access": tables,
    "reads": tables, "router": tables, "plugins": tables, "app": tables, "project": tables,
}))  # fmt: skip
def test_whatever_table_comes_it_is_read_or_refused(table: dict[str, Any]) -> None:
    found = outcome(lambda: read_settings(table, source="purchase.toml", folder=Path()))
    if isinstance(found, ConfigurationError):
        assert str(found).startswith("purchase.toml")
    else:
        assert found.inbox.attempts_max >= 1
        assert 0 <= found.reads.max_stale_seconds < math.inf


@given(
    st.dictionaries(
        st.sampled_from([field.name for field in attrs.fields(Config)]) | keys, tables, max_size=4
    )
)
def test_whatever_a_plugin_is_given_it_is_read_or_refused(table: dict[str, Any]) -> None:
    found = outcome(lambda: read_table(Config, table, where="purchase.toml [x]", secret=resolve))
    assert isinstance(found, Config) or "purchase.toml [x]" in str(found)


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_whatever_a_file_holds_it_is_read_or_refused(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "purchase.toml"
        path.write_bytes(content)
        found = outcome(lambda: load_settings(path))
    assert isinstance(found, ConfigurationError)  # a store is more than chance writes
    assert str(found).startswith("purchase.toml")
