"""The demo's parts, running: real HTTP between shop and provider, a real file, really signed webhooks."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from purchase_core.billing import Billing
from purchase_core.catalog.catalog import Catalog
from purchase_core.identifiers import RandomIds
from purchase_core.secret import Secret
from purchase_sandbox.account.account import Account
from purchase_sandbox.sandbox import DEFAULT_ACCOUNT, Sandbox
from purchase_sandbox.server.running import SandboxServer
from purchase_sandbox.shop.app import Shop
from purchase_sandbox.shop.laboratory import Laboratory
from purchase_simulators.wire.embedded import EmbeddedServer

from .catalog import CATALOG

KEY_BYTES = 24


@attrs.frozen
class Demo:
    """Everything that runs, and where."""

    billing: Billing
    sandbox: Sandbox
    account: Account
    sandbox_url: str
    shop_url: str
    database: Path


@asynccontextmanager
async def running(
    database: Path,
    *,
    shop_port: int = 0,
    sandbox_port: int = 0,
    plugins: Sequence[object] = (),
    catalog: Catalog = CATALOG,
) -> AsyncIterator[Demo]:
    """The demo, for as long as the block lasts. Keys are made anew each time, and kept nowhere."""
    keys = {name: secrets.token_hex(KEY_BYTES) for name in ("SANDBOX_API_KEY", "SANDBOX_WEBHOOK_SECRET")}
    sandbox = Sandbox()
    sandbox.signing_clock = sandbox.clock  # shop and provider travel in time together
    account = sandbox.open_account(DEFAULT_ACCOUNT, (Secret(keys["SANDBOX_API_KEY"]),))
    async with SandboxServer(sandbox, port=sandbox_port) as server:
        opening = Billing.open(
            catalog=catalog,
            config=configuration(server.url, database),
            environ=keys,
            clock=sandbox.clock,
            plugins=plugins,
        )
        async with opening as billing:
            shop = Shop(billing, RandomIds(), laboratory=Laboratory(sandbox, account))
            async with EmbeddedServer(shop.app, port=shop_port) as serving:
                shop.url = serving.url
                account.deliveries.add(
                    f"{serving.url}/webhooks/sandbox", Secret(keys["SANDBOX_WEBHOOK_SECRET"])
                )
                yield Demo(billing, sandbox, account, server.url, serving.url, database)


def configuration(sandbox_url: str, database: Path) -> dict[str, object]:
    """What would stand in `purchase.toml`."""
    return {
        "project": "demo",
        "connections": {
            "sandbox": {
                "plugin": "sandbox",
                "mode": "test",
                "api_key": "env:SANDBOX_API_KEY",
                "webhook_secrets": ["env:SANDBOX_WEBHOOK_SECRET"],
                "base_url": sandbox_url,
            }
        },
        "store": {"plugin": "sqlite", "path": str(database)},
    }
