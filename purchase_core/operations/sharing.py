"""Ranges of lanes, looked at by one or shared out among many, and told of in the order in which they lie."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias, TypeVar

from purchase_core.ports.paging import every_lane
from purchase_core.ports.store import Store

T = TypeVar("T")

Range: TypeAlias = tuple[str, str]
"""The first and the last lane of those between which everything is read at once, both included."""

Look: TypeAlias = Callable[[str, str], Awaitable[T]]
"""Looks at the lanes from the first to the last."""

Share: TypeAlias = Callable[[AsyncIterator[Range]], AsyncIterator[tuple[Range, T]]]
"""Has every range looked at, and tells what came of each: all of them, once, in the order given."""

LANES_AT_ONCE = 200
VERSIONS_AT_ONCE = 2_000  # a lane has moved about as often as it has facts


def alone(look: Look[T]) -> Share[T]:
    """One range after the other, with nobody else."""

    async def share(ranges: AsyncIterator[Range]) -> AsyncIterator[tuple[Range, T]]:
        async for first, last in ranges:
            yield (first, last), await look(first, last)

    return share


async def ranges(store: Store, after: str) -> AsyncIterator[Range]:
    """Lanes by ascending name, as many at once as can be held: the first and the last of each portion."""
    first = last = ""
    lanes = weight = 0
    async for lane in every_lane(store, after=after):
        first, last = first or lane.lane, lane.lane
        lanes, weight = lanes + 1, weight + lane.version
        if weight >= VERSIONS_AT_ONCE or lanes == LANES_AT_ONCE:
            yield first, last
            first, lanes, weight = "", 0, 0
    if first:
        yield first, last
