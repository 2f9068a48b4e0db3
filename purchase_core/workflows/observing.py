"""Observing: one object as its provider shows it now, as facts."""

from __future__ import annotations

from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import Provider


async def observe(provider: Provider, kind: str, object_id: str) -> tuple[Fact, ...]:
    """What an object shows. Raises a ProviderError; ProviderRefused where there is none of that id."""
    return provider.normalise(provider.parse_fetched(await provider.fetch(kind, object_id))).facts
