"""Idempotency keys: the first answer to a key is the answer to every repetition, for a day."""

from __future__ import annotations

from hashlib import sha256

import attrs

from purchase_core.instants import SECOND, Instant

KEY_LIFETIME_SECONDS = 86_400
KEY_CHARACTERS_MAX = 255
KEYS_MAX = 200_000


class KeyTooLong(Exception):
    """A key of more than KEY_CHARACTERS_MAX characters."""


class KeyReused(Exception):
    """The key was used before, for another request."""


@attrs.frozen
class Answer:
    """A status and a JSON body."""

    status: int
    body: bytes = attrs.field(repr=False)


@attrs.frozen
class _Kept:
    fingerprint: bytes
    answer: Answer
    at: Instant


class AnsweredKeys:
    """Answers by idempotency key. Keys are forgotten after a day, oldest first if there are too many."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def find(self, key: str, fingerprint: bytes, now: Instant) -> Answer | None:
        """The answer that was given to this key. Raises KeyTooLong, KeyReused."""
        if len(key) > KEY_CHARACTERS_MAX:
            raise KeyTooLong
        self._forget(now)
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.fingerprint != fingerprint:
            raise KeyReused
        return kept.answer

    def keep(self, key: str, fingerprint: bytes, answer: Answer, now: Instant) -> None:
        """Remember the answer to a key."""
        self._kept[key] = _Kept(fingerprint, answer, now)

    def _forget(self, now: Instant) -> None:
        # The dictionary is in the order of keeping, so the oldest come first.
        while self._kept:
            oldest = next(iter(self._kept))
            if self._kept[oldest].at + KEY_LIFETIME_SECONDS * SECOND > now and len(self._kept) < KEYS_MAX:
                return
            del self._kept[oldest]


def fingerprint(method: str, path: str, body: bytes) -> bytes:
    """What a request is, for comparison with another one under the same key."""
    return sha256(b"\0".join((method.encode(), path.encode(), body))).digest()
