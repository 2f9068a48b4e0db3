"""Opening: from a catalog and a configuration to a running billing, and back to nothing when it ends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from purchase_core.canonical import content_hash
from purchase_core.catalog.catalog import Catalog
from purchase_core.config.load import find_config, load_settings
from purchase_core.config.policies import read_policy
from purchase_core.config.settings import ConnectionSettings, RouterSettings, Settings
from purchase_core.config.tables import ResolveSecret, read_table
from purchase_core.errors import (
    ConfigurationError,
    PluginFailed,
    PurchaseError,
    SchemaError,
    StoreMissing,
    UsageError,
)
from purchase_core.facts.fold import REDUCER_VERSION
from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock
from purchase_core.operations.telemetry import telemetry
from purchase_core.plugins.descriptors import ProviderOpening, ProviderPlugin, StoreOpening, Subscriber
from purchase_core.plugins.hookspecs import ProviderCall, hookimpl
from purchase_core.plugins.installed import how_to_install
from purchase_core.plugins.listeners import Listeners
from purchase_core.plugins.observed import observe
from purchase_core.plugins.registry import Registry, reraise_own
from purchase_core.ports.provider import Connection, Provider
from purchase_core.ports.router import Router
from purchase_core.ports.store import SchemaState, Store
from purchase_core.routing.problems import check_against
from purchase_core.routing.router import PolicyRouter
from purchase_core.secret import Secret, checked_secret, checked_webhook_secret, resolve_secret
from purchase_core.workflows.circuits import protect
from purchase_core.workflows.planning import Routable

if TYPE_CHECKING:
    from purchase_core.billing import Billing

A = TypeVar("A")
CODE_CHARACTERS = 12


class Opening(AbstractAsyncContextManager["Billing"]):
    """A billing that is not open yet. `async with` opens everything, and closes it in reverse order.

    `reading`, `looking` and `store` open less, for commands that write nothing.
    """

    def __init__(
        self,
        catalog: Catalog,
        config: str | Path | Mapping[str, object] | None,
        *,
        plugins: tuple[object, ...],
        subscribers: tuple[Subscriber, ...],
        environ: Mapping[str, str] | None,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._subscribers = subscribers
        self.catalog = catalog
        self._config = config
        self._plugins = plugins
        self._environ = environ
        self._clock = clock
        self._ids = ids
        self._stack: AsyncExitStack | None = None

    def configured(self, config: str | Path) -> Opening:
        """The same, from another file."""
        return Opening(
            self.catalog,
            config,
            plugins=self._plugins,
            subscribers=self._subscribers,
            environ=self._environ,
            clock=self._clock,
            ids=self._ids,
        )

    # --- what is configured ------------------------------------------------------------------

    def settings(self) -> Settings:
        """The settings, read anew. Raises ConfigurationError."""
        config = find_config(Path()) if self._config is None else self._config
        return load_settings(config)

    def registry(self, settings: Settings) -> Registry:
        """The plugins that the settings name, loaded, and those that were handed over. Raises PluginError."""
        registry = Registry(pins=settings.plugins)
        for plugin in self._plugins:
            registry.register(plugin)
        if self._subscribers:
            registry.register(InCode(self._subscribers), name=InCode.__name__)
        named = [*settings.plugins, settings.store.plugin]
        named += [one.plugin for one in settings.connections.values()]
        routers = (one.plugin for one in (settings.router, settings.shadow) if one)
        named += [name for name in routers if name != PolicyRouter.name]
        for name in dict.fromkeys(named):
            registry.require(name)
        return registry

    def problems(self, settings: Settings, registry: Registry) -> list[PurchaseError]:
        """What would be refused of connections and policies if they were opened, each by its own."""
        found: list[PurchaseError] = []
        steps: list[Callable[[], object]] = [partial(self._routers, settings, registry)]
        steps += [partial(self._own_keys, settings, registry, one) for one in settings.connections.values()]
        for step in steps:
            try:
                step()
            except PurchaseError as error:
                found.append(error)
        return found

    # --- opening -----------------------------------------------------------------------------

    async def __aenter__(self) -> Billing:
        if self._stack is not None:
            raise UsageError("this billing is open already", hint="Call Billing.open for each `async with`.")
        self._stack = AsyncExitStack()
        try:
            return await self._stack.enter_async_context(self._open(connected=True, writing=True))
        except BaseException:
            self._stack = None
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.__aexit__(kind, error, traceback)

    def reading(self) -> AbstractAsyncContextManager[Billing]:
        """Only the store, for reading: no connection is opened, and no secret is needed."""
        return self._open(connected=False, writing=False)

    def looking(self) -> AbstractAsyncContextManager[Billing]:
        """Connections too, and the store for reading: beside a process that has it for itself."""
        return self._open(connected=True, writing=False)

    @asynccontextmanager
    async def store(self, *, read_only: bool = False) -> AsyncIterator[Store]:
        """Only the store, whatever the version of its tables."""
        settings = self.settings()
        async with await self._open_store(settings, self.registry(settings), read_only=read_only) as store:
            yield store

    @asynccontextmanager
    async def _open(self, *, connected: bool, writing: bool) -> AsyncIterator[Billing]:
        # Imported late: Billing.open returns an Opening, so that module needs this one.
        from purchase_core.billing import Billing, Parts  # noqa: PLC0415

        settings = self.settings()
        registry = self.registry(settings)
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(
                await self._open_store(settings, registry, read_only=not writing)
            )
            await _ready(store, may_create=writing)
            listeners = Listeners(registry)
            stack.push_async_callback(listeners.aclose)
            routers = self._routers(settings, registry)
            told = telemetry()

            def tell(call: ProviderCall) -> None:
                told.on_provider_call(call)
                if listeners.wants_calls:
                    listeners.on_provider_call(call)

            connections: dict[str, Provider] = {}
            for one in settings.connections.values() if connected else ():
                provider = await self._open_connection(settings, registry, one)
                stack.push_async_callback(provider.aclose)
                protect(provider, self._clock)
                observe(provider, self._clock, tell)
                connections[one.name] = provider
            billing = Billing(
                Parts(
                    catalog=self.catalog,
                    store=store,
                    connections=connections,
                    router=routers[0],
                    listeners=listeners,
                    clock=self._clock,
                    ids=self._ids,
                    policy=settings.access,
                    inbox=settings.inbox,
                    max_stale_seconds=settings.reads.max_stale_seconds,
                    routable=_routable(settings, registry),
                    shadow=routers[1],
                    failover=settings.failover,
                    checkout=settings.checkout,
                    claim_secret=self._top_secret(settings, "claim_secret") if connected else None,
                    metrics_token=self._top_secret(settings, "metrics_token") if connected else None,
                    telemetry=told,
                    subscribers=registry.subscribers,
                    subscriber_settings=settings.subscribers,
                    tick=settings.tick,
                    reconcile=settings.reconcile,
                    retention=settings.retention,
                    code=code_version(settings, registry),
                )
            )
            if writing:
                await billing.subscribers.register()
            yield billing

    def secrets(self, settings: Settings) -> ResolveSecret:
        """Looks up what references lead to. Raises SecretMissing, naming the reference."""
        return self._secret(settings)

    def store_sql(self) -> str:
        """The migrations of the configured store as SQL, without connecting to anything.

        Raises ConfigurationError for a store that has no such text.
        """
        settings = self.settings()
        plugin = self.registry(settings).store(settings.store.plugin)
        where = f"{settings.source} [store]"
        if plugin.sql is None:
            raise ConfigurationError(f"{where}: {plugin.name} has no migrations in SQL")
        config = read_table(plugin.config, settings.store.options, where=where, secret=_no_secret_yet)
        return plugin.sql(config)

    async def _open_store(self, settings: Settings, registry: Registry, *, read_only: bool) -> Store:
        plugin = registry.store(settings.store.plugin)
        where = f"{settings.source} [store]"
        config = read_table(plugin.config, settings.store.options, where=where, secret=self._secret(settings))
        if read_only and hasattr(config, "read_only"):
            config = attrs.evolve(config, read_only=True)
        opening = StoreOpening(config, settings.folder, self._clock)
        store = await _opened(plugin.open, opening, where=where, plugin=plugin.name)
        if not isinstance(store, Store):
            raise PluginFailed(f"{where}: {plugin.name} opened a {type(store).__name__}, which is no Store")
        return store

    async def _open_connection(
        self, settings: Settings, registry: Registry, one: ConnectionSettings
    ) -> Provider:
        plugin: ProviderPlugin[Any] = registry.provider(one.plugin)
        where = f"{settings.source} [connections.{one.name}]"
        secret = self._secret(settings)
        opening = ProviderOpening(
            connection=Connection(one.name, plugin.name, one.mode, settings.project, settings.environment),
            config=self._own_keys(settings, registry, one),
            api_key=secret(f"{where} api_key", one.api_key),
            webhook_secrets=tuple(
                checked_webhook_secret(
                    f"{where} webhook_secrets[{place}]", secret(f"{where} webhook_secrets", item)
                )
                for place, item in enumerate(one.webhook_secrets)
            ),
            clock=self._clock,
            ids=self._ids,
        )
        provider = await _opened(plugin.open, opening, where=where, plugin=plugin.name)
        if not isinstance(provider, Provider):
            what = type(provider).__name__
            raise PluginFailed(f"{where}: {plugin.name} opened a {what}, which is no Provider")
        return provider

    def _own_keys(self, settings: Settings, registry: Registry, one: ConnectionSettings) -> object:
        """What its plugin makes of a connection's own keys. Raises ConfigurationError."""
        plugin: ProviderPlugin[Any] = registry.provider(one.plugin)
        where = f"{settings.source} [connections.{one.name}]"
        if plugin.test_only and one.mode != "test":
            raise ConfigurationError(
                f"{where}: {plugin.name} moves no money, so it cannot be live", hint='Write mode = "test".'
            )
        return read_table(plugin.config, one.options, where=where, secret=self._secret(settings))

    def _routers(self, settings: Settings, registry: Registry) -> tuple[Router, Router | None]:
        """The router, and the one that decides beside it without effect."""
        shadow = settings.shadow
        return (
            self._router(settings, registry, settings.router, "router"),
            self._router(settings, registry, shadow, "shadow") if shadow else None,
        )

    def _router(self, settings: Settings, registry: Registry, one: RouterSettings, key: str) -> Router:
        where = f"{settings.source} [{key}]"
        if one.plugin != PolicyRouter.name:
            return _plugged_router(one, registry, where)
        policy = read_policy(one.options, where=where)
        capabilities = {name: known.capabilities for name, known in _routable(settings, registry).items()}
        check_against(policy, self.catalog.offers, capabilities)
        return PolicyRouter(policy)

    def _top_secret(self, settings: Settings, key: str) -> Secret | None:
        reference: str = getattr(settings, key)
        if not reference:
            return None
        name = f"{settings.source} {key}"
        return checked_secret(name, self._secret(settings)(name, reference))

    def _secret(self, settings: Settings) -> ResolveSecret:
        environ = os.environ if self._environ is None else self._environ

        def resolve(where: str, reference: str) -> Secret:
            return resolve_secret(where, reference, environ=environ, folder=settings.folder)

        return resolve


