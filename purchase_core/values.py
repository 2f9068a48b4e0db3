"""The base of the small immutable values that are made, compared, encoded and decoded for every event."""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True, gc=False):
    """Immutable; equal and hashed by its fields; JSON by `msgspec.json`; changed by `structs.replace`.

    Values never refer back to what holds them, so the collector of cycles need not look at them (`gc=False`).
    What takes part in configuration, has validators or hides a field from its repr is an attrs class instead.
    """
