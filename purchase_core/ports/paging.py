"""Reading on: all that a store tells in pages, in its order. A page that is not full is the last one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from purchase_core.facts.fact import RecordedFact
from purchase_core.facts.rows import IntentRow, InvoiceRow
from purchase_core.instants import Instant
from purchase_core.ports.deadlines import D, Deadline
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.ports.store import Store, TableRow
from purchase_core.records.command import Command
from purchase_core.records.delivery import Delivery
from purchase_core.records.effect import Effect
from purchase_core.records.lane import Lane
from purchase_core.records.movement import Movement
from purchase_core.records.run import Run

RUNS_READ_MAX = 100  # most want the newest alone

T = TypeVar("T")
P = TypeVar("P")
R = TypeVar("R", bound=TableRow)


async def pages(
    read: Callable[[P], Awaitable[Sequence[T]]],
    place: Callable[[T], P],
    begin: P,
    *,
    rows_max: int = PAGE_ROWS_MAX,
) -> AsyncIterator[Sequence[T]]:
    """Pages that are not empty. `read`: at most `rows_max` of what is behind a place; `place` is of a row."""
    behind = begin
    while True:
        page = await read(behind)
        if page:
            yield page
        if len(page) < rows_max:
            return
        behind = place(page[-1])


async def every(
    read: Callable[[P], Awaitable[Sequence[T]]],
    place: Callable[[T], P],
    begin: P,
    *,
    rows_max: int = PAGE_ROWS_MAX,
) -> AsyncIterator[T]:
    """The same, one by one."""
    behind = begin  # not by way of `pages`: a generator within another costs as much again
    while True:
        page = await read(behind)
        for one in page:
            yield one
        if len(page) < rows_max:
            return
        behind = place(page[-1])


def every_row(store: Store, table: type[R], *, lane: str = "", after: str = "") -> AsyncIterator[R]:
    """Rows of one table by ascending key: of one lane, or of all ("")."""
    return every(lambda key: store.rows(table, lane=lane, after_key=key), lambda row: row.key, after)


def every_open_bill(store: Store, lane: str) -> AsyncIterator[InvoiceRow]:
    """Bills of one lane that wait for their money, the newest first."""
    newest: tuple[Instant, str] | None = None
    return every(lambda at: store.open_bills(lane, before=at), lambda row: (row.seen_at, row.key), newest)


def every_intent(store: Store, *, since: Instant) -> AsyncIterator[IntentRow]:
    """Intents that were placed since then, newest first."""
    newest: tuple[Instant, str] | None = None
    return every(
        lambda place: store.intents_since(since, before=place), lambda row: (row.placed_at, row.key), newest
    )


def due_pages(
    store: Store, deadline: Deadline[D], *, since: Instant, until: Instant
) -> AsyncIterator[Sequence[D]]:
    """Rows of a deadline from `since` to `until`, soonest first."""
    return pages(
        lambda place: store.due(deadline, after=place, until=until),
        lambda row: (getattr(row, deadline.column), row.key),
        (since, ""),
    )


def every_fact(
    store: Store, lane: str, *, known_at: Instant | None = None
) -> AsyncIterator[tuple[int, RecordedFact]]:
    """Facts of one lane in order of recording, with their positions."""
    return every(lambda at: store.facts(lane, known_at=known_at, after=at), lambda one: one[0], 0)


def every_movement(store: Store, lane: str, *, after: int = 0) -> AsyncIterator[Movement]:
    """The journal of one lane, in order."""
    return every(lambda at: store.movements(lane, after=at), lambda one: one.position, after)


def every_effect(
    store: Store, lane: str, *, after: int = -1, rows_max: int = PAGE_ROWS_MAX
) -> AsyncIterator[Effect]:
    """The outbox of one lane, in order."""
    return every(
        lambda at: store.effects(lane, after=at, limit=rows_max),
        lambda one: one.place,
        after,
        rows_max=rows_max,
    )


def every_lane(store: Store, *, after: str = "") -> AsyncIterator[Lane]:
    """Lanes by ascending name, linked ones too."""
    return every(lambda name: store.lanes(after=name), lambda one: one.lane, after)


def every_delivery(store: Store, *, state: str = "", before: str = "") -> AsyncIterator[Delivery]:
    """Inbox rows, newest first, without their bodies; `state` "" means any."""
    return every(
        lambda id_: store.deliveries(state=state, before_id=id_, limit=PAGE_ROWS_MAX),
        lambda one: one.id,
        before,
    )


def every_run(store: Store, kind: str) -> AsyncIterator[Run]:
    """Runs of one kind, newest first."""
    return every(
        lambda id_: store.runs(kind=kind, before_id=id_, limit=RUNS_READ_MAX),
        lambda one: one.id,
        "",
        rows_max=RUNS_READ_MAX,
    )


def every_command_of(store: Store, lane: str) -> AsyncIterator[Command]:
    """Commands of one lane, by ascending key; ended ones too."""
    return every(lambda key: store.commands_of(lane, after_key=key), lambda one: one.key, "")


def every_command(store: Store, under: str) -> AsyncIterator[Command]:
    """Commands whose key begins with `under` and a colon, by ascending key; ended ones too."""
    return every(lambda key: store.commands(under, after_key=key), lambda one: one.key, "")
