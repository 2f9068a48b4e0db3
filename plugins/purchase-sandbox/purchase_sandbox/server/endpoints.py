"""Webhook endpoints as the API makes and shows them: their secret once, in the answer that made them."""

from __future__ import annotations

import secrets

from purchase_core.errors import InvalidArgument
from purchase_core.secret import Secret
from purchase_sandbox.account.account import Account
from purchase_sandbox.account.book import API_VERSION
from purchase_sandbox.account.refusal import invalid
from purchase_sandbox.account.requests import MakeEndpoint, read
from purchase_simulators.wire.deliveries import Endpoint

SECRET_BYTES = 32


def make_endpoint(account: Account, identifier: str, body: bytes) -> dict[str, object]:
    """A new endpoint, for these types of events only; with its secret."""
    asked = read(body, MakeEndpoint)
    secret = new_secret()
    try:
        made = account.deliveries.add(asked.url, Secret(secret), types=frozenset(asked.events))
    except InvalidArgument as error:
        raise invalid(error.message) from None
    return shown(made) | {"secret": secret}


def shown(endpoint: Endpoint) -> dict[str, object]:
    """An endpoint as a document, without its secrets."""
    return {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "url": endpoint.url,
        "enabled": endpoint.enabled,
        "events": sorted(endpoint.types),
        "api_version": API_VERSION,
        "live_secrets": len(endpoint.secrets),
        "created": endpoint.created,
    }


def new_secret() -> str:
    """A webhook secret that nobody knows yet."""
    return f"whsec_{secrets.token_hex(SECRET_BYTES)}"
