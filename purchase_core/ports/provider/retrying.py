"""Reads that are tried again: a read changes nothing, so that trying again is safe. Writes never are.

A provider that says when to come back (`Retry-After`) is not pressed: whoever asked knows how urgent it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar
from zlib import crc32

from purchase_core.errors import ProviderUnavailable

READ_RETRY_MILLISECONDS = (100, 400)  # at most; each pause is shortened by up to a half

Pause: TypeAlias = Callable[[float], Awaitable[object]]
A = TypeVar("A")


async def read_patiently(read: Callable[[], Awaitable[A]], *, seed: str, pause: Pause) -> A:
    """Read, and read again where that may help. Raises what the last try raises.

    `seed` spreads the pauses, so that those who failed together do not come back together: it should differ
    between processes and calls.
    """
    for milliseconds in READ_RETRY_MILLISECONDS:
        try:
            return await read()
        except ProviderUnavailable as error:
            if error.retry_after_seconds is not None:
                raise
        await pause(spread_seconds(milliseconds, f"{seed}:{milliseconds}"))
    return await read()


def spread_seconds(milliseconds: int, seed: str) -> float:
    """A half to the whole of a pause, in seconds; the same for the same seed."""
    shortened = 1_000 - crc32(seed.encode("utf-8", "surrogatepass")) % 501  # per mille
    return milliseconds * shortened / 1_000_000
