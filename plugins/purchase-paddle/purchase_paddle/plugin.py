"""What Paddle's adapter registers. Importing this opens nothing, and imports no client."""

from __future__ import annotations

from purchase_core.plugins.descriptors import ProviderOpening, ProviderPlugin
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.ports.provider import Provider

from .config import CAPABILITIES, PLUGIN, PaddleConfig


async def open_provider(opening: ProviderOpening[PaddleConfig]) -> Provider:
    """The adapter of one connection. It calls nobody until it is asked to."""
    from .adapter import PaddleProvider  # noqa: PLC0415  # httpx is imported when an adapter opens
    from .client import PaddleClient  # noqa: PLC0415

    client = PaddleClient(opening.config, opening.connection.mode, opening.api_key, opening.clock)
    return PaddleProvider(opening.connection, opening.config, client, opening.webhook_secrets)


@hookimpl
def purchase_register_providers() -> tuple[ProviderPlugin[PaddleConfig], ...]:
    """Paddle Billing."""
    return (ProviderPlugin(PLUGIN, CAPABILITIES, PaddleConfig, open_provider),)
