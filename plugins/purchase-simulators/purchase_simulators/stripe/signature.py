"""How Stripe signs webhooks: https://docs.stripe.com/webhooks#verify-manually."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256

from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Headers
from purchase_core.secret import Secret

HEADER = "stripe-signature"
FAKE_KEY = b"not the secret"


def signed_headers(body: bytes, *, at: Instant, secrets: Sequence[Secret], fake: bool = False) -> Headers:
    """The headers of a body: one v1 for each live secret. `fake`: and test mode's v0."""
    time = str(at // SECOND)
    items = [f"v1={_digest(secret.reveal().encode(), time, body)}" for secret in secrets]
    if fake:
        items.append(f"v0={_digest(FAKE_KEY, time, body)}")
    return ((HEADER, ",".join([f"t={time}", *items])),)


def _digest(key: bytes, time: str, body: bytes) -> str:
    return hmac.digest(key, time.encode() + b"." + body, sha256).hex()
