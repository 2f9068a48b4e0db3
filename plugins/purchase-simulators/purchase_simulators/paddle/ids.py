"""Paddle's ids: a prefix, and 26 characters that sort by time, as in `txn_01hv8wptq8987qeep44cyrewp9`."""

from __future__ import annotations

import random

from purchase_core.instants import MILLISECOND, Clock

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS = 26
_COUNTER_BITS, _CHANCE_BITS = 24, 56
_SECRET_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"  # noqa: S105  # letters


class PaddleIds:
    """Makes ids that ascend in the order of asking, whatever the clock does. The same for the same seed."""

    def __init__(self, clock: Clock, seed: int | None = None) -> None:
        self._clock = clock
        self._random = random.Random(seed) if seed is not None else random.SystemRandom()  # noqa: S311
        self._count = 0
        self._milliseconds = 0

    def new(self, prefix: str) -> str:
        """The next id of a kind."""
        self._count += 1
        self._milliseconds = max(self._milliseconds, self._clock.now() // MILLISECOND)
        chance = self._random.getrandbits(_CHANCE_BITS)
        value = (self._milliseconds << _COUNTER_BITS | self._count & 0xFF_FFFF) << _CHANCE_BITS | chance
        digits = (_ALPHABET[value >> 5 * place & 31] for place in reversed(range(_DIGITS)))
        return f"{prefix}_{''.join(digits)}"

    def uuid(self) -> str:
        """A UUID, as payment attempts and requests have."""
        text = f"{self._random.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | 0x4 << 76 | 0x2 << 62:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def secret(self, prefix: str, length: int) -> str:
        """Letters that nobody guesses, behind a prefix."""
        return prefix + "".join(self._random.choices(_SECRET_ALPHABET, k=length))
