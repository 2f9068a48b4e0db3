"""The registry: the plugins of one application, loaded by name, and what they registered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

import attrs
import pluggy

from purchase_core.errors import (
    PluginCollision,
    PluginFailed,
    PluginIncompatible,
    PluginMissing,
    PurchaseError,
)
from purchase_core.plugins import hookspecs
from purchase_core.plugins.descriptors import API_VERSION, ProviderPlugin, RouterPlugin, StorePlugin
from purchase_core.plugins.installed import Installed, find_plugin, installed


class Descriptor(Protocol):
    """What all descriptors have."""

    @property
    def name(self) -> str: ...
    @property
    def api_version(self) -> int: ...


D = TypeVar("D", bound=Descriptor)


@attrs.frozen
class Listener:
    """One implementation of one hook, and whose it is."""

    plugin: str
    call: Any


class Registry:
    """An instance, never a global: two applications in one process have two.

    Only plugins that are asked for by name are imported; the rest is at most listed.
    """

    def __init__(
        self, *, pins: Mapping[str, str] | None = None, listed: Sequence[Installed] | None = None
    ) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._pins = dict(pins or {})
        self._listed = listed
        self._providers: dict[str, ProviderPlugin[Any]] = {}
        self._stores: dict[str, StorePlugin[Any]] = {}
        self._routers: dict[str, RouterPlugin[Any]] = {}
        self._owners: dict[tuple[str, str], str] = {}

    # --- loading -----------------------------------------------------------------------------

    def load(self, name: str) -> None:
        """Import and register the installed plugin of this name, once.

        Raises PluginMissing, PluginCollision, PluginIncompatible or PluginFailed.
        """
        if self._manager.has_plugin(name):
            return
        if self._listed is None:
            self._listed = installed()
        found = find_plugin(name, self._listed, self._pins)
        try:
            module = found.entry_point.load()
        except BaseException as error:
            _reraise_own(error)
            raise PluginFailed(
                f"plugin {name!r} ({found.distribution} {found.version}) cannot be imported: "
                f"{type(error).__name__}: {error}",
                hint=f"pip install --upgrade {found.distribution}",
            ) from error
        self.register(module, name=name, owner=f"{found.distribution} {found.version}")

    def register(self, plugin: object, *, name: str = "", owner: str = "") -> None:
        """Register a plugin that the application hands over itself: a module, or an object with hooks.

        Raises PluginCollision, PluginIncompatible or PluginFailed; then nothing of it is registered.
        """
        name = name or str(getattr(plugin, "__name__", type(plugin).__name__))
        if self._manager.has_plugin(name) or self._manager.is_registered(plugin):
            raise PluginCollision(f"plugin {name!r} is registered twice")
        try:
            self._manager.register(plugin, name=name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            self._manager.unregister(name=name)
            raise PluginIncompatible(f"plugin {name!r} does not fit the hooks: {error}") from error
        try:
            self._take_in(plugin, name, owner or name)
        except BaseException:
            self._manager.unregister(name=name)
            raise

    def _take_in(self, plugin: object, name: str, owner: str) -> None:
        providers, stores, routers = dict(self._providers), dict(self._stores), dict(self._routers)
        self._add("provider", providers, self._registered(plugin, "providers"), owner)
        self._add("store", stores, self._registered(plugin, "stores"), owner)
        self._add("router", routers, self._registered(plugin, "routers"), owner)
        self._providers, self._stores, self._routers = providers, stores, routers

    def _registered(self, plugin: object, kind: str) -> Iterable[Any]:
        for implementation in self._implementations(f"purchase_register_{kind}"):
            if implementation.plugin is not plugin:
                continue
            try:
                yield from cast("Iterable[Any]", implementation.function())
            except BaseException as error:
                _reraise_own(error)
                raise PluginFailed(
                    f"plugin {implementation.plugin_name!r} failed to register its {kind}: "
                    f"{type(error).__name__}: {error}"
                ) from error

    def _add(self, kind: str, into: dict[str, D], fresh: Iterable[D], owner: str) -> None:
        for one in fresh:
            if one.api_version != API_VERSION:
                raise PluginIncompatible(
                    f"{kind} {one.name!r} of {owner} was written for plugin API {one.api_version}; "
                    f"this is {API_VERSION}",
                    hint="Upgrade whichever of the two is older.",
                )
            if one.name in into:
                other = self._owners[kind, one.name]
                raise PluginCollision(f"{kind} {one.name!r} is offered by {other} and by {owner}")
            into[one.name] = one
            self._owners[kind, one.name] = owner

    # --- what is there -----------------------------------------------------------------------

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the plugins that were loaded, in order."""
        return tuple(name for name, _ in self._manager.list_name_plugin())

    def brings(self, name: str) -> bool:
        """Whether something of this name was handed over or loaded already."""
        return name in self._providers or name in self._stores or name in self._routers or name in self.loaded

    def provider(self, name: str) -> ProviderPlugin[Any]:
        """The provider of this name; its plugin must be loaded. Raises PluginMissing."""
        return _named("provider", name, self._providers)

    def store(self, name: str) -> StorePlugin[Any]:
        """The store of this name; its plugin must be loaded. Raises PluginMissing."""
        return _named("store", name, self._stores)

    def router(self, name: str) -> RouterPlugin[Any]:
        """The router of this name; its plugin must be loaded. Raises PluginMissing."""
        return _named("router", name, self._routers)

    def listeners(self, hook: str) -> tuple[Listener, ...]:
        """Every implementation of a listening hook, first registered first."""
        return tuple(Listener(one.plugin_name, one.function) for one in self._implementations(hook))

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        return list(getattr(self._manager.hook, hook).get_hookimpls())


def _named(kind: str, name: str, known: Mapping[str, D]) -> D:
    if name not in known:
        raise PluginMissing(
            f"plugin {name!r} brings no {kind}", hint=f"It is configured as a {kind}; choose another plugin."
        )
    return known[name]


def _reraise_own(error: BaseException) -> None:
    """What is ours, or a person's wish to stop, is not the plugin's failure."""
    if isinstance(error, PurchaseError | KeyboardInterrupt):
        raise error