@attrs.frozen
class InCode:
    """Subscribers that the application hands over, as a plugin of its own."""

    subscribers: tuple[Subscriber, ...]

    @hookimpl
    def purchase_register_subscribers(self) -> Sequence[Subscriber]:
        """All of them."""
        return self.subscribers


def _no_secret_yet(_where: str, _reference: str) -> Secret:
    """What stands for a secret where nobody is going to be called."""
    return Secret("not resolved: nothing is opened")


async def _opened(
    factory: Callable[[A], Awaitable[object]], opening: A, *, where: str, plugin: str
) -> object:
    """What a plugin's factory makes; whatever else it raises is a PluginFailed, but our own cancellation."""
    failed = f"{where}: {plugin} failed to open"
    try:
        return await factory(opening)
    except ModuleNotFoundError as error:
        raise PluginFailed(f"{failed}: there is no {error.name}", hint=how_to_install(plugin)) from error
    except BaseException as error:
        task = asyncio.current_task() if isinstance(error, asyncio.CancelledError) else None
        if task is not None and task.cancelling():
            raise
        reraise_own(error)
        raise PluginFailed(f"{failed}: {type(error).__name__}") from error


def code_version(settings: Settings, registry: Registry) -> str:
    """Identifies the code that runs: the core, every plugin that is loaded, and the application's release."""
    core = f"purchase-core {version('purchase-core')}"
    return content_hash([core, REDUCER_VERSION, registry.origins(), settings.release])[:CODE_CHARACTERS]


