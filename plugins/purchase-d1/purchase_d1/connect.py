"""From a configuration to the transport that it means."""

from __future__ import annotations

from purchase_d1.config import D1Config
from purchase_d1.transport import Transport


def connect(config: D1Config) -> Transport:
    """The way over HTTP. Nothing is sent yet."""
    from purchase_d1.http import HttpTransport  # noqa: PLC0415  # a Worker has no use for an HTTP client

    return HttpTransport(
        config.url,
        config.token,
        timeout_seconds=config.timeout_seconds,
        connections_max=config.connections_max,
    )
