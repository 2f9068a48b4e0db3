"""A plugin for an application's own tests: `Billing.open(..., plugins=[MemoryPlugin()])`.

[store]
plugin = "memory"

[connections.scripted]
plugin = "scripted"
mode = "test"
api_key = "env:KEY"
webhook_secrets = ["env:SECRET"]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from purchase_core.plugins.descriptors import (
    NoConfig,
    ProviderOpening,
    ProviderPlugin,
    StoreOpening,
    StorePlugin,
)
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore
from purchase_core.testing.scripted import ScriptedProvider


@attrs.frozen
class MemoryConfig:
    """The memory store has one key: nothing is written where it says so."""

    read_only: bool = False


class MemoryPlugin:
    """Brings the store "memory", over one database as long as the plugin lives, and the provider "scripted".

    `providers` holds what was opened last, by connection.
    """

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self.database = MemoryDatabase() if database is None else database
        self.providers: dict[str, ScriptedProvider] = {}

    @hookimpl
    def purchase_register_stores(self) -> Sequence[StorePlugin[Any]]:
        """The store "memory"."""
        return [StorePlugin("memory", MemoryConfig, self._open_store)]

    @hookimpl
    def purchase_register_providers(self) -> Sequence[ProviderPlugin[Any]]:
        """The provider "scripted"."""
        capabilities = ScriptedProvider.capabilities
        return [ProviderPlugin("scripted", capabilities, NoConfig, self._open_provider, test_only=True)]

    async def _open_store(self, opening: StoreOpening[MemoryConfig]) -> MemoryStore:
        return MemoryStore(self.database)

    async def _open_provider(self, opening: ProviderOpening[NoConfig]) -> ScriptedProvider:
        name = opening.connection.name
        self.providers[name] = ScriptedProvider(opening.connection, opening.webhook_secrets)
        return self.providers[name]
