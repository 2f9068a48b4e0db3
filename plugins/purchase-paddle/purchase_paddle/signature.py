"""Signatures of webhooks: `Paddle-Signature: ts=<seconds>;h1=<hex>[;h1=<hex>…]`.

Each h1 is the HMAC-SHA256 of "<seconds>:<raw body>" under one of the destination's secrets. While secrets
are being rotated there are several of both, so every h1 is compared with every secret. The window is ours:
Paddle's libraries use five seconds, which a retry through a queue would miss. Source:
webhooks/signature-verification.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256

from purchase_core.errors import SignatureInvalid
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import SIGNATURE_WINDOW_SECONDS, Headers
from purchase_core.secret import Secret

HEADER = "paddle-signature"
SCHEME = "h1"
HEADER_CHARACTERS_MAX = 4_096
ITEMS_MAX = 32
TIME_DIGITS_MAX = 11


def verify(body: bytes, headers: Headers, *, secrets: Sequence[Secret], now: Instant) -> None:
    """Prove that somebody with one of the secrets signed these very bytes, close to `now`.

    Raises SignatureInvalid, and nothing else. The time taken grows with the body and with nothing else
    that a stranger chooses.
    """
    time, given = _read(_only_value(headers))
    if abs(now - int(time) * SECOND) > SIGNATURE_WINDOW_SECONDS * SECOND:
        raise SignatureInvalid(
            f"the signature's time is more than {SIGNATURE_WINDOW_SECONDS} seconds away from ours",
            hint="Compare the clocks of both machines.",
        )
    expected = [_digest(secret, time, body).encode() for secret in secrets]
    # Every pair is compared, whatever matched before: the time taken tells nothing about the match.
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in given]
    if not any(matches):
        raise SignatureInvalid(
            "the signature matches none of the connection's secrets",
            hint="Copy the destination's secret anew, and pass on the raw body.",
        )


def _only_value(headers: Headers) -> str:
    values = [value for name, value in headers if name == HEADER]
    if len(values) != 1:
        raise SignatureInvalid(f"there must be one header {HEADER}; there are {len(values)}")
    if len(values[0]) > HEADER_CHARACTERS_MAX or not values[0].isascii():
        raise SignatureInvalid(f"the header {HEADER} is too long, or not ASCII")
    return values[0]


def _read(value: str) -> tuple[str, list[bytes]]:
    """The time and the h1 digests of a header. Schemes that this code does not know are passed over."""
    items = value.split(";", ITEMS_MAX)
    if len(items) > ITEMS_MAX:
        raise SignatureInvalid(f"the header {HEADER} has more than {ITEMS_MAX} items")
    times: list[str] = []
    digests: list[bytes] = []
    for item in items:
        name, _, content = item.partition("=")
        if not (name.isalnum() and content.isalnum()):
            raise SignatureInvalid(f"the header {HEADER} has an item that cannot be read")
        if name == "ts":
            times.append(content)
        elif name == SCHEME:
            digests.append(content.encode())
    if len(times) != 1 or not times[0].isdecimal() or len(times[0]) > TIME_DIGITS_MAX:
        raise SignatureInvalid(f"the header {HEADER} has no time that can be read")
    return times[0], digests


def _digest(secret: Secret, time: str, body: bytes) -> str:
    return hmac.digest(secret.reveal().encode(), f"{time}:".encode() + body, sha256).hex()
