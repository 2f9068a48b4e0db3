"""The README's settings are those that there are, and its code runs."""

from __future__ import annotations

import asyncio
import re
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest

from purchase_core.records.lane import Lane
from purchase_d1.binding import BindingTransport
from purchase_d1.bodies import BODY_BYTES_MAX
from purchase_d1.config import D1Config
from purchase_d1.local import Address
from purchase_d1.store import D1Store

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def names_after(number: int) -> dict[str, Any]:
    """What the README's code of this number defines."""
    names: dict[str, Any] = {}
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[number]
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102  # our own README
    return names


def test_the_readme_names_every_setting_with_its_default() -> None:
    named = dict(re.findall(r"^\| `(\w+)` \| `?(.*?)`? \|", README, re.MULTILINE))
    defaults = {one.name: one.default for one in attrs.fields(D1Config)}
    required = [name for name, default in defaults.items() if default is attrs.NOTHING]
    assert {name for name, text in named.items() if text == "required"} == set(required) == {"url", "token"}
    told = {name: tomllib.loads(f"it = {text}")["it"] for name, text in named.items() if name not in required}
    assert told == {name: default for name, default in defaults.items() if name not in required}
    store = tomllib.loads(re.findall(r"```toml\n(.*?)```", README, re.DOTALL)[0])["store"]
    assert store.keys() == {"plugin", *required}


def test_the_readme_tells_the_limits_that_there_are() -> None:
    assert f"a body of a delivery up to {BODY_BYTES_MAX:,}" in README
    lines = (ROOT / "purchase_d1" / "worker" / "worker.js").read_text().count("\n")
    assert f"a Worker of {round(lines, -1)} lines" in README


def test_the_lines_for_a_worker_make_a_store_over_its_binding() -> None:
    class Environment:
        DB = object()

    store = names_after(0)["store_of"](Environment)
    assert isinstance(store, D1Store)
    assert isinstance(store.transport, BindingTransport)


def test_the_lines_for_ones_own_machine_run(database: Address) -> None:
    assert database.url.startswith("http://127.0.0.1:")  # where there is one, there can be another
    assert asyncio.run(names_after(1)["first_lane"]()) == Lane("customer:ana")


@pytest.mark.parametrize("url", re.findall(r'url = "(https://[^"]+)"', README))
def test_the_addresses_of_the_readme_are_addresses(url: str) -> None:
    assert D1Config(url, None).url == url  # type: ignore[arg-type]
