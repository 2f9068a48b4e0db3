"""Statements that say what waits: counted by sort, and row by row. Needs the extra `schema`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import sqlalchemy as sa

from purchase_core.facts.rows import CaseRow, RefundRow
from purchase_core.ports.operator_reads import TALLIES, WAITING_TYPES
from purchase_core.records.delivery import QUARANTINED
from purchase_sql import schema
from purchase_sql.dialects import BeforeColon, Indexed
from purchase_sql.shapes import ROW_COLUMNS
from purchase_sql.statement import Statement, number, whole, word


@attrs.frozen
class _Waiting:
    """Rows of one sort: which, in the order of an index; what they are counted by, since when, and money.

    `over`: of those that were chosen, the ones whose instant is over are counted.
    """

    which: Sequence[sa.ColumnElement[bool] | sa.TextClause]
    order: tuple[sa.ColumnElement[Any], ...]
    by: tuple[sa.ColumnElement[str], ...]
    since: sa.Column[int]
    amount: sa.ColumnElement[int] = attrs.field(factory=lambda: number(0))
    over: bool = False


def in_state(state: str) -> tuple[sa.ColumnElement[bool], ...]:
    """That a delivery is in a state which is not DONE, to be read in the order of (state, id).

    An equation would leave the order of ids alone, and a planner that takes the state for frequent would walk
    the key, past everything that is done.
    """
    column = schema.deliveries.c.state
    return (column >= word(state), column <= word(state), Indexed(schema.IS_NOT_DONE))


def statements() -> Iterable[Statement]:
    """All of them."""
    sorts = _sorts()
    for of, waiting in sorts.items():
        taken = (("now",) if waiting.over else ()) + ("limit",)
        yield Statement(f"tally_{of}", taken, _counted(waiting, TALLIES[of]))
    for row_type in WAITING_TYPES:
        waiting, table = sorts[row_type.TABLE], schema.rows[row_type]
        columns = (table.c[name] for name in ROW_COLUMNS[row_type])
        clause = sa.select(*columns).where(*waiting.which).order_by(*waiting.order).limit(whole("limit"))
        yield Statement(f"{row_type.TABLE}_waiting", ("limit",), clause)


def _counted(waiting: _Waiting, names: tuple[str, ...]) -> sa.Select[Any]:
    # Those that are counted are chosen first, so that a flood costs no more than the limit.
    chosen = (
        sa.select(
            *(one.label(name) for one, name in zip(waiting.by, names, strict=True)),
            waiting.since.label("since"),
            waiting.amount.label("amount"),
        )
        .where(*waiting.which)
        .order_by(*waiting.order)
        .limit(whole("limit"))
        .subquery("counted")
    )
    by = [chosen.c[name] for name in names]
    counted = (
        sa.select(
            *by,
            sa.func.count().label("count"),
            sa.func.min(chosen.c.since).label("oldest"),
            sa.cast(sa.func.sum(chosen.c.amount), schema.WHOLE).label("amount"),
        )
        .group_by(*by)
        .order_by(*by)
    )
    return counted.where(chosen.c.since < whole("now")) if waiting.over else counted


def _sorts() -> dict[str, _Waiting]:
    deliveries, commands, boxes = schema.deliveries, schema.commands, schema.mailboxes
    cases, refunds = schema.rows[CaseRow], schema.rows[RefundRow]
    pending = sa.text(schema.IS_PENDING)
    due = (deliveries.c.available_at, deliveries.c.id)
    return {
        "pending": _Waiting((pending,), due, (deliveries.c.connection,), deliveries.c.received_at),
        "abandoned": _Waiting(
            (pending,),  # by an index of leases, each claim would write every index of its row again
            due,
            (deliveries.c.connection,),
            deliveries.c.leased_until,
            over=True,
        ),
        "quarantined": _Waiting(
            in_state(QUARANTINED),
            (deliveries.c.state, deliveries.c.id),
            (deliveries.c.connection, deliveries.c.event_type, BeforeColon(deliveries.c.reason)),
            deliveries.c.received_at,
        ),
        "commands": _Waiting(
            (sa.text(schema.IS_OPEN),),
            (commands.c.updated_at, commands.c.key),
            (commands.c.kind, commands.c.connection, commands.c.state),
            commands.c.created_at,
        ),
        "mailboxes": _Waiting(
            (sa.text(schema.IS_NOT_IDLE),),
            (boxes.c.subscriber, boxes.c.state, boxes.c.lane),
            (boxes.c.subscriber, boxes.c.state),
            boxes.c.available_at,
        ),
        "cases": _Waiting(
            (sa.text(schema.IS_OPEN_CASE),),
            (cases.c.amount.desc(), cases.c.key.desc()),
            (cases.c.kind, cases.c.currency),
            cases.c.opened_at,
            cases.c.amount,
        ),
        "refunds": _Waiting(
            (sa.text(schema.IS_STUCK_REFUND),),
            (refunds.c.amount.desc(), refunds.c.key.desc()),
            (refunds.c.status, refunds.c.currency),
            refunds.c.seen_at,
            refunds.c.amount,
        ),
    }
