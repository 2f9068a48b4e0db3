"""What Stripe's adapter registers. Importing this opens nothing, and imports neither SDK nor client."""

from __future__ import annotations

from purchase_core.plugins.descriptors import ProviderOpening, ProviderPlugin
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.ports.provider import Provider

from .config import CAPABILITIES, PLUGIN, StripeConfig


async def open_provider(opening: ProviderOpening[StripeConfig]) -> Provider:
    """The adapter of one connection. It calls nobody until it is asked to."""
    from .adapter import StripeProvider  # noqa: PLC0415  # 120 ms and 25 MB, when an adapter opens
    from .client import StripeCalls  # noqa: PLC0415

    calls = StripeCalls(opening.config, opening.api_key, opening.clock)
    return StripeProvider(opening.connection, opening.config, calls, opening.webhook_secrets)


@hookimpl
def purchase_register_providers() -> tuple[ProviderPlugin[StripeConfig], ...]:
    """Stripe."""
    return (ProviderPlugin(PLUGIN, CAPABILITIES, StripeConfig, open_provider),)
