"""The registry: whole plugins or nothing of them, each under its own name, each refusal with its reason."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from types import ModuleType
from typing import Any

import pytest

from purchase_core.errors import (
    PluginCollision,
    PluginMissing,
)
from purchase_core.plugins.descriptors import (
    NoConfig,
    RouterPlugin,
    StorePlugin,
    Subscriber,
)
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.plugins.registry import Registry
from purchase_core.records.effect import Effect
from purchase_core.routing.router import PolicyRouter
from purchase_core.testing.plugins import MemoryPlugin
from tests.plugins.bringing import Brings, Install, nothing_of, open_nothing, provider


async def _tell(_effect: Effect) -> None:
    raise AssertionError("nobody is told here")


MODULE = """
from purchase_core.plugins.descriptors import NoConfig, ProviderPlugin
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.ports.provider import Capabilities

@hookimpl
def purchase_register_providers():
    return [ProviderPlugin(name, Capabilities(frozenset(), 0), NoConfig, None) for name in {names}]
"""


# --- what is registered can be asked for -----------------------------------------------------------


def test_each_kind_is_found_under_its_name_and_kind() -> None:
    class Four(Brings):
        @hookimpl
        def purchase_register_stores(self) -> list[StorePlugin[Any]]:
            return [StorePlugin("acme", NoConfig, open_nothing)]  # type: ignore[arg-type]

        @hookimpl
        def purchase_register_routers(self) -> list[RouterPlugin[Any]]:
            return [RouterPlugin("cheapest", NoConfig, lambda _config: PolicyRouter())]

        @hookimpl
        def purchase_register_subscribers(self) -> list[Subscriber]:
            return [Subscriber("acme", _tell), Subscriber("stripe", _tell)]

    registry = Registry()
    registry.register(Four(provider("acme")))
    assert registry.provider("acme").name == registry.store("acme").name == "acme"
    assert registry.router("cheapest").name == "cheapest"
    assert list(registry.subscribers) == ["acme", "stripe"], "their names belong to nobody"
    assert registry.loaded == ("Four",)
    with pytest.raises(PluginMissing, match="'cheapest' brings no provider"):
        registry.provider("cheapest")
    with pytest.raises(PluginMissing, match="'acme' brings no router"):
        registry.router("acme")


def test_an_installed_plugin_is_imported_when_it_is_asked_for_once(install: Install) -> None:
    install("acme-billing", {"acme": "acme_plugin", "beta": "beta_plugin"}, {
        "acme_plugin": MODULE.format(names=["acme"]), "beta_plugin": "raise AssertionError",
    })  # fmt: skip
    registry = Registry()
    registry.load("acme")
    registry.load("acme")
    assert registry.provider("acme").name == "acme"
    assert registry.loaded == ("acme",)
    assert "beta_plugin" not in sys.modules


def test_two_registries_share_nothing() -> None:
    one, other = Registry(), Registry()
    one.register(Brings(provider("acme")))
    assert nothing_of(other)
    with pytest.raises(PluginMissing):
        other.provider("acme")


# --- collisions ------------------------------------------------------------------------------------


def test_f104_one_name_from_two_distributions_names_both_and_registers_neither_twice(
    install: Install,
) -> None:
    for word in ("one", "two"):
        install(f"dist-{word}", {word: f"plugin_{word}"}, {f"plugin_{word}": MODULE.format(names=["acme"])})
    registry = Registry()
    registry.load("one")
    with pytest.raises(
        PluginCollision, match=r"provider 'acme' is offered by dist-one 1.0 and by dist-two 1.0"
    ):
        registry.load("two")
    assert registry.loaded == ("one",)


@pytest.mark.parametrize("name", ["stripe", "sqlite", "sandbox", "d1"])
def test_f104_a_plugin_cannot_bring_a_reserved_name(install: Install, name: str) -> None:
    install("evil-tools", {"nice": "evil_module"}, {"evil_module": MODULE.format(names=["nice", name])})
    registry = Registry()
    with pytest.raises(
        PluginCollision, match=f"'{name}' belongs to purchase-{name}, but evil-tools 1.0 offers it"
    ):
        registry.load("nice")
    assert nothing_of(registry)
    with pytest.raises(PluginMissing):
        registry.provider("nice")


def test_f104_what_a_plugin_brings_along_does_not_keep_the_plugin_of_that_name_out(install: Install) -> None:
    install("evil-tools", {"nice": "evil_module"}, {"evil_module": MODULE.format(names=["nice", "acme"])})
    install("acme-billing", {"acme": "acme_plugin"}, {"acme_plugin": MODULE.format(names=["acme"])})
    registry = Registry()
    registry.require("nice")
    with pytest.raises(PluginCollision, match=r"'acme' is offered by evil-tools 1.0 and by acme-billing 1.0"):
        registry.require("acme")


def test_what_a_plugin_brings_along_is_there_where_nobody_else_offers_it(install: Install) -> None:
    install(
        "acme-billing", {"acme": "acme_plugin"}, {"acme_plugin": MODULE.format(names=["acme", "acme-eu"])}
    )
    registry = Registry()
    registry.require("acme")
    registry.require("acme-eu")
    assert registry.provider("acme-eu").name == "acme-eu"
    with pytest.raises(PluginMissing):
        registry.require("acme-us")


def test_what_the_application_hands_over_comes_before_what_is_installed(install: Install) -> None:
    install("acme-billing", {"acme": "acme_plugin"}, {"acme_plugin": "raise AssertionError"})
    registry = Registry()
    registry.register(Brings(provider("acme"), provider("stripe")))
    registry.require("acme")
    registry.require("stripe")
    assert "acme_plugin" not in sys.modules


def test_a_plugin_is_registered_once() -> None:
    registry, plugin = Registry(), MemoryPlugin()
    registry.register(plugin)
    for again, name in ((plugin, ""), (plugin, "other"), (MemoryPlugin(), "")):
        with pytest.raises(PluginCollision, match="registered twice"):
            registry.register(again, name=name)
    assert registry.loaded == ("MemoryPlugin",)


def test_two_of_one_name_in_one_plugin_are_a_collision_too() -> None:
    with pytest.raises(PluginCollision, match="'acme' is offered by Brings and by Brings"):
        Registry().register(Brings(provider("acme"), provider("acme")))


# --- implementations take what they name -----------------------------------------------------------


@pytest.mark.parametrize("words", ["request, decision", "decision, request", "decision", "request", ""])
def test_an_implementation_gets_the_arguments_it_names_in_its_own_order(words: str) -> None:
    namespace: dict[str, Any] = {"hookimpl": hookimpl}
    given = ", ".join(f"{name!r}: {name}" for name in words.split(", ") if name)
    exec(f"@hookimpl\nasync def purchase_before_checkout({words}): return {{{given}}}", namespace)  # noqa: S102
    plugin = ModuleType("plugin")
    vars(plugin).update(namespace)
    registry = Registry()
    registry.register(plugin)
    (listener,) = registry.listeners("purchase_before_checkout")
    said: Awaitable[dict[str, str]] = listener.call(request="the request", decision="the decision")

    async def answer() -> dict[str, str]:
        return await said

    assert asyncio.run(answer()) == {name: f"the {name}" for name in words.split(", ") if name}


def test_listeners_are_called_in_the_order_of_registration() -> None:
    registry = Registry()
    for word in ("first", "second", "third"):
        registry.register(Brings(), name=word)
    assert [one.plugin for one in registry.listeners("purchase_on_provider_call")] == [
        "first",
        "second",
        "third",
    ]