def require_known(state: SchemaState) -> None:
    """Make sure that the tables are not of newer code. Raises SchemaError."""
    if state.found > state.wanted:
        raise SchemaError(
            f"the tables are at version {state.found}, newer than this code's {state.wanted}",
            hint="Upgrade Purchase here as well.",
        )


async def _ready(store: Store, *, may_create: bool) -> None:
    """Make sure that the tables are those of this code. Raises StoreMissing and SchemaError."""
    state = await store.schema()
    if state.found == 0 and may_create:
        state = await store.migrate()
    require_known(state)
    if state.current:
        return
    if state.absent:
        raise StoreMissing(state.pending, hint="Run `purchase migrate`, or correct where [store] says it is.")
    raise SchemaError(state.pending, hint="Run `purchase migrate`.")


def _routable(settings: Settings, registry: Registry) -> dict[str, Routable]:
    """What routing may look at of every configured connection, whether it is open or not."""
    return {
        one.name: Routable(one.plugin, one.mode, registry.provider(one.plugin).capabilities)
        for one in settings.connections.values()
    }


def _plugged_router(settings: RouterSettings, registry: Registry, where: str) -> Router:
    plugin = registry.router(settings.plugin)

    def no_secret(_where: str, _reference: str) -> Secret:
        raise ConfigurationError(f"{where} holds no secrets")

    config = read_table(plugin.config, settings.options, where=where, secret=no_secret)
    try:
        made = plugin.make(config)
    except BaseException as error:
        reraise_own(error)
        raise PluginFailed(f"{where}: {plugin.name} failed: {type(error).__name__}") from error
    if not isinstance(made, Router):
        raise PluginFailed(f"{where}: {plugin.name} made a {type(made).__name__}, which is no Router")
    return made
