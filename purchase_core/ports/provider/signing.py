"""Signatures of webhooks as most providers make them: a time, and one digest or more, in one header.

    Stripe-Signature: t=1790000000,v1=5257…,v1=6ffb…
    Paddle-Signature: ts=1790000000;h1=eb4d…

Each digest is the HMAC-SHA256 of the time, a separator and the raw body under one of the endpoint's secrets:
while a secret is being rotated, there are several of both, so every digest is compared with every secret.
Other schemes prove nothing, and are passed over. An adapter says only how its header is spelt.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256

import attrs

from purchase_core.errors import SignatureInvalid
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider.events import SIGNATURE_WINDOW_SECONDS, Headers
from purchase_core.secret import Secret

HEADER_CHARACTERS_MAX = 4_096
ITEMS_MAX = 32
TIME_DIGITS_MAX = 11


@attrs.frozen
class SignatureForm:
    """How a provider writes it. `header` is in lower case; `joint` stands between time and body."""

    header: str
    time_name: str
    scheme: str
    separator: str
    joint: str

    def headers(self, body: bytes, *, at: Instant, secrets: Sequence[Secret]) -> Headers:
        """The headers of a body that is sent at `at`, signed with each of the secrets."""
        time = str(at // SECOND)
        items = [f"{self.scheme}={self._digest(secret, time, body)}" for secret in secrets]
        return ((self.header, self.separator.join([f"{self.time_name}={time}", *items])),)

    def verify(self, body: bytes, headers: Headers, *, secrets: Sequence[Secret], now: Instant) -> None:
        """Prove that somebody with one of the secrets signed these very bytes, close to `now`.

        Raises SignatureInvalid, and nothing else. The time taken grows with the body and with nothing else
        that a stranger chooses.
        """
        time, given = self._read(self._only_value(headers))
        if abs(now - int(time) * SECOND) > SIGNATURE_WINDOW_SECONDS * SECOND:
            raise SignatureInvalid(
                f"the signature's time is more than {SIGNATURE_WINDOW_SECONDS} seconds away from ours",
                hint="Compare the clocks of both machines.",
            )
        expected = [self._digest(secret, time, body).encode() for secret in secrets]
        # Every pair is compared, whatever matched before: the time taken tells nothing about the match.
        matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in given]
        if not any(matches):
            raise SignatureInvalid(
                "the signature matches none of the connection's secrets",
                hint="Copy the endpoint's secret anew, and pass on the raw body.",
            )

    def _only_value(self, headers: Headers) -> str:
        values = [value for name, value in headers if name == self.header]
        if len(values) != 1:
            raise SignatureInvalid(f"there must be one header {self.header}; there are {len(values)}")
        if len(values[0]) > HEADER_CHARACTERS_MAX or not values[0].isascii():
            raise SignatureInvalid(f"the header {self.header} is too long, or not ASCII")
        return values[0]

    def _read(self, value: str) -> tuple[str, list[bytes]]:
        """The time, and the digests of our scheme."""
        items = value.split(self.separator, ITEMS_MAX)
        if len(items) > ITEMS_MAX:
            raise SignatureInvalid(f"the header {self.header} has more than {ITEMS_MAX} items")
        times: list[str] = []
        digests: list[bytes] = []
        for item in items:
            name, _, content = item.partition("=")
            if not (name.isalnum() and content.isalnum()):
                raise SignatureInvalid(f"the header {self.header} has an item that cannot be read")
            if name == self.time_name:
                times.append(content)
            elif name == self.scheme:
                digests.append(content.encode())
        if len(times) != 1 or not times[0].isdecimal() or len(times[0]) > TIME_DIGITS_MAX:
            raise SignatureInvalid(f"the header {self.header} has no time that can be read")
        return times[0], digests

    def _digest(self, secret: Secret, time: str, body: bytes) -> str:
        signed = f"{time}{self.joint}".encode() + body
        return hmac.digest(secret.reveal().encode(), signed, sha256).hex()
