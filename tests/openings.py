"""Billings to open: configurations, and a plugin that notes the order in which things open and close."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from purchase_core import Billing, Catalog
from purchase_core.opening import Opening
from purchase_core.plugins.descriptors import (
    StoreOpening,
)
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore
from purchase_core.testing.plugins import MemoryPlugin
from purchase_core.testing.scripted import ScriptedProvider

CANARY = "canary-4711"
ENVIRON = {"KEY": f"key-{CANARY}", "SECRET": f"whsec_{CANARY}-long-enough-to-be-believed"}
SCRIPTED: dict[str, object] = {
    "plugin": "scripted",
    "mode": "test",
    "api_key": "env:KEY",
    "webhook_secrets": ["env:SECRET"],
}


def config(*connections: str, **tables: object) -> dict[str, object]:
    return {
        "store": {"plugin": "memory"},
        "connections": {name: dict(SCRIPTED) for name in connections},
        **tables,
    }


def opening(
    settings: dict[str, object] | Path | str, *plugins: object, environ: dict[str, str] | None = None
) -> Opening:
    return Billing.open(
        catalog=Catalog(),
        config=settings,
        plugins=plugins or (MemoryPlugin(),),
        environ=ENVIRON if environ is None else environ,
    )


def opened(one: Opening) -> Billing:
    async def scene() -> Billing:
        async with one as billing:
            return billing

    return asyncio.run(scene())


class Order(MemoryPlugin):
    """Notes what is opened and closed, in order; `errors` are raised at the step of that name."""

    def __init__(
        self, *, database: MemoryDatabase | None = None, errors: dict[str, BaseException] | None = None
    ) -> None:
        super().__init__(database)
        self.steps: list[str] = []
        self.errors = dict(errors or {})

    def step(self, name: str) -> None:
        self.steps.append(name)
        if name in self.errors:
            raise self.errors[name]

    async def _open_store(self, opening: StoreOpening[Any]) -> MemoryStore:
        plugin = self

        class Store(MemoryStore):
            async def aclose(self) -> None:
                plugin.step("close store")
                await super().aclose()

        self.step("open store")
        return Store(self.database)

    async def _open_provider(self, opening: Any) -> ScriptedProvider:
        plugin = self

        class Noted(ScriptedProvider):
            async def aclose(self) -> None:
                plugin.step(f"close {self.connection.name}")

        self.step(f"open {opening.connection.name}")
        return Noted(opening.connection, opening.webhook_secrets)
