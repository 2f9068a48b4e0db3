"""The registry refuses whole plugins, each with its reason."""

from __future__ import annotations

import asyncio
from itertools import repeat
from types import ModuleType
from typing import Any

import pytest

from purchase_core.errors import (
    PluginError,
    PluginFailed,
    PluginIncompatible,
    PluginMissing,
    PurchaseError,
)
from purchase_core.plugins.descriptors import (
    API_VERSION,
    NoConfig,
    RouterPlugin,
    StorePlugin,
)
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.plugins.registry import Registry
from purchase_core.routing.router import PolicyRouter
from purchase_core.testing.plugins import MemoryPlugin
from tests.plugins.bringing import Brings, Install, nothing_of, open_nothing, provider


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
    "another kind": (Brings(StorePlugin("acme", NoConfig, open_nothing)), "a StorePlugin as a provider"),  # type: ignore[arg-type]
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
