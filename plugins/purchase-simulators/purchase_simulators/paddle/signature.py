"""Signs webhooks as Paddle does: `Paddle-Signature: ts=<seconds>;h1=<hex>[;h1=<hex>…]`.

Each h1 is the HMAC-SHA256 of "<seconds>:<raw body>". Source: webhooks/signature-verification.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256

from purchase_core.instants import SECOND, Instant

HEADER = "paddle-signature"


def signed_headers(body: bytes, *, at: Instant, secrets: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The header that goes with a body at `at`, signed with each of the secrets."""
    time = str(at // SECOND)
    digests = [hmac.digest(one.encode(), f"{time}:".encode() + body, sha256).hex() for one in secrets]
    return ((HEADER, ";".join([f"ts={time}", *(f"h1={one}" for one in digests)])),)
