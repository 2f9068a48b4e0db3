"""What the sandbox registers. Importing this opens nothing, and imports neither client nor server."""

from __future__ import annotations

from purchase_core.plugins.descriptors import ProviderOpening, ProviderPlugin
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.ports.provider import Provider

from .config import CAPABILITIES, PLUGIN, SandboxConfig


async def open_provider(opening: ProviderOpening[SandboxConfig]) -> Provider:
    """The adapter of one connection. It calls nobody until it is asked to."""
    from .adapter import SandboxProvider  # noqa: PLC0415  # httpx is imported when an adapter opens
    from .client import SandboxClient  # noqa: PLC0415

    client = SandboxClient(opening.config, opening.api_key, opening.clock)
    return SandboxProvider(opening.connection, opening.config.account, client, opening.webhook_secrets)


@hookimpl
def purchase_register_providers() -> tuple[ProviderPlugin[SandboxConfig], ...]:
    """The sandbox. It moves no money, so it is refused on a live connection."""
    return (ProviderPlugin(PLUGIN, CAPABILITIES, SandboxConfig, open_provider, test_only=True),)
