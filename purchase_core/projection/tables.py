"""Tables and journals of one lane: whole, or one row of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from purchase_core.errors import InvalidArgument, InvalidText, NotFound
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.paging import every_movement
from purchase_core.ports.store import NEWEST_BY, N, Store, TableRow
from purchase_core.records.lane import customer_of
from purchase_core.records.movement import Movement
from purchase_core.text import storable

R = TypeVar("R", bound=TableRow)

BEFORE_SURROGATES, SURROGATES_END = 0xD7FF, 0xDFFF


async def rows_of_lane(store: Store, table: type[R], lane: str) -> list[R]:
    """Every row of one table that belongs to a lane, by ascending key."""
    found: list[R] = []
    after = ""
    while True:  # without the generators of `every_row`: each projection reads many tables that are empty
        page = await store.rows(table, lane=lane, after_key=after)
        found += page
        if len(page) < PAGE_ROWS_MAX:
            return found
        after = page[-1].key


async def row_of_lane(store: Store, table: type[R], lane: str, key: str) -> R | None:
    """The row of one key in a lane; None if there is none. Reads no other, however many there are."""
    if not key or not _is_storable(key):
        return None
    found = await store.rows(table, lane=lane, after_key=_just_before(key), limit=1)
    return next((row for row in found if row.key == key), None)


async def newest_of_lane(
    store: Store, table: type[N], lane: str, *, before: str = "", limit: int = PAGE_ROWS_MAX
) -> Sequence[N]:
    """A page of the rows of a lane, the newest first: behind the row of the key `before`, if it says any.

    Raises InvalidArgument, and NotFound where there is no such row to go on from.
    """
    if type(limit) is not int or not 1 <= limit <= PAGE_ROWS_MAX:
        raise InvalidArgument(f"limit must be a whole number from 1 to {PAGE_ROWS_MAX:,}")
    if not before:
        return await store.newest(table, lane, limit=limit)
    last = await row_of_lane(store, table, lane, before)
    if last is None:
        raise NotFound(f"there is no {before!r} to go on from", hint="Begin with the newest again.")
    when = next(column for growing, column in NEWEST_BY.items() if growing is table)
    return await store.newest(table, lane, before=(getattr(last, when), last.key), limit=limit)


def _just_before(key: str) -> str:
    """What sorts before a key, and behind all that is stored before it."""
    last = ord(key[-1]) - 1
    if not last:
        return key[:-1]  # what lies between holds a NUL
    if BEFORE_SURROGATES < last <= SURROGATES_END:
        last = BEFORE_SURROGATES
    return f"{key[:-1]}{chr(last)}\U0010ffff"


def _is_storable(key: str) -> bool:
    try:
        storable("key", key, characters_max=len(key))
    except InvalidText:
        return False
    return True


async def journal_of(store: Store, lane: str) -> list[Movement]:
    """Every movement of a lane, in order. What nobody owns has none."""
    return [one async for one in every_movement(store, lane)] if customer_of(lane) else []
