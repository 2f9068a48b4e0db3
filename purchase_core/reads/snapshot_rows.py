"""Which rows of a customer a snapshot tells of: the newest where there are many, else all.

A subscription's bill that waits for its money is told however old it is: something is asked of the customer.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from purchase_core.access.live import Live, decode_live
from purchase_core.facts.rows import ROW_TYPES, InvoiceRow, Row
from purchase_core.ports.store import NEWEST_BY, Store
from purchase_core.projection.tables import row_of_lane, rows_of_lane
from purchase_core.records.lane import Lane

SNAPSHOT_ROWS_MAX = 200  # of one table; open bills come on top
ALL_ROWS = 1 << 31


@attrs.frozen
class SnapshotRows:
    """Rows, each table's by ascending key, and the names of the tables of which there are more."""

    rows: tuple[Row, ...]
    more: tuple[str, ...]


async def present_rows(store: Store, lane: Lane, rows_max: int = SNAPSHOT_ROWS_MAX) -> SnapshotRows:
    """What there is to tell of a lane; no more is read."""
    live = decode_live(lane.document)
    found: list[Row] = []
    more: set[str] = set()
    for table in ROW_TYPES:
        if table not in NEWEST_BY:
            found += await rows_of_lane(store, table, lane.lane)
    for growing in NEWEST_BY:
        newest = await store.newest(growing, lane.lane, limit=rows_max + 1)
        told: list[Row] = list(newest[:rows_max])
        if len(newest) > rows_max:
            more.add(growing.TABLE)
            if growing is InvoiceRow:
                told += await _open_bills(store, lane.lane, live, {row.key for row in told})
        found += sorted(told, key=lambda row: row.key)
    return SnapshotRows(tuple(found), tuple(sorted(more)))


def told_of(rows: Iterable[Row], live: Live, rows_max: int = SNAPSHOT_ROWS_MAX) -> SnapshotRows:
    """The same of rows that are all there, as those of the past are."""
    known = list(rows)
    kept: list[Row] = [row for row in known if type(row) not in NEWEST_BY]
    more: set[str] = set()
    for table, when in NEWEST_BY.items():
        mine: list[Row] = [row for row in known if type(row) is table]
        mine.sort(key=lambda row: (getattr(row, when), row.key), reverse=True)
        told = mine[:rows_max]
        if len(mine) > rows_max:
            more.add(table.TABLE)
            told += [row for row in mine[rows_max:] if row.key in live.bills]
        kept += sorted(told, key=lambda row: row.key)
    return SnapshotRows(tuple(kept), tuple(sorted(more)))


async def _open_bills(store: Store, lane: str, live: Live, told: set[str]) -> list[Row]:
    older = [await row_of_lane(store, InvoiceRow, lane, key) for key in sorted(live.bills.keys() - told)]
    return [row for row in older if row is not None]
