"""The registry: the plugins of one application, loaded by name, and what they registered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar, cast

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
from purchase_core.plugins.descriptors import (
    API_VERSION,
    ProviderPlugin,
    RouterPlugin,
    StorePlugin,
    Subscriber,
)
from purchase_core.plugins.installed import (
    Installed,
    find_plugin,
    home_of,
    installed,
    is_plugin_name,
    same_distribution,
)

DESCRIPTORS_MAX = 100
MESSAGE_CHARACTERS_MAX = 500
SUBSCRIBER_SECONDS_MAX = 3_600

AnyPlugin = ProviderPlugin[Any] | StorePlugin[Any] | RouterPlugin[Any] | Subscriber
D = TypeVar("D", ProviderPlugin[Any], StorePlugin[Any], RouterPlugin[Any], Subscriber)


@attrs.frozen
class Listener:
    """One implementation of one hook, and whose it is. `names`: the arguments that it takes, in its order."""

    plugin: str
    names: tuple[str, ...]
    function: Callable[..., Any]

    def call(self, **arguments: object) -> Any:
        """Call it with those of the hook's arguments that it takes: by name, whatever their order."""
        return self.function(*(arguments[name] for name in self.names))


@attrs.frozen
class Owner:
    """Where a plugin came from: a distribution, or ("") the hands of the application itself."""

    plugin: str
    distribution: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}" if self.distribution else self.plugin


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
        self._subscribers: dict[str, Subscriber] = {}
        self._owners: dict[tuple[str, str], Owner] = {}
        self._handed: set[str] = set()

    def origins(self) -> list[str]:
        """Where everything that is registered came from, with its version, sorted."""
        return sorted({str(owner) for owner in self._owners.values()})

    # --- loading -----------------------------------------------------------------------------

    def require(self, name: str) -> None:
        """Make sure of what the configuration calls `name`: handed over, brought along, or loaded now.

        What another plugin brings along counts only if no installed plugin has that very name: then both are
        loaded, so that they collide. Raises PluginMissing, PluginCollision, PluginIncompatible or
        PluginFailed.
        """
        if name in self._handed:
            return
        try:
            self.load(name)
        except PluginMissing:
            if not any(brought == name for _, brought in self._owners):
                raise

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
            reraise_own(error)
            raise PluginFailed(
                f"plugin {name!r} ({found.distribution} {found.version}) cannot be imported: {told(error)}",
                hint=f"pip install --upgrade {found.distribution}",
            ) from error
        self._register(module, Owner(name, found.distribution, found.version))

    def register(self, plugin: object, *, name: str = "") -> None:
        """Register a plugin that the application hands over itself: a module, or an object with hooks.

        Raises PluginCollision, PluginIncompatible or PluginFailed; then nothing of it is registered.
        """
        if plugin is None or isinstance(plugin, type):
            raise PluginIncompatible(
                f"{plugin!r} is no plugin",
                hint="Hand over a module, or an object: an instance, not its class.",
            )
        owner = Owner(name or str(getattr(plugin, "__name__", type(plugin).__name__)))
        before = set(self._owners)
        self._register(plugin, owner)
        self._handed |= {owner.plugin, *(name for _, name in self._owners.keys() - before)}

    def _register(self, plugin: object, owner: Owner) -> None:
        name = owner.plugin
        if self._manager.has_plugin(name) or self._manager.is_registered(plugin):
            raise PluginCollision(f"plugin {name!r} is registered twice")
        try:
            self._manager.register(plugin, name=name)
            self._manager.check_pending()
            self._check_implementations(plugin)
            self._take_in(plugin, owner)
        except BaseException as error:
            self._manager.unregister(name=name)
            reraise_own(error)
            if isinstance(error, pluggy.PluginValidationError):
                raise PluginIncompatible(f"plugin {name!r} does not fit the hooks: {error}") from error
            raise PluginFailed(f"plugin {name!r} ({owner}) failed to register: {told(error)}") from error

    def _check_implementations(self, plugin: object) -> None:
        hooks = (*hookspecs.REGISTERING, *hookspecs.LISTENING)
        found = {hook: self._of(plugin, hook) for hook in hooks}
        if not any(found.values()):
            raise PluginIncompatible(
                f"{type(plugin).__name__} has no hooks, so it is no plugin",
                hint="Hand over a module, or an object, with functions marked @hookimpl.",
            )
        for hook, implementations in found.items():
            awaited = inspect.iscoroutinefunction(getattr(hookspecs, hook))
            for one in implementations:
                if one.wrapper or one.hookwrapper:
                    raise PluginIncompatible(
                        f"{hook} of plugin {one.plugin_name!r} is a wrapper; none are called"
                    )
                if inspect.iscoroutinefunction(one.function) != awaited:
                    wanted = "must be `async def`" if awaited else "must be a plain `def`"
                    raise PluginIncompatible(f"{hook} of plugin {one.plugin_name!r} {wanted}")

    def _take_in(self, plugin: object, owner: Owner) -> None:
        providers, stores, routers = dict(self._providers), dict(self._stores), dict(self._routers)
        subscribers, owners = dict(self._subscribers), dict(self._owners)
        self._add("provider", ProviderPlugin, providers, plugin, owner, owners)
        self._add("store", StorePlugin, stores, plugin, owner, owners)
        self._add("router", RouterPlugin, routers, plugin, owner, owners)
        self._add("subscriber", Subscriber, subscribers, plugin, owner, owners)
        self._providers, self._stores, self._routers = providers, stores, routers
        self._subscribers, self._owners = subscribers, owners

    def _add(
        self,
        kind: str,
        wanted: type[D],
        into: dict[str, D],
        plugin: object,
        owner: Owner,
        owners: dict[tuple[str, str], Owner],
    ) -> None:
        for implementation in self._of(plugin, f"purchase_register_{kind}s"):
            fresh = list(islice(cast("Iterable[object]", implementation.function()), DESCRIPTORS_MAX + 1))
            if len(fresh) > DESCRIPTORS_MAX:
                raise PluginIncompatible(f"{owner} registers more than {DESCRIPTORS_MAX} {kind}s")
            for one in fresh:
                if not isinstance(one, wanted):
                    raise PluginIncompatible(
                        f"{owner} registers a {type(one).__name__} as a {kind}, not a {wanted.__name__}"
                    )
                _check(kind, one, owner)
                if one.name in into:
                    raise PluginCollision(
                        f"{kind} {one.name!r} is offered by {owners[kind, one.name]} and by {owner}"
                    )
                into[one.name] = one
                owners[kind, one.name] = owner

    # --- what is there -----------------------------------------------------------------------

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the plugins that were loaded, in order."""
        return tuple(name for name, _ in self._manager.list_name_plugin())

    def provider(self, name: str) -> ProviderPlugin[Any]:
        """The provider of this name; its plugin must be loaded. Raises PluginMissing."""
        return _named("provider", name, self._providers)

    def store(self, name: str) -> StorePlugin[Any]:
        """The store of this name; its plugin must be loaded. Raises PluginMissing."""
        return _named("store", name, self._stores)

    def router(self, name: str) -> RouterPlugin[Any]:
        """The router of this name; its plugin must be loaded. Raises PluginMissing."""
        return _named("router", name, self._routers)

    @property
    def subscribers(self) -> Mapping[str, Subscriber]:
        """Every subscriber of the loaded plugins, by name."""
        return self._subscribers

    def listeners(self, hook: str) -> tuple[Listener, ...]:
        """Every implementation of a listening hook, first registered first."""
        found = getattr(self._manager.hook, hook).get_hookimpls()
        return tuple(Listener(one.plugin_name, tuple(one.argnames), one.function) for one in found)

    def _of(self, plugin: object, hook: str) -> list[pluggy.HookImpl]:
        found: list[pluggy.HookImpl] = getattr(self._manager.hook, hook).get_hookimpls()
        return [one for one in found if one.plugin is plugin]


def _check(kind: str, one: AnyPlugin, owner: Owner) -> None:
    if one.api_version != API_VERSION:
        raise PluginIncompatible(
            f"{kind} {one.name!r} of {owner} was written for plugin API {one.api_version}; "
            f"this is {API_VERSION}",
            hint="Upgrade whichever of the two is older.",
        )
    if not (isinstance(one.name, str) and is_plugin_name(one.name)):
        raise PluginIncompatible(
            f"{owner} registers a {kind} under {one.name!r}, which cannot be a plugin's name",
            hint="Names are lower-case ASCII: a-z, 0-9, _ and -.",
        )
    if isinstance(one, Subscriber):
        _check_subscriber(one, owner)
        return
    home = home_of(one.name)
    if home and owner.distribution and not same_distribution(home, owner.distribution):
        raise PluginCollision(f"{kind} {one.name!r} belongs to {home}, but {owner} offers it")
    if not (isinstance(one.config, type) and attrs.has(one.config)):
        raise PluginIncompatible(f"the configuration of {kind} {one.name!r} of {owner} is no attrs class")


def _check_subscriber(one: Subscriber, owner: Owner) -> None:
    where = f"subscriber {one.name!r} of {owner}"
    if not callable(one.tell):
        raise PluginIncompatible(f"{where} cannot be told anything")
    if isinstance(one.events, str) or not all(isinstance(name, str) and name for name in one.events):
        raise PluginIncompatible(f"{where}: events are a tuple of names")
    if not 0 < one.seconds_max <= SUBSCRIBER_SECONDS_MAX or one.lanes_at_once < 1:
        raise PluginIncompatible(
            f"{where}: seconds_max is at most {SUBSCRIBER_SECONDS_MAX}, lanes_at_once at least 1"
        )


def _named(kind: str, name: str, known: Mapping[str, D]) -> D:
    if name not in known:
        raise PluginMissing(
            f"plugin {name!r} brings no {kind}", hint=f"It is configured as a {kind}; choose another plugin."
        )
    return known[name]


def reraise_own(error: BaseException) -> None:
    """What is ours, or a person's wish to stop, is not the plugin's failure."""
    if isinstance(error, PurchaseError | KeyboardInterrupt):
        raise error


def told(error: BaseException) -> str:
    """An error of a plugin's code in a line: its type, and what it says if it can."""
    try:
        said = " ".join(str(error).split())[:MESSAGE_CHARACTERS_MAX]
    except KeyboardInterrupt:
        raise
    except BaseException:  # a plugin's error may fail to describe itself
        said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
