"""docs/configuration.md names every key, with the default that holds, and no other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest

from purchase_core.access.policy import AccessRules
from purchase_core.config import load
from purchase_core.config.load import load_settings
from purchase_core.config.settings import ReadsSettings, RouterSettings, Settings
from purchase_core.inbox.settings import InboxSettings
from purchase_core.outbox.settings import SubscriberSettings, TickSettings
from purchase_core.routing.failover import FailoverPolicy
from purchase_core.secret import WEBHOOK_SECRET_BYTES_MIN

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()


def rows(heading: str) -> dict[str, str]:
    """Keys of a section's table, with their defaults."""
    section = PAGE.partition(f"### {heading}\n")[2].partition("\n#")[0]
    return dict(re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|", section, re.MULTILINE))


def written(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return f'"{default}"' if isinstance(default, str) else str(default)


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("[failover]", FailoverPolicy),
        ("[inbox]", InboxSettings),
        ("[access]", AccessRules),
        ("[reads]", ReadsSettings),
        ("[subscribers]", SubscriberSettings),
        ("[tick]", TickSettings),
    ],
)
def test_a_section_names_every_key_with_its_default(heading: str, kind: type[Any]) -> None:
    assert rows(heading) == {field.name: written(field.default) for field in attrs.fields(kind)}


def test_the_top_names_every_table_and_setting() -> None:
    assert list(rows("(top)")) == list(load._KEYS)
    assert set(load._KEYS) == {field.name for field in attrs.fields(Settings)} - {"source", "folder"}
    found = load_settings({"store": {"plugin": "memory"}})
    for key in ("app", "project", "environment"):
        assert rows("(top)")[key] == written(getattr(found, key))


def test_the_fixed_keys_of_plugins_tables_are_named() -> None:
    assert list(rows("[connections.NAME]")) == list(load._CONNECTION_KEYS)
    assert rows("[store]") == {"plugin": "required"}
    assert rows("[router]") == {"plugin": written(RouterSettings().plugin)}


def test_the_page_says_the_limits_that_hold() -> None:
    assert load.FILE_BYTES_MAX == 2**20
    assert "1 MiB" in PAGE
    assert f"at least {WEBHOOK_SECRET_BYTES_MIN} bytes" in PAGE
    assert load._NAME.pattern.endswith("{0,47}")
    assert "at most 48 characters" in PAGE


def test_the_example_can_be_read() -> None:
    example = PAGE.partition("```toml\n")[2].partition("```")[0]
    found = load_settings(tomllib.loads(example))
    assert list(found.connections) == ["stripe-eu"]
