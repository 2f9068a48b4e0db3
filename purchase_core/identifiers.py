"""Identifiers: ours (prefixed UUIDv7, made by an IdSource) and the application's (checked)."""

from __future__ import annotations

import os
import random
import time
from typing import NewType, Protocol

from purchase_core.text import identifier

CustomerId = NewType("CustomerId", str)

ID_CHARACTERS_MAX = 255


class IdSource(Protocol):
    """Makes identifiers. Passed in, so that a test or a simulation can repeat them."""

    def new(self, kind: str) -> str:
        """A new identifier such as `intent_0192…`: the kind, and 32 hexadecimal digits that sort by time."""
        ...


class RandomIds:
    """UUIDv7 (RFC 9562): 48 bits of milliseconds, then random."""

    def new(self, kind: str) -> str:
        """A new identifier; no two are alike on any machine."""
        return f"{kind}_{_uuid7(time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10)))}"


class SeededIds:
    """The same identifiers for the same seed, in the order of asking."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # meant to be repeatable
        self._count = 0

    def new(self, kind: str) -> str:
        """The next identifier."""
        self._count += 1
        return f"{kind}_{_uuid7(self._count, self._random.getrandbits(80))}"


def _uuid7(milliseconds: int, entropy: int) -> str:
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | entropy & ~(0xF << 76) & ~(0x3 << 62)
    return f"{value | 0x7 << 76 | 0x2 << 62:032x}"


def customer_id(text: str) -> CustomerId:
    """The application's id of a customer: 1 to 255 printable characters. Raises InvalidArgument."""
    return CustomerId(identifier("customer", text, characters_max=ID_CHARACTERS_MAX))


def idempotency_key(text: str) -> str:
    """A caller's idempotency key: 1 to 255 printable characters. Raises InvalidArgument."""
    return identifier("idempotency_key", text, characters_max=ID_CHARACTERS_MAX)
