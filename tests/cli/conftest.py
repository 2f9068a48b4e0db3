"""An application for the command line: a module on the path, over a memory database of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

from purchase_core import Billing, Catalog, Money, credit_unit, feature, licence, plan, quota, subscription
from purchase_core.cli.main import run
from purchase_core.facts.bodies import Item, SubscriptionSeen
from purchase_core.facts.fact import seen
from purchase_core.instants import DAY, Instant, SystemClock
from purchase_core.ports.provider import CustomerClaim, Normalised
from purchase_core.testing.memory_store import SCHEMA_VERSION, MemoryDatabase
from purchase_core.testing.plugins import MemoryPlugin
from purchase_core.workflows.checkout import Checkout

SHOP = "shop_for_this_test"
CONFIG: dict[str, object] = {
    "store": {"plugin": "memory"},
    "connections": {
        "shop": {
            "plugin": "scripted",
            "mode": "test",
            "api_key": "env:KEY",
            "webhook_secrets": ["env:SECRET"],
        }
    },
}

ENVIRON = {"KEY": "key", "SECRET": "whsec_" + "a" * 32}


@attrs.frozen
class Ended:
    """How a command line ended, and what it printed."""

    code: int
    out: str
    err: str


@attrs.define
class App:
    """The application, importable as `app`; `factory` may be replaced."""

    app: str
    database: MemoryDatabase
    run: Callable[..., Ended]
    module: ModuleType
    catalog: Catalog


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[App]:
    """An application, and the command line that knows it."""
    for name in ("PURCHASE_APP", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    export = feature("export")
    catalog = Catalog(
        subscription("app", plans=[
            plan("free", default=True),
            plan("pro", price=Money("9.00", "EUR"), every="month", trial_days=14, includes=[export()]),
        ])
    )  # fmt: skip
    database = MemoryDatabase(SCHEMA_VERSION)

    def factory() -> Any:
        plugin = MemoryPlugin(database)
        return Billing.open(catalog=catalog, config=CONFIG, plugins=[plugin], environ=ENVIRON)

    module = ModuleType(SHOP)
    vars(module)["factory"] = factory
    monkeypatch.setitem(sys.modules, SHOP, module)

    def call(*arguments: str, app: str = f"{SHOP}:factory") -> Ended:
        code = run([*(["--app", app] if app else []), *arguments])
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    path = list(sys.path)
    yield App(f"{SHOP}:factory", database, call, module, catalog)
    sys.path[:] = path


RICH = Catalog(
    subscription("app", plans=[
        plan("pro", price=Money("9.00", "EUR"), every=(3, "month"), includes=[
            feature("export")(), quota("calls")(limit=1_000, reset="month"), licence("seats")(count=5),
            credit_unit("ai", unit="credits")(amount=500),
        ]),
    ])
)  # fmt: skip


@pytest.fixture
def sold(app: Any) -> Checkout:
    """A checkout that was started, and its subscription, in the application's database."""
    plugin = MemoryPlugin(app.database)

    def opening() -> Any:
        return Billing.open(catalog=RICH, config=CONFIG, plugins=[plugin], environ=ENVIRON)

    async def scene() -> Checkout:
        async with opening() as billing:
            started: Checkout = await billing.checkout.start(
                customer="user_1",
                offer="app:pro",
                success_url="https://shop.example/yes",
                cancel_url="https://shop.example/no",
                idempotency_key="1",
            )
            now = SystemClock().now()
            price = next(iter(app.database.prices.values())).price
            body = SubscriptionSeen(
                "sub_1", "active", "cus_user_1", (Item(price, 1, 900, "EUR"),), now, Instant(now + 30 * DAY),
                now, None, None, None, started.id,
            )  # fmt: skip
            provider = plugin.providers["shop"]
            claims = (CustomerClaim("cus_user_1", "user_1"),)
            provider.meanings["evt_1"] = Normalised((seen("shop", now, body, final=False),), claims)
            receipt = await billing.webhooks.receive("shop", *provider.signed(b'{"id": "evt_1"}', now=now))
            assert receipt.status == "done"
            return started

    def factory() -> Any:
        fresh = MemoryPlugin(app.database)
        return Billing.open(catalog=RICH, config=CONFIG, plugins=[fresh], environ={})

    app.module.factory = factory
    return asyncio.run(scene())
