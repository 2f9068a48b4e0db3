"""Opening: plugins and routers that the configuration names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from msgspec.structs import replace

from purchase_core.errors import (
    ConfigurationError,
    PluginMissing,
    PolicyInvalid,
    PurchaseError,
)
from purchase_core.opening import Opening
from purchase_core.plugins.descriptors import (
    RouterPlugin,
)
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.ports.router import Candidate, Router, RouteRequest, RoutingDecision
from purchase_core.routing.router import PolicyRouter
from purchase_core.secret import Secret
from purchase_core.testing.plugins import MemoryPlugin
from tests.openings import SCRIPTED, Order, config, opened, opening


class Backwards(Router):
    name = "backwards"

    def decide(self, request: RouteRequest, candidates: tuple[Candidate, ...]) -> RoutingDecision:
        decision = PolicyRouter().decide(request, candidates)
        return replace(decision, order=decision.order[::-1])


@attrs.frozen
class BackwardsConfig:
    weight: int
    key: Secret | None = None


class BringsRouter:
    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.make = make

    @hookimpl
    def purchase_register_routers(self) -> Sequence[RouterPlugin[Any]]:
        return [RouterPlugin("backwards", BackwardsConfig, self.make)]


def with_router(make: Callable[[Any], Any], **options: object) -> Opening:
    table = {"plugin": "backwards", **options}
    return opening(config("one", router=table), MemoryPlugin(), BringsRouter(make))


def test_a_plugins_router_is_made_from_its_table() -> None:
    made: list[BackwardsConfig] = []

    def make(given: BackwardsConfig) -> Router:
        made.append(given)
        return Backwards()

    opened(with_router(make, weight=7))
    assert made == [BackwardsConfig(7)]


@pytest.mark.parametrize(
    ("make", "options", "why"),
    [
        (lambda _config: Backwards(), {}, "lacks weight"),
        (lambda _config: Backwards(), {"weight": "7"}, "weight"),
        (lambda _config: Backwards(), {"weight": 7, "key": "env:KEY"}, "holds no secrets"),
        (lambda _config: 1 / 0, {"weight": 7}, "backwards failed: ZeroDivisionError"),
        (lambda _config: None, {"weight": 7}, "made a NoneType, which is no Router"),
    ],
)
def test_a_router_that_cannot_be_made_is_a_configuration_error(
    make: Callable[[Any], Any], options: dict[str, object], why: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"configuration \[router\].*{re.escape(why)}"):
        opened(with_router(make, **options))


def test_the_built_in_router_knows_its_options_and_a_missing_one_is_named() -> None:
    with pytest.raises(PolicyInvalid, match="unknown key 'weight'"):
        opened(opening(config(router={"plugin": "policy", "weight": 1})))
    with pytest.raises(PluginMissing, match="'nowhere' is not installed"):
        opened(opening(config(router={"plugin": "nowhere"})))


@pytest.mark.parametrize("table", ["store", "connections"])
def test_a_plugin_of_another_kind_is_named(table: str) -> None:
    swapped: dict[str, object] = {
        "store": config(store={"plugin": "scripted"}),
        "connections": config(connections={"one": {**SCRIPTED, "plugin": "memory"}}),
    }
    with pytest.raises(PluginMissing, match=r"brings no (store|provider)"):
        opened(opening(swapped[table]))  # type: ignore[arg-type]


def test_a_listed_plugin_that_is_not_installed_stops_the_opening() -> None:
    plugin = Order()
    with pytest.raises(PluginMissing, match="'audit' is not installed") as told:
        opened(opening(config(plugins={"audit": "acme-audit"}), plugin))
    assert told.value.hint == "pip install acme-audit"
    assert plugin.steps == []


def test_another_file_can_be_used_instead(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('[store]\nplugin = "memory"\n[reads]\nmax_stale_seconds = 7\n')
    one = opening(config("one"), MemoryPlugin())
    other = one.configured(tmp_path / "other.toml")
    assert (other.settings().source, other.settings().reads.max_stale_seconds) == ("other.toml", 7.0)
    assert one.settings().source == "configuration"
    assert opened(other).connections == {}


def test_every_error_of_opening_is_one_of_ours() -> None:
    bad: list[dict[str, object]] = [
        {},
        {"store": 1},
        {"store": {}},
        {"stor": {}},
        {"store": {"plugin": "memory", "x": 1}},
    ]
    for settings in bad:
        with pytest.raises(PurchaseError):
            opened(opening(settings))
