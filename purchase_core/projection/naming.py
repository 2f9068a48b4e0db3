"""Naming lots: those of a sum whose turn to be spent has come are read, and get entries of their own."""

from __future__ import annotations

from purchase_core.access.live import Live
from purchase_core.access.purse import NAMED_LOTS_MAX, LiveLot
from purchase_core.errors import LaneConflict
from purchase_core.facts.rows import LotRow
from purchase_core.ports.store import Store
from purchase_core.projection.tables import rows_of_lane


async def name_lots(store: Store, live: Live, lane: str, unit: str, wanted: int) -> None:
    """Name lots of the sum, the oldest first, until as many credits as are wanted have one.

    A few more are named than that, so that it is rarely done: it reads every lot of the lane. Raises
    LaneConflict where there is less than the document says, as when a lot is not committed yet.
    """
    purse = live.purse
    rows = [
        row
        for row in await rows_of_lane(store, LotRow, lane)
        if row.unit == unit and row.expires_at is None and row.key not in purse.lots
    ]
    drawn = await store.drawn([row.key for row in rows])
    named = 0
    for row in sorted(rows, key=lambda row: (row.granted_at, row.key)):
        lot = LiveLot(unit, row.granted - row.clawed, None, row.granted_at, drawn.get(row.key, 0))
        if lot.left > 0 and (wanted > 0 or named < NAMED_LOTS_MAX):
            purse.lots[row.key] = lot
            purse.credits[unit] = purse.credits.get(unit, 0) - lot.left
            wanted -= lot.left
            named += 1
    if not purse.credits.get(unit):
        purse.credits.pop(unit, None)
    if wanted > 0 or purse.credits.get(unit, 0) < 0:
        raise LaneConflict(f"lots of {lane!r} are not what its document says: read them again")
