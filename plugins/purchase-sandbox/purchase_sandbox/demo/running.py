"""The demo's parts, running: real HTTP between shop and providers, a real file, really signed webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import attrs
from starlette.types import ASGIApp, Receive, Scope, Send

from purchase_core.billing import Billing
from purchase_core.catalog.catalog import Catalog
from purchase_core.identifiers import RandomIds
from purchase_core.instants import SystemClock
from purchase_core.operations.worker import Stop
from purchase_core.secret import Secret
from purchase_sandbox.locals import local_provider
from purchase_sandbox.shop.app import Shop
from purchase_sandbox.shop.laboratory import Laboratory
from purchase_simulators.wire.clock import SharedClock
from purchase_simulators.wire.embedded import EmbeddedServer
from purchase_simulators.wire.local import LocalProvider, Wanted

from .catalog import CATALOG


@attrs.frozen
class Demo:
    """Everything that runs, and where. Providers go by the names of their connections."""

    billing: Billing
    providers: Mapping[str, LocalProvider]
    clock: SharedClock
    shop_url: str
    database: Path


@asynccontextmanager
async def running(
    database: Path,
    names: Sequence[str] = ("sandbox",),
    *,
    shop_port: int = 0,
    provider_port: int = 0,
    plugins: Sequence[object] = (),
    catalog: Catalog = CATALOG,
) -> AsyncIterator[Demo]:
    """The demo, for as long as the block lasts. Keys are made anew each time, and kept nowhere.

    The first provider listens at `provider_port`, the others at those behind it; 0 takes any free ones. Shop
    and providers have one time, and travel in it together.
    """
    clock = SharedClock(SystemClock())
    async with AsyncExitStack() as stack:
        providers: dict[str, LocalProvider] = {}
        for number, name in enumerate(names):
            wanted = Wanted(port=provider_port and provider_port + number)
            providers[name] = await stack.enter_async_context(local_provider(name)(wanted, clock=clock))
        door = _Door()
        serving = await stack.enter_async_context(EmbeddedServer(door, port=shop_port))
        secrets = {
            name: one.connect(f"{serving.url}/webhooks/{name}", None) for name, one in providers.items()
        }
        opening = Billing.open(
            catalog=catalog,
            config=configuration(providers, serving.url, database),
            environ=_environ(providers, secrets),
            clock=clock,
            plugins=plugins,
        )
        billing = await stack.enter_async_context(opening)
        laboratory = Laboratory(clock, providers)
        door.app = Shop(billing, RandomIds(), url=serving.url, laboratory=laboratory).app
        await stack.enter_async_context(_working(billing))
        yield Demo(billing, providers, clock, serving.url, database)


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
