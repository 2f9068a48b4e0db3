"""The registry: whole plugins or nothing of them, each under its own name, each refusal with its reason."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import repeat
from types import ModuleType
from typing import Any

import attrs
import pytest

from purchase_core.errors import (
    PluginCollision,
    PluginError,
    PluginFailed,
    PluginIncompatible,
    PluginMissing,
    PurchaseError,
)
from purchase_core.plugins.descriptors import (
    API_VERSION,
    NoConfig,
    ProviderOpening,
    ProviderPlugin,
    RouterPlugin,
    StorePlugin,
    Subscriber,
)
from purchase_core.plugins.hookspecs import LISTENING, hookimpl
from purchase_core.plugins.registry import Registry
from purchase_core.ports.provider import Capabilities, Provider
from purchase_core.records.effect import Effect
from purchase_core.routing.router import PolicyRouter
from purchase_core.testing.plugins import MemoryPlugin

Install = Callable[[str, Mapping[str, str], Mapping[str, str]], None]

NOTHING = Capabilities(frozenset(), key_lifetime_seconds=0)


async def _open(opening: ProviderOpening[NoConfig]) -> Provider:
    raise AssertionError("nothing is opened here")


async def _tell(_effect: Effect) -> None:
    raise AssertionError("nobody is told here")


def provider(name: str, **changes: Any) -> ProviderPlugin[Any]:
    return attrs.evolve(ProviderPlugin(name, NOTHING, NoConfig, _open), **changes)


class Brings:
    """A plugin that brings these providers, and listens."""

    def __init__(self, *providers: Any) -> None:
        self.providers = providers

    @hookimpl
    def purchase_register_providers(self) -> Sequence[ProviderPlugin[Any]]:
        return self.providers

    @hookimpl
    def purchase_on_provider_call(self, call: object) -> None:
        pass


def nothing_of(registry: Registry) -> bool:
    return not registry.loaded and not any(registry.listeners(hook) for hook in LISTENING)


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
            return [StorePlugin("acme", NoConfig, _open)]  # type: ignore[arg-type]

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


# --- what is refused, whole ------------------------------------------------------------------------


class Hostile(Exception):
    def __str__(self) -> str:
        raise RuntimeError("even this")


class Worse(Exception):
    def __str__(self) -> str:
        raise SystemExit("even so")


RAISED: list[BaseException] = [
    Exception("boom"), ValueError("boom"), BaseException("boom"), SystemExit("boom"), SystemExit(0),
    GeneratorExit(), StopIteration("boom"), StopAsyncIteration(), asyncio.CancelledError(), MemoryError(),
    RecursionError(), ImportError("boom"), ExceptionGroup("boom", [ValueError()]),
    BaseExceptionGroup("boom", [SystemExit()]), UnicodeDecodeError("utf-8", b"a", 0, 1, "boom"),
    Hostile(), Worse(),
]  # fmt: skip


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_f102_whatever_a_registering_hook_raises_nothing_of_it_stays(error: BaseException) -> None:
    class Bad(Brings):
        @hookimpl
        def purchase_register_routers(self) -> list[RouterPlugin[Any]]:
            raise error

    registry = Registry()
    with pytest.raises(PluginFailed, match=f"'Bad'.*failed to register: {type(error).__name__}") as told:
        registry.register(Bad(provider("acme")))
    assert told.value.__cause__ is error
    assert nothing_of(registry)
    with pytest.raises(PluginMissing):
        registry.provider("acme")
    registry.register(Brings(provider("acme")))  # its place is free
    assert registry.provider("acme").name == "acme"


@pytest.mark.parametrize(
    "source",
    [
        "raise SystemExit(3)",
        "raise BaseException",
        "import not_there_at_all",
        "1 / 0",
        "def",
        "raise GeneratorExit",
    ],
)
def test_f102_whatever_an_import_raises_is_named_with_its_distribution(install: Install, source: str) -> None:
    install("acme-billing", {"acme": "acme_plugin"}, {"acme_plugin": source})
    registry = Registry()
    with pytest.raises(PluginFailed, match=r"plugin 'acme' \(acme-billing 1.0\) cannot be imported") as told:
        registry.load("acme")
    assert told.value.hint == "pip install --upgrade acme-billing"
    assert nothing_of(registry)


def test_a_person_who_interrupts_is_heard() -> None:
    class Slow(Brings):
        @hookimpl
        def purchase_register_routers(self) -> list[RouterPlugin[Any]]:
            raise KeyboardInterrupt

    registry = Registry()
    with pytest.raises(KeyboardInterrupt):
        registry.register(Slow())
    assert nothing_of(registry)


def test_an_error_of_ours_is_passed_on_as_it_is() -> None:
    error = PurchaseError("said by the plugin on purpose")

    class Own(Brings):
        @hookimpl
        def purchase_register_routers(self) -> list[RouterPlugin[Any]]:
            raise error

    registry = Registry()
    with pytest.raises(PurchaseError) as told:
        registry.register(Own())
    assert told.value is error
    assert nothing_of(registry)


class _Unknown:
    @hookimpl
    def purchase_on_evnt(self, event: object) -> None: ...


class _OneArgumentTooMany:
    @hookimpl
    async def purchase_on_event(self, event: object, billing: object) -> None: ...


class _NotAwaited:
    @hookimpl
    def purchase_on_event(self, event: object) -> None: ...


class _NotAwaitedVeto:
    @hookimpl
    def purchase_before_checkout(self, request: object) -> None: ...


class _AwaitedForNothing:
    @hookimpl
    async def purchase_on_provider_call(self, call: object) -> None: ...


class _Wrapper:
    @hookimpl(wrapper=True)
    def purchase_register_stores(self) -> Any:
        return (yield)


class _NoHooks:
    pass


REFUSED = {
    "unknown hook": (_Unknown(), "purchase_on_evnt"),
    "argument": (_OneArgumentTooMany(), "billing"),
    "plain def": (_NotAwaited(), "purchase_on_event of plugin .* must be `async def`"),
    "plain veto": (_NotAwaitedVeto(), "must be `async def`"),
    "async def": (_AwaitedForNothing(), "purchase_on_provider_call .* must be a plain `def`"),
    "wrapper": (_Wrapper(), "wrapper"),
    "no hooks": (_NoHooks(), "has no hooks"),
    "text": ("stripe", "has no hooks"),
    "module": (ModuleType("empty"), "has no hooks"),
    "class": (Brings, "an instance, not its class"),
    "None": (None, "is no plugin"),
    "api version": (
        Brings(provider("acme", api_version=API_VERSION + 1)),
        f"plugin API {API_VERSION + 1}; this is",
    ),
    "old api version": (Brings(provider("acme", api_version=0)), "plugin API 0; this is"),
    "look-alike": (Brings(provider("ѕtripe")), "cannot be a plugin's name"),  # noqa: RUF001  # Cyrillic
    "upper case": (Brings(provider("Acme")), "cannot be a plugin's name"),
    "no name": (Brings(provider("")), "cannot be a plugin's name"),
    "name of a number": (Brings(provider(7)), "cannot be a plugin's name"),  # type: ignore[arg-type]
    "no descriptor": (Brings("acme"), "registers a str as a provider"),
    "another kind": (Brings(StorePlugin("acme", NoConfig, _open)), "a StorePlugin as a provider"),  # type: ignore[arg-type]
    "config": (Brings(provider("acme", config=dict)), "is no attrs class"),
    "endless": (Brings(*repeat(provider("acme"), 101)), "more than 100 providers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_and_leaves_nothing(case: str) -> None:
    plugin, why = REFUSED[case]
    registry = Registry()
    with pytest.raises(PluginIncompatible, match=why):
        registry.register(plugin)
    assert nothing_of(registry)
    registry.register(MemoryPlugin())  # and nothing is left that would trip the next
    assert registry.store("memory").name == "memory"


@pytest.mark.parametrize("returned", [None, 7, object()])
def test_f102_a_hook_that_returns_no_list_is_a_failure(returned: object) -> None:
    class Bad(Brings):
        @hookimpl
        def purchase_register_routers(self) -> Any:
            return returned

    registry = Registry()
    with pytest.raises(PluginFailed, match="TypeError"):
        registry.register(Bad(provider("acme")))
    assert nothing_of(registry)


def test_f102_a_list_that_never_ends_is_read_up_to_its_limit() -> None:
    class Endless(Brings):
        @hookimpl
        def purchase_register_routers(self) -> Any:
            return repeat(RouterPlugin("acme", NoConfig, lambda _config: PolicyRouter()))

    with pytest.raises(PluginError, match="more than 100 routers"):
        Registry().register(Endless())


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
