"""The demo's parts, running: real HTTP between shop and providers, a real file, really signed webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from secrets import token_hex

import attrs
from starlette.types import ASGIApp, Receive, Scope, Send

from purchase_core.billing import Billing
from purchase_core.catalog.catalog import Catalog
from purchase_core.console import Operator, Role
from purchase_core.errors import PluginMissing
from purchase_core.identifiers import RandomIds
from purchase_core.instants import SystemClock
from purchase_core.operations.worker import Stop
from purchase_core.ports.provider.pages import AsgiApp
from purchase_core.secret import Secret
from purchase_sandbox.local_providers import local_provider
from purchase_sandbox.shop.app import CONSOLE, Shop
from purchase_sandbox.shop.laboratory import Laboratory
from purchase_sandbox.shop.live import Feed
from purchase_simulators.wire.clock import SharedClock
from purchase_simulators.wire.embedded import EmbeddedServer
from purchase_simulators.wire.local import LocalProvider, Wanted

from .catalog import CATALOG
from .desk import furnish, tell_time

OPERATOR = Operator("you", frozenset(Role))
KEY_BYTES = 24
PERCENT = 100
COSTS = {
    "sandbox": {"basis_points": 100, "fixed": 10},
    "stripe": {"basis_points": 290, "fixed": 30},
    "paddle": {"basis_points": 500, "fixed": 50},
}
"""What each takes of a payment: list prices, for the comparison of policies."""


@attrs.frozen
class Demo:
    """Everything that runs, and where. Providers go by the names of their connections; one key opens all.

    `console_url` is "" where there is none.
    """

    billing: Billing
    providers: Mapping[str, LocalProvider]
    clock: SharedClock
    key: Secret
    shop_url: str
    console_url: str
    database: Path


@asynccontextmanager
async def running(
    database: Path,
    names: Sequence[str] = ("sandbox",),
    *,
    shop_port: int = 0,
    provider_port: int = 0,
    plugins: Sequence[object] = (),
    feed: Feed | None = None,
    catalog: Catalog = CATALOG,
    desk: Path | None = None,
) -> AsyncIterator[Demo]:
    """The demo, for as long as the block lasts. Its key is made anew each time, and kept nowhere.

    The first provider listens at `provider_port`, the others at those behind it; 0 takes any free ones. Shop
    and providers have one time, and travel in it together. With a `desk`, an empty folder, there are an
    operator's things too: the console beside the shop, where it is installed, and commands in that folder.
    """
    clock = SharedClock(SystemClock(), on_advance=partial(tell_time, desk) if desk else None)
    feed = feed or Feed()
    key = Secret(f"sk_test_{token_hex(KEY_BYTES)}")
    async with AsyncExitStack() as stack:
        providers: dict[str, LocalProvider] = {}
        for number, name in enumerate(names):
            port = provider_port and provider_port + number
            wanted = Wanted(port=port, api_key=key, on_sent=partial(feed.sent, name))
            providers[name] = await stack.enter_async_context(local_provider(name)(wanted, clock=clock))
        door = _Door()
        serving = await stack.enter_async_context(EmbeddedServer(door, port=shop_port))
        secrets = {
            name: one.connect(f"{serving.url}/webhooks/{name}", None) for name, one in providers.items()
        }
        config, environ = configuration(providers, serving.url, database), _environ(providers, secrets)
        if desk:
            furnish(desk, config, environ)
        opening = Billing.open(
            catalog=catalog,
            config=config,
            environ=environ,
            clock=clock,
            plugins=[feed, *plugins],
        )
        billing = await stack.enter_async_context(opening)
        laboratory = Laboratory(clock, providers)
        console = _console(billing) if desk else None
        door.app = Shop(
            billing, RandomIds(), url=serving.url, laboratory=laboratory, feed=feed, console=console
        ).app
        stack.push_async_callback(serving.stop)  # before what it answers from is closed
        stack.callback(feed.close)  # who listens to it would be waited for
        await stack.enter_async_context(_working(billing))
        console_url = f"{serving.url}{CONSOLE}/" if console else ""
        yield Demo(billing, providers, clock, key, serving.url, console_url, database)


def _console(billing: Billing) -> AsgiApp | None:
    """The console, where it is installed. It lets in whoever reaches this machine: nothing is anybody's."""
    with suppress(PluginMissing):
        return billing.console(auth=lambda _: OPERATOR)
    return None


def configuration(providers: Mapping[str, LocalProvider], shop_url: str, database: Path) -> dict[str, object]:
    """What would stand in `purchase.toml`."""
    return {
        "project": "demo",
        "connections": {
            name: {
                "plugin": one.plugin,
                "mode": "test",
                "api_key": f"env:{name.upper()}_API_KEY",
                "webhook_secrets": [f"env:{name.upper()}_WEBHOOK_SECRET"],
                **one.settings(f"{shop_url}/checkout/{name}"),
            }
            for name, one in providers.items()
        },
        "store": {"plugin": "sqlite", "path": str(database)},
        # Providers are asked by hand: a schedule would find what was lost before anybody has missed it.
        "reconcile": {"events_every_seconds": 0, "objects_every_seconds": 0},
        **({"router": policy(tuple(providers))} if len(providers) > 1 else {}),
    }


def policy(names: Sequence[str]) -> dict[str, object]:
    """What would stand under `[router]`: an even share for everybody, and what each costs."""
    shares = {name: PERCENT // len(names) for name in names}
    shares[names[0]] += PERCENT - sum(shares.values())
    return {
        "name": "demo",
        "share": shares,
        "connections": {name: {"costs": [COSTS[name]]} for name in names},
    }


def _environ(providers: Mapping[str, LocalProvider], secrets: Mapping[str, Secret]) -> dict[str, str]:
    keys = {f"{name.upper()}_API_KEY": one.api_key.reveal() for name, one in providers.items()}
    return keys | {f"{name.upper()}_WEBHOOK_SECRET": one.reveal() for name, one in secrets.items()}


@asynccontextmanager
async def _working(billing: Billing) -> AsyncIterator[None]:
    """What waits is worked off meanwhile, as a deployment would have it done."""
    stop = Stop()
    work = asyncio.create_task(billing.worker().run(stop, lambda task, count: None), name="worker")
    try:
        yield
    finally:
        stop.set()
        await work


class _Door:
    """Where the shop will be: its address has to be known before it is open."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
