"""Plugins that bring providers and other things."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from purchase_core.plugins.descriptors import (
    NoConfig,
    ProviderOpening,
    ProviderPlugin,
)
from purchase_core.plugins.hookspecs import LISTENING, hookimpl
from purchase_core.plugins.registry import Registry
from purchase_core.ports.provider import Capabilities, Provider

Install = Callable[[str, Mapping[str, str], Mapping[str, str]], None]

NOTHING = Capabilities(frozenset(), key_lifetime_seconds=0)


async def open_nothing(opening: ProviderOpening[NoConfig]) -> Provider:
    raise AssertionError("nothing is opened here")


def provider(name: str, **changes: Any) -> ProviderPlugin[Any]:
    return attrs.evolve(ProviderPlugin(name, NOTHING, NoConfig, open_nothing), **changes)


class Brings:
    """A plugin that brings these providers, and listens."""

    def __init__(self, *providers: Any) -> None:
        self.providers = providers

    @hookimpl
    def purchase_register_providers(self) -> Sequence[ProviderPlugin[Any]]:
        return self.providers

    @hookimpl
    def purchase_on_provider_call(self, call: object) -> None:
        pass


def nothing_of(registry: Registry) -> bool:
    return not registry.loaded and not any(registry.listeners(hook) for hook in LISTENING)
